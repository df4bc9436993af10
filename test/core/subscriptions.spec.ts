import { describe, expect, it } from '@jest/globals';

import { RealtimeError } from '../../lib/core/index.js';
import { NodeWorld } from '../support/node-world.js';
import { deferred, turn } from '../support/turns.js';

describe('subscribing', () => {
  it('answers with the room’s position, also of an empty room', async () => {
    const world = await NodeWorld.start();
    const peer = await world.connect();
    expect(await peer.ask({ type: 'subscribe', id: '1', room: 'r' })).toEqual([
      { type: 'subscribed', id: '1', room: 'r', epoch: 'epoch-1', offset: 0 },
    ]);
    await world.node.publish('r', { event: 'said', payload: '1' });
    expect(peer.frames()).toMatchObject([{ type: 'message', room: 'r', offset: 1, payload: 1 }]);
  });

  it('answers again to who is in already, and doubles nothing', async () => {
    const world = await NodeWorld.start();
    const peer = await world.connect();
    await peer.ask({ type: 'subscribe', id: '1', room: 'r' });
    await world.node.publish('r', { event: 'said', payload: '1' });
    peer.frames();
    expect(await peer.ask({ type: 'subscribe', id: '2', room: 'r' })).toMatchObject([
      { type: 'subscribed', id: '2', offset: 1 },
    ]);
    await world.node.publish('r', { event: 'said', payload: '2' });
    expect(peer.frames()).toMatchObject([{ type: 'message', offset: 2 }]);
  });

  it('refuses rooms that no class declares, and those whose class says no', async () => {
    const world = await NodeWorld.start();
    world.directory.rights.onSubscribe = () => Promise.resolve(false);
    const peer = await world.connect();
    expect(
      await peer.ask(
        { type: 'subscribe', id: '1', room: 'undeclared' },
        { type: 'subscribe', id: '2', room: 'r' },
      ),
    ).toMatchObject([
      { type: 'error', id: '1', code: 'unknown-room' },
      { type: 'error', id: '2', code: 'forbidden' },
    ]);
    expect(world.node.rooms.size).toBe(0);
  });

  it('answers internal when the class fails, and tells the log', async () => {
    const world = await NodeWorld.start();
    world.directory.rights.onSubscribe = () => Promise.reject(new Error('no database'));
    const peer = await world.connect();
    expect(await peer.ask({ type: 'subscribe', id: '1', room: 'r' })).toEqual([
      {
        type: 'error',
        id: '1',
        code: 'internal',
        message: 'the subscribe failed',
        retryable: false,
      },
    ]);
    expect(world.observer.failures).toMatchObject([{ where: 'subscribe' }]);
  });

  it('tells the code that the class chose', async () => {
    const world = await NodeWorld.start();
    world.directory.rights.onSubscribe = () => Promise.reject(new RealtimeError('paywall', 'pay'));
    const peer = await world.connect();
    expect(await peer.ask({ type: 'subscribe', id: '1', room: 'r' })).toMatchObject([
      { type: 'error', id: '1', code: 'paywall', message: 'pay' },
    ]);
  });

  it('answers internal when the broker fails, and leaves nothing half joined', async () => {
    const world = await NodeWorld.start();
    const peer = await world.connect();
    await world.broker.close();
    expect(await peer.ask({ type: 'subscribe', id: '1', room: 'r' })).toMatchObject([
      { type: 'error', id: '1', code: 'unavailable' },
    ]);
    expect([world.node.rooms.size, peer.connection.rooms.size]).toEqual([0, 0]);
  });

  it('R-04 refuses the 101st room by default, and takes another when one was left', async () => {
    const world = await NodeWorld.start();
    const peer = await world.connect();
    for (let n = 1; n <= 100; n += 1)
      peer.say({ type: 'subscribe', id: String(n), room: `r${String(n)}` });
    await turn();
    expect(peer.frames().every(({ type }) => type === 'subscribed')).toBe(true);
    expect(
      await peer.ask(
        { type: 'subscribe', id: '101', room: 'r101' },
        { type: 'subscribe', id: 'again', room: 'r1' },
        { type: 'unsubscribe', id: 'leave', room: 'r1' },
        { type: 'subscribe', id: '102', room: 'r101' },
      ),
    ).toMatchObject([
      { type: 'error', id: '101', code: 'too-many-rooms' },
      { type: 'subscribed', id: 'again' },
      { type: 'unsubscribed', id: 'leave' },
      { type: 'subscribed', id: '102' },
    ]);
    expect(world.node.rooms.size).toBe(100);
  });

  it('judges a position that came with it', async () => {
    const world = await NodeWorld.start();
    world.directory.rights.history = { size: 1, ttlMs: 1_000, bytes: 10_000 };
    const peer = await world.connect();
    for (let n = 0; n < 2; n += 1) await world.node.publish('r', { event: 'said', payload: '1' });
    const at = { type: 'subscribe', room: 'r', epoch: 'epoch-1' };
    expect(
      await peer.ask(
        { ...at, id: '1', offset: 2 },
        { ...at, id: '2', offset: 1 },
        { ...at, id: '3', offset: 0 },
        { ...at, id: '4', offset: 2, epoch: 'other' },
        { ...at, id: '5', offset: 3 },
        { ...at, id: '6' },
      ),
    ).toMatchObject([
      { id: '1', recovered: true, replayed: 0, offset: 2 },
      { id: '2', recovered: true, replayed: 1, offset: 2 },
      { type: 'message', offset: 2 },
      { id: '3', recovered: false, reason: 'evicted' },
      { id: '4', recovered: false, reason: 'epoch-changed' },
      { id: '5', recovered: false, reason: 'position-unknown' },
      { id: '6', recovered: false, reason: 'position-unknown' },
    ]);
  });

  it('answers the rooms of a hello like subscribes, refusals by unsubscribed with a reason', async () => {
    const world = await NodeWorld.start();
    const peer = world.meet();
    const rooms = [{ room: 'a', epoch: 'x', offset: 3 }, { room: 'undeclared' }, { room: 'b' }];
    const frames = await peer.ask({ type: 'hello', token: 'token-ada', rooms });
    expect(frames.slice(1)).toEqual([
      {
        type: 'subscribed',
        room: 'a',
        epoch: 'epoch-1',
        offset: 0,
        recovered: false,
        reason: 'epoch-changed',
      },
      { type: 'unsubscribed', room: 'undeclared', reason: 'unknown-room' },
      { type: 'subscribed', room: 'b', epoch: 'epoch-2', offset: 0 },
    ]);
  });

  it('does not let in an anonymous session where the room is not public', async () => {
    const world = await NodeWorld.start();
    world.verifier.instead = () => Promise.resolve({ user: { id: 'a1' }, isAnonymous: true });
    const peer = await world.connect();
    expect(await peer.ask({ type: 'subscribe', id: '1', room: 'r' })).toMatchObject([
      { type: 'error', id: '1', code: 'unauthorized' },
    ]);
    world.directory.rights.isPublic = true;
    expect(await peer.ask({ type: 'subscribe', id: '2', room: 'r' })).toMatchObject([
      { type: 'subscribed', id: '2' },
    ]);
  });

  it('leaves no room behind when the peer goes while it is asked for', async () => {
    const world = await NodeWorld.start();
    const gate = deferred();
    world.directory.rights.onSubscribe = async () => {
      await gate.promise;
      return true;
    };
    const peer = await world.connect();
    await peer.ask({ type: 'subscribe', id: '1', room: 'r' });
    peer.link.hangUp();
    gate.resolve();
    await turn();
    expect([world.node.rooms.size, peer.connection.rooms.size]).toEqual([0, 0]);
  });

  it('leaves no room behind when the answer itself is what ends a slow peer', async () => {
    const world = await NodeWorld.start({ limits: { outboxBytes: 300 } });
    const peer = await world.connect();
    peer.link.stopReading();
    peer.say({ type: 'ping', id: 'x'.repeat(60) }, { type: 'ping', id: 'x'.repeat(60) });
    peer.say({ type: 'ping', id: 'x'.repeat(60) });
    peer.say({ type: 'subscribe', id: '1', room: 'r'.repeat(100) });
    await turn();
    expect(peer.connection.state).toBe('closed');
    expect([world.node.rooms.size, peer.connection.rooms.size]).toEqual([0, 0]);
  });

  it('A-10 asks again when rights change while they are asked for', async () => {
    const world = await NodeWorld.start();
    const gates = [deferred<boolean>(), deferred<boolean>()];
    let asked = 0;
    world.directory.rights.onSubscribe = () => {
      asked += 1;
      return gates[asked - 1]?.promise ?? Promise.resolve(false);
    };
    const peer = await world.connect();
    await peer.ask({ type: 'subscribe', id: '1', room: 'r' });
    await world.node.reauthorize('ada');
    gates[0]?.resolve(true);
    await turn();
    expect(peer.frames()).toEqual([]);
    gates[1]?.resolve(false);
    await turn();
    expect(asked).toBe(2);
    expect(peer.frames()).toMatchObject([{ type: 'error', id: '1', code: 'forbidden' }]);
    expect(world.node.rooms.size).toBe(0);
  });

  it('gives up as forbidden where rights change each time they are asked for', async () => {
    const world = await NodeWorld.start();
    let asked = 0;
    world.directory.rights.onSubscribe = async () => {
      asked += 1;
      await world.node.reauthorize('ada');
      return true;
    };
    world.directory.rights.onPublish = async () => {
      await world.node.reauthorize('ada');
      return { allowed: true, payload: undefined };
    };
    const peer = await world.connect();
    expect(
      await peer.ask(
        { type: 'subscribe', id: '1', room: 'r' },
        { type: 'publish', id: '2', room: 'r', event: 'said' },
      ),
    ).toMatchObject([
      { type: 'error', id: '1', code: 'forbidden' },
      { type: 'error', id: '2', code: 'forbidden' },
    ]);
    expect(asked).toBe(3);
  });
});

