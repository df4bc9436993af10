import { describe, expect, it } from '@jest/globals';

import { NodeWorld } from '../support/node-world.js';
import { deferred, turn } from '../support/turns.js';

describe('publishing', () => {
  it('is answered under its id with the position, and reaches the publisher like everyone', async () => {
    const world = await NodeWorld.start();
    const [ada, bob] = [await world.connect('ada'), await world.connect('bob')];
    for (const peer of [ada, bob]) await peer.ask({ type: 'subscribe', id: '1', room: 'r' });
    const frames = await ada.ask({
      type: 'publish',
      id: '2',
      room: 'r',
      event: 'said',
      payload: { text: 'hi' },
    });
    expect(frames).toMatchObject([
      { type: 'message', room: 'r', event: 'said', offset: 1, payload: { text: 'hi' } },
      { type: 'published', id: '2', epoch: 'epoch-1', offset: 1, durability: 'memory' },
    ]);
    expect(bob.frames()).toMatchObject([{ type: 'message', payload: { text: 'hi' } }]);
  });

  it('is not answered without an id, unless it is refused', async () => {
    const world = await NodeWorld.start();
    const peer = await world.connect();
    expect(
      await peer.ask(
        { type: 'publish', room: 'r', event: 'said' },
        { type: 'publish', room: 'undeclared', event: 'said' },
      ),
    ).toMatchObject([{ type: 'error', code: 'unknown-room' }]);
  });

  it('passes on what the room makes of the payload', async () => {
    const world = await NodeWorld.start();
    world.directory.rights.onPublish = (user, event, payload) =>
      Promise.resolve({ allowed: true, payload: JSON.stringify([user.id, event, payload?.value]) });
    const peer = await world.connect();
    await peer.ask({ type: 'subscribe', id: '1', room: 'r' });
    const frames = await peer.ask({ type: 'publish', room: 'r', event: 'said', payload: 7 });
    expect(frames).toMatchObject([{ type: 'message', payload: ['ada', 'said', 7] }]);
  });

  it('P-03 passes the payload’s text on as it came, byte for byte', async () => {
    const world = await NodeWorld.start();
    const peer = await world.connect();
    await peer.ask({ type: 'subscribe', id: '1', room: 'r' });
    const payload = '{"a" : 1.0, "b":"\\u00e9", "a":2e1}';
    await peer.ask(`{"type":"publish","room":"r","event":"said","payload":${payload}}`);
    expect(peer.link.received.at(-1)).toContain(`"payload":${payload}}`);
  });

  it('is refused with the room’s code and details', async () => {
    const world = await NodeWorld.start();
    world.directory.rights.onPublish = (_, event) =>
      Promise.resolve(
        event === 'bare'
          ? { allowed: false, code: 'unknown-event', message: 'not here' }
          : { allowed: false, code: 'validation-failed', message: 'no', details: ['text'] },
      );
    const peer = await world.connect();
    const frames = await peer.ask(
      { type: 'publish', id: '1', room: 'r', event: 'bare' },
      { type: 'publish', id: '2', room: 'r', event: 'said' },
    );
    expect(frames).toEqual([
      { type: 'error', id: '1', code: 'unknown-event', message: 'not here', retryable: false },
      {
        type: 'error',
        id: '2',
        code: 'validation-failed',
        message: 'no',
        retryable: false,
        details: ['text'],
      },
    ]);
  });

  it('P2 means no when the room’s decision fails', async () => {
    const world = await NodeWorld.start();
    world.directory.rights.onPublish = () => Promise.reject(new Error('no database'));
    const peer = await world.connect();
    await peer.ask({ type: 'subscribe', id: '1', room: 'r' });
    expect(await peer.ask({ type: 'publish', id: '2', room: 'r', event: 'said' })).toMatchObject([
      { type: 'error', id: '2', code: 'internal' },
    ]);
  });

  it('keeps the order of a connection’s publishes although decisions take their time', async () => {
    const world = await NodeWorld.start({ concurrency: 4 });
    const gates = [deferred(), deferred(), deferred()];
    world.directory.rights.onPublish = async (_, __, payload) => {
      await gates[payload?.value as number]?.promise;
      return { allowed: true, payload: payload?.text };
    };
    const peer = await world.connect();
    await peer.ask({ type: 'subscribe', id: '1', room: 'r' });
    for (const payload of [0, 1, 2])
      peer.say({ type: 'publish', room: 'r', event: 'said', payload });
    for (const gate of gates.reverse()) gate.resolve();
    await turn();
    expect(peer.frames()).toMatchObject([{ payload: 0 }, { payload: 1 }, { payload: 2 }]);
  });

  it('P4 answers a repeat with the first position, also on another connection, and says it once', async () => {
    const world = await NodeWorld.start();
    const greet = { type: 'hello', token: 'token-ada', clientKey: 'k'.repeat(22) };
    const publish = { type: 'publish', id: '7', room: 'r', event: 'said', payload: 'hi' };
    const bob = await world.connect('bob');
    await bob.ask({ type: 'subscribe', id: '1', room: 'r' });
    const first = world.meet();
    await first.ask(greet);
    const published = { type: 'published', id: '7', epoch: 'epoch-1', offset: 1 };
    expect(await first.ask(publish, publish)).toMatchObject([published, published]);
    first.link.breakOff();
    const second = world.meet();
    await second.ask(greet);
    expect(await second.ask(publish)).toMatchObject([published]);
    expect(bob.frames()).toMatchObject([{ type: 'message', offset: 1, payload: 'hi' }]);
  });

  it('A-14 takes the same id of somebody else for another message', async () => {
    const world = await NodeWorld.start();
    const publish = { type: 'publish', id: '7', room: 'r', event: 'said' };
    const key = 'k'.repeat(22);
    for (const [index, hello] of [
      { token: 'token-ada', clientKey: key },
      { token: 'token-bob', clientKey: key },
      { token: 'token-ada' },
      { token: 'token-ada' },
    ].entries()) {
      const peer = world.meet();
      await peer.ask({ type: 'hello', ...hello });
      expect(await peer.ask(publish)).toMatchObject([{ type: 'published', offset: index + 1 }]);
    }
  });

  it('gives a volatile message neither a position nor a promise', async () => {
    const world = await NodeWorld.start();
    world.directory.rights.onPublish = (_, __, payload) =>
      Promise.resolve({ allowed: true, payload: payload?.text, volatile: true });
    const peer = await world.connect();
    await peer.ask({ type: 'subscribe', id: '1', room: 'r' });
    const frames = await peer.ask({ type: 'publish', id: '2', room: 'r', event: 'typing' });
    expect(frames).toMatchObject([
      { type: 'message', room: 'r', event: 'typing' },
      { type: 'published', id: '2', durability: 'none' },
    ]);
    for (const frame of frames) expect(frame).not.toHaveProperty('offset');
    expect(await world.broker.top('r')).toMatchObject({ offset: 0 });
  });
});
