import { describe, expect, it } from '@jest/globals';

import { RealtimeError } from '../../lib/core/index.js';
import { NodeWorld } from '../support/node-world.js';
import { deferred, turn, turns } from '../support/turns.js';

const said = { event: 'said', payload: '"hi"' };

describe('a node', () => {
  it('sends to a user on all devices, and to nobody else', async () => {
    const world = await NodeWorld.start();
    const phone = await world.connect('ada');
    const laptop = await world.connect('ada');
    const bob = await world.connect('bob');
    await world.node.sendToUser('ada', said);
    for (const device of [phone, laptop]) {
      expect(device.frames()).toEqual([
        {
          type: 'message',
          event: 'said',
          id: expect.any(String),
          timestamp: world.clock.now(),
          payload: 'hi',
        },
      ]);
    }
    expect(bob.frames()).toEqual([]);
  });

  it('sends to everyone who is known, and not to those who still have to say who they are', async () => {
    const world = await NodeWorld.start();
    const [ada, bob] = [await world.connect('ada'), await world.connect('bob')];
    const stranger = world.meet();
    await world.node.sendToAll({ event: 'said', payload: undefined });
    for (const peer of [ada, bob]) expect(peer.frames()).toMatchObject([{ type: 'message' }]);
    stranger.say({ type: 'hello', token: 'token-cid' });
    await turn();
    expect(stranger.frames()).toMatchObject([{ type: 'connected' }]);
  });

  it('sends to one connection', async () => {
    const world = await NodeWorld.start();
    const phone = await world.connect('ada');
    const laptop = await world.connect('ada');
    world.node.sendTo(phone.connection, said);
    expect(phone.frames()).toMatchObject([{ type: 'message', payload: 'hi' }]);
    expect(laptop.frames()).toEqual([]);
  });

  it('holds back what is sent to a user who is being let in, until they are connected', async () => {
    const world = await NodeWorld.start();
    const gate = deferred();
    world.application.onConnecting = () => gate.promise;
    const peer = world.meet();
    peer.say({ type: 'hello', token: 'token-ada' });
    await turn();
    await world.node.sendToUser('ada', said);
    expect(peer.frames()).toEqual([]);
    gate.resolve();
    await turn();
    expect(peer.frames()).toMatchObject([{ type: 'connected' }, { type: 'message' }]);
  });

  it('disconnects a connection, and every connection of a user', async () => {
    const world = await NodeWorld.start();
    const [phone, laptop] = [await world.connect('ada'), await world.connect('ada')];
    const bob = await world.connect('bob');
    await world.node.disconnect({ connectionId: phone.connection.id }, 4300, 'this one');
    await turn();
    expect(phone.link.peerEnd).toEqual({ code: 4300, reason: 'this one' });
    expect(laptop.link.peerEnd).toBeUndefined();
    await world.node.disconnect({ userId: 'ada' }, 4301, 'all of them');
    await world.node.disconnect({ userId: 'nobody' }, 4301, 'nobody');
    await world.node.disconnect({ connectionId: 'nobody' }, 4301, 'nobody');
    await turn();
    expect(laptop.link.peerEnd).toEqual({ code: 4301, reason: 'all of them' });
    expect(bob.link.peerEnd).toBeUndefined();
    expect(world.node.hub.size).toBe(1);
  });

  it('puts a connection into a room and takes it out, and tells it both', async () => {
    const world = await NodeWorld.start();
    const peer = await world.connect();
    await world.node.join(peer.connection, 'r');
    await world.node.join(peer.connection, 'r');
    expect(peer.frames()).toEqual([{ type: 'subscribed', room: 'r', epoch: 'epoch-1', offset: 0 }]);
    world.node.leave(peer.connection, 'r', 'kicked');
    world.node.leave(peer.connection, 'r');
    expect(peer.frames()).toEqual([{ type: 'unsubscribed', room: 'r', reason: 'kicked' }]);
    await world.node.join(peer.connection, 'r');
    world.node.leave(peer.connection, 'r');
    expect(peer.frames().at(-1)).toEqual({ type: 'unsubscribed', room: 'r' });
    expect(world.node.rooms.size).toBe(0);
  });

  it('R-05 lets the last intent win when a connection is taken out while it is put in', async () => {
    const world = await NodeWorld.start();
    const peer = await world.connect();
    const joining = world.node.join(peer.connection, 'r');
    world.node.leave(peer.connection, 'r');
    await joining;
    expect(peer.connection.rooms.size).toBe(0);
    expect(world.node.rooms.size).toBe(0);
    expect(peer.frames()).toEqual([]);
  });

  it('puts no connection into a room that has ended', async () => {
    const world = await NodeWorld.start();
    const peer = await world.connect();
    peer.link.hangUp();
    await world.node.join(peer.connection, 'r');
    expect(world.node.rooms.size).toBe(0);
  });

  it('answers a publish with position, durability and the message’s name', async () => {
    const world = await NodeWorld.start();
    const [ada, bob] = [await world.connect('ada'), await world.connect('bob')];
    for (const { connection } of [ada, bob]) await world.node.join(connection, 'r');
    for (const peer of [ada, bob]) peer.frames();
    const receipt = await world.node.publish('r', { ...said, except: [ada.connection.id] });
    expect(receipt).toEqual({
      id: expect.any(String),
      position: { epoch: 'epoch-1', offset: 1 },
      durability: 'memory',
    });
    expect(ada.frames()).toEqual([{ type: 'position', room: 'r', epoch: 'epoch-1', offset: 1 }]);
    expect(bob.frames()).toMatchObject([{ type: 'message', id: receipt.id }]);
    await world.node.publish('r', { ...said, except: [] });
    expect(ada.frames()).toMatchObject([{ type: 'message', offset: 2 }]);
  });

  it('rejects what cannot be published', async () => {
    const world = await NodeWorld.start();
    await world.broker.close();
    await expect(world.node.publish('r', said)).rejects.toBeInstanceOf(RealtimeError);
  });

  it('C-13 is empty when everybody goes at once', async () => {
    const world = await NodeWorld.start();
    const peers = await Promise.all(
      Array.from({ length: 300 }, (_, n) => world.connect(`u${String(n % 50)}`)),
    );
    for (const { connection } of peers) await world.node.join(connection, 'r');
    for (const { link } of peers) link.breakOff();
    await turn();
    const { hub, rooms } = world.node;
    expect([hub.size, hub.userCount, rooms.size]).toEqual([0, 0, 0]);
    // Who was in a room may come back: one timer for all of them, and nothing after the grace.
    expect([(await world.presence.read('r', 0)).total, world.clock.waiting]).toEqual([50, 1]);
    world.clock.advance(10_100);
    await turn();
    expect([(await world.presence.read('r', 0)).total, world.clock.waiting]).toEqual([0, 0]);
  });
});