describe('unsubscribing', () => {
  it('is answered also by who was not in the room, and nothing of the room follows', async () => {
    const world = await NodeWorld.start();
    const peer = await world.connect();
    await peer.ask({ type: 'subscribe', id: '1', room: 'r' });
    expect(
      await peer.ask(
        { type: 'unsubscribe', id: '2', room: 'r' },
        { type: 'unsubscribe', id: '3', room: 'r' },
      ),
    ).toEqual([
      { type: 'unsubscribed', id: '2', room: 'r' },
      { type: 'unsubscribed', id: '3', room: 'r' },
    ]);
    await world.node.publish('r', { event: 'said', payload: '1' });
    expect(peer.frames()).toEqual([]);
    expect(world.node.rooms.size).toBe(0);
  });

  it('R-05 takes effect in order, however fast it follows', async () => {
    const world = await NodeWorld.start();
    const peer = await world.connect();
    for (let n = 0; n < 50; n += 1) {
      peer.say(
        { type: 'subscribe', id: `s${String(n)}`, room: 'r' },
        { type: 'unsubscribe', id: `u${String(n)}`, room: 'r' },
      );
    }
    await turn();
    const types = peer.frames().map(({ type }) => type);
    expect(types.filter((type) => type === 'subscribed')).toHaveLength(50);
    expect(types.at(-1)).toBe('unsubscribed');
    expect(world.node.rooms.size).toBe(0);
  });
});
