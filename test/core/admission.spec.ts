import { describe, expect, it } from '@jest/globals';

import { RealtimeError, type Authentication } from '../../lib/core/index.js';
import { NodeWorld } from '../support/node-world.js';
import { deferred, turn, turns } from '../support/turns.js';

const HELLO = { type: 'hello', token: 'token-ada' };
const ADA: Authentication = { user: { id: 'ada' } };

async function admitted(
  verify: (token: string | undefined) => Promise<Authentication | undefined>,
): Promise<{ world: NodeWorld; peer: ReturnType<NodeWorld['meet']> }> {
  const world = await NodeWorld.start();
  world.verifier.instead = verify;
  const peer = world.meet();
  peer.say(HELLO);
  await turn();
  return { world, peer };
}

describe('admission', () => {
  it('V1 closes with 4401 when the credentials are not good, whatever the reason', async () => {
    const { peer } = await admitted(() => Promise.resolve(undefined));
    expect(peer.link.peerEnd).toEqual({ code: 4401, reason: 'invalid credentials' });
  });

  it('closes with 4401 a hello without token where one is needed', async () => {
    const world = await NodeWorld.start();
    const peer = world.meet();
    peer.say({ type: 'hello' });
    await turn();
    expect(peer.link.peerEnd).toEqual({ code: 4401, reason: 'invalid credentials' });
  });

  it('V2 closes with 4403 whoever is known but not welcome', async () => {
    const { world, peer } = await admitted(() =>
      Promise.reject(new RealtimeError('forbidden', 'banned for life')),
    );
    expect(peer.link.peerEnd).toEqual({ code: 4403, reason: 'forbidden' });
    expect(world.observer.failures).toEqual([]);
  });

  it('closes with 4401 when the verifier says unauthorized in its own way', async () => {
    const { peer } = await admitted(() =>
      Promise.reject(new RealtimeError('unauthorized', 'expired')),
    );
    expect(peer.link.peerEnd).toEqual({ code: 4401, reason: 'invalid credentials' });
  });

  it.each<[string, () => Promise<Authentication | undefined>]>([
    ['rejects', () => Promise.reject(new Error('directory is down'))],
    ['rejects with another code', () => Promise.reject(new RealtimeError('unavailable', 'busy'))],
    [
      'throws',
      () => {
        throw new Error('directory is down');
      },
    ],
    ['gives a user without a name', () => Promise.resolve({ user: { id: '' } })],
    ['gives what is none', () => Promise.resolve({} as Authentication)],
  ])('A-05 V3 fails closed with 1011 when the verifier %s', async (_, verify) => {
    const { world, peer } = await admitted(verify);
    expect(peer.link.peerEnd).toEqual({ code: 1011, reason: 'admission failed' });
    expect(world.observer.failures).toHaveLength(1);
    expect(world.observer.failures[0]?.where).toBe('admission');
    expect(world.node.hub.size).toBe(0);
  });

  it('A-05 closes with 1011 when the verifier hangs, and never lets in late', async () => {
    const gate = deferred<Authentication | undefined>();
    const { world, peer } = await admitted(() => gate.promise);
    world.clock.advance(4_999);
    await turn();
    expect(peer.link.peerEnd).toBeUndefined();
    world.clock.advance(1);
    await turn();
    expect(peer.link.peerEnd?.code).toBe(1011);
    gate.resolve(ADA);
    await turns(2);
    expect(peer.frames()).toEqual([]);
    expect(world.application.log).toEqual([]);
    expect([world.node.hub.size, world.node.hub.userCount, world.clock.waiting]).toEqual([0, 0, 0]);
  });

  it('waits for a verifier that is slow but in time, whatever the hello timeout', async () => {
    const gate = deferred<Authentication | undefined>();
    const world = await NodeWorld.start();
    world.verifier.instead = () => gate.promise;
    const peer = world.meet();
    world.clock.advance(9_000);
    peer.say(HELLO);
    world.clock.advance(4_900);
    await turn();
    gate.resolve(ADA);
    await turn();
    expect(peer.frames()).toMatchObject([{ type: 'connected' }]);
    expect(world.clock.waiting).toBe(0);
  });

  it('keeps out whom a connect hook refuses, with the close of its code', async () => {
    const cases: [unknown, number][] = [
      [new RealtimeError('forbidden', 'no'), 4403],
      [new RealtimeError('unauthorized', 'no'), 4401],
      [new Error('broken'), 1011],
    ];
    for (const [error, code] of cases) {
      const world = await NodeWorld.start();
      world.application.onConnecting = () => Promise.reject(error);
      const peer = world.meet();
      peer.say(HELLO);
      await turn();
      expect(peer.link.peerEnd?.code).toBe(code);
      expect(peer.frames()).toEqual([]);
      expect([world.node.hub.size, world.node.hub.userCount]).toEqual([0, 0]);
    }
  });

  it('closes with 1011 when a connect hook hangs, and never opens late', async () => {
    const world = await NodeWorld.start();
    const gate = deferred();
    world.application.onConnecting = () => gate.promise;
    const peer = world.meet();
    peer.say(HELLO);
    await turn();
    world.clock.advance(5_000);
    await turn();
    expect(peer.link.peerEnd?.code).toBe(1011);
    gate.resolve();
    await turn();
    expect(peer.frames()).toEqual([]);
    expect(world.clock.waiting).toBe(0);
  });

  it('closes with 1011 when telling the application of the connection throws', async () => {
    const world = await NodeWorld.start();
    world.application.onConnected = () => {
      throw new Error('broken');
    };
    const peer = world.meet();
    peer.say(HELLO);
    await turn();
    expect(peer.link.peerEnd?.code).toBe(1011);
    expect(world.node.hub.size).toBe(0);
  });

  it('handles nothing when the application closes the connection as it is told of it', async () => {
    const world = await NodeWorld.start();
    world.application.onConnected = (connection) => {
      connection.close(4300, 'not you');
    };
    world.application.handlers.set('ask', () => Promise.resolve());
    const peer = world.meet();
    peer.say({ ...HELLO, rooms: [{ room: 'r' }] }, { type: 'request', id: '1', event: 'ask' });
    await turns(2);
    expect(peer.frames()).toMatchObject([{ type: 'connected' }]);
    expect(peer.link.peerEnd?.code).toBe(4300);
    expect([world.node.hub.size, world.node.rooms.size]).toEqual([0, 0]);
    expect(world.application.log).not.toContain('handle ask 1');
  });

  it('prefers the token of hello to what the handshake said', async () => {
    const world = await NodeWorld.start();
    const peer = world.meet({ authentication: { user: { id: 'bob' } } });
    expect(await peer.ask(HELLO)).toMatchObject([{ type: 'connected', user: { id: 'ada' } }]);
    const other = world.meet({ authentication: { user: { id: 'bob' } } });
    expect(await other.ask({ type: 'hello' })).toMatchObject([{ user: { id: 'bob' } }]);
  });

  it('C-10 refuses a user’s newest connection beyond their number, with 4429', async () => {
    const world = await NodeWorld.start({ limits: { connectionsPerUser: 2 } });
    const first = await world.connect('ada');
    await world.connect('ada');
    const third = world.meet();
    third.say(HELLO);
    await turn();
    expect(third.link.peerEnd?.code).toBe(4429);
    await world.connect('bob');
    first.link.hangUp();
    await world.connect('ada');
    expect(world.node.hub.ofUser('ada').size).toBe(2);
  });

  it('A-07 keeps out a token that was revoked before it came', async () => {
    const world = await NodeWorld.start();
    await world.node.revoke({ userId: 'ada' });
    const peer = world.meet();
    peer.say(HELLO);
    await turn();
    expect(peer.link.peerEnd).toEqual({ code: 4401, reason: 'invalid credentials' });
    expect(world.node.hub.userCount).toBe(0);
  });
});