describe('a node that drains', () => {
  it('G-01 says goodbye, waits for answers that are due, then closes with 1001', async () => {
    const world = await NodeWorld.start();
    const gate = deferred();
    world.application.handlers.set('ask', () => gate.promise);
    const [busy, idle] = [await world.connect('ada'), await world.connect('bob')];
    busy.say({ type: 'request', id: '1', event: 'ask' });
    let done = false;
    const draining = world.node.drain({ drainMs: 10_000, spreadMs: 30_000 }).then(() => {
      done = true;
    });
    await turn();
    expect(idle.frames()).toMatchObject([{ type: 'going-away', afterMs: 0 }]);
    expect([done, idle.link.peerEnd]).toEqual([false, undefined]);
    gate.resolve();
    await draining;
    await turn();
    expect(busy.frames()).toMatchObject([{ type: 'going-away' }, { type: 'response', id: '1' }]);
    for (const { link } of [busy, idle]) expect(link.peerEnd?.code).toBe(1001);
    expect([world.node.hub.size, world.clock.waiting]).toEqual([0, 0]);
  });

  it('closes who is still being admitted at once, and lets nobody in late', async () => {
    const world = await NodeWorld.start();
    const gate = deferred();
    world.application.connecting = () => gate.promise;
    const peer = world.meet();
    peer.say({ type: 'hello', token: 'token-ada' });
    await turn();
    await world.node.drain({ drainMs: 10_000, spreadMs: 30_000 });
    gate.resolve();
    await turn();
    expect(peer.link.peerEnd?.code).toBe(1001);
    expect(peer.frames()).toEqual([]);
  });

  it('waits no longer than drainMs', async () => {
    const world = await NodeWorld.start();
    world.application.handlers.set('ask', () => new Promise(() => undefined));
    const peer = await world.connect();
    peer.say({ type: 'request', id: '1', event: 'ask' });
    const draining = world.node.drain({ drainMs: 500, spreadMs: 600 });
    world.clock.advance(499);
    await turns(2);
    expect(peer.link.peerEnd).toBeUndefined();
    world.clock.advance(1);
    await draining;
    await turn();
    expect(peer.link.peerEnd?.code).toBe(1001);
    expect(peer.frames()).toEqual([{ type: 'going-away', afterMs: 0, windowMs: 600 }]);
    expect(world.clock.waiting).toBe(0);
  });

  it('T-01 spreads the return of clients by their number, within its bound', async () => {
    const windows = [];
    for (const [count, spreadMs] of [
      [1, 30_000],
      [40, 30_000],
      [40, 20],
    ] as const) {
      const world = await NodeWorld.start();
      const peers = await Promise.all(Array.from({ length: count }, () => world.connect()));
      await world.node.drain({ drainMs: 0, spreadMs });
      const [frame] = peers[0]?.frames() ?? [];
      windows.push(frame?.type === 'going-away' ? frame.windowMs : -1);
    }
    const [few = 0, many = 0, bounded = 0] = windows;
    expect(few).toBeGreaterThanOrEqual(1_000);
    expect(many).toBeGreaterThan(few);
    expect(bounded).toBe(20);
  });

  it('says no goodbye to those that are not connected yet, and closes them too', async () => {
    const world = await NodeWorld.start();
    const stranger = world.meet();
    await world.node.drain({ drainMs: 0, spreadMs: 30_000 });
    await turn();
    expect(stranger.frames()).toEqual([]);
    expect(stranger.link.peerEnd?.code).toBe(1001);
    expect(world.clock.waiting).toBe(0);
  });

  it('G-02 may be told twice', async () => {
    const world = await NodeWorld.start();
    const peer = await world.connect();
    await Promise.all([
      world.node.drain({ drainMs: 100, spreadMs: 30_000 }),
      world.node.drain({ drainMs: 100, spreadMs: 30_000 }),
    ]);
    await world.node.drain({ drainMs: 100, spreadMs: 30_000 });
    await turn();
    expect(peer.frames().filter(({ type }) => type === 'going-away')).toHaveLength(1);
    expect(world.application.log.filter((line) => line.startsWith('disconnected'))).toHaveLength(1);
  });
});
