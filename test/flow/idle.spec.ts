import { describe, expect, it } from '@jest/globals';

import { NodeWorld } from '../support/node-world.js';
import { deferred, turn } from '../support/turns.js';

const IDLE_MS = 60_000;

const world = (): Promise<NodeWorld> => NodeWorld.start({ idleTimeoutMs: IDLE_MS });

describe('the idle timeout', () => {
  it('closes with 4301 what nobody used for so long, and not before', async () => {
    const made = await world();
    const { clock } = made;
    const peer = await made.connect();
    clock.advance(IDLE_MS - 1);
    expect(peer.connection.state).toBe('open');
    clock.advance(IDLE_MS / 3);
    await turn();
    expect(peer.link.peerEnd?.code).toBe(4301);
    expect(clock.waiting).toBe(0);
  });

  it('takes no ping for use', async () => {
    const made = await world();
    const peer = await made.connect();
    for (let n = 0; n < 10; n += 1) {
      made.clock.advance(IDLE_MS / 6);
      peer.say({ type: 'ping', id: String(n) });
    }
    expect(peer.connection.state).toBe('closed');
  });

  it('takes every other frame for use, of the client and of the server', async () => {
    const made = await world();
    const [asks, listens] = [await made.connect('ada'), await made.connect('bob')];
    for (let n = 0; n < 20; n += 1) {
      made.clock.advance(IDLE_MS / 3);
      asks.say({ type: 'request', id: String(n), event: 'nothing' });
      await made.node.sendToUser('bob', { event: 'news', payload: '1' });
    }
    expect([asks.connection.state, listens.connection.state]).toEqual(['open', 'open']);
  });

  it('lets those be who are in a room or wait for an answer', async () => {
    const made = await world();
    const gate = deferred();
    made.application.handlers.set('ask', () => gate.promise);
    const [member, waits] = [await made.connect('ada'), await made.connect('bob')];
    await made.node.join(member.connection, 'r');
    waits.say({ type: 'request', id: '1', event: 'ask' });
    made.clock.advance(IDLE_MS * 10);
    expect([member.connection.state, waits.connection.state]).toEqual(['open', 'open']);
    made.node.leave(member.connection, 'r');
    gate.resolve();
    await turn();
    made.clock.advance(IDLE_MS * 2);
    expect([member.connection.state, waits.connection.state]).toEqual(['closed', 'closed']);
  });

  it('leaves those to the hello’s deadline that are not open', async () => {
    const made = await NodeWorld.start({ idleTimeoutMs: 1_000 });
    const peer = made.meet();
    made.clock.advance(9_000);
    expect(peer.connection.state).toBe('awaiting-hello');
  });

  it('is off where nothing is said: there is no timer', async () => {
    const made = await NodeWorld.start();
    const peer = await made.connect();
    expect(made.clock.waiting).toBe(0);
    made.clock.advance(3_600_000);
    expect(peer.connection.state).toBe('open');
  });
});
