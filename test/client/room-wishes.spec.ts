import { describe, expect, it } from '@jest/globals';
import { settle } from './support/fake-clock.js';
import { NAME, record, refusal, subscribed, subscribedRoom } from './support/rooms.js';
import { connectedWorld, message, outcome, World } from './support/world.js';

describe('wishes that follow each other quickly', () => {
  it('ends subscribed after subscribe, unsubscribe, subscribe, and ignores the stale answers', async () => {
    const world = await connectedWorld();
    const room = world.client.room(NAME);
    const log = record(room);
    room.unsubscribe();
    const ready = room.subscribe();
    expect(world.socket.sent.slice(1).map(({ type }) => type)).toEqual([
      'subscribe',
      'unsubscribe',
      'subscribe',
    ]);
    world.socket.receive(subscribed(1, { id: '1' }));
    world.socket.receive(message(2));
    world.socket.receive({ type: 'unsubscribed', id: '2', room: NAME });
    expect(room.state).toBe('subscribing');
    world.socket.receive(subscribed(2, { id: '3' }));
    await ready;
    world.socket.receive(message(3));
    expect(log).toEqual([
      'subscribing',
      'unsubscribed undefined',
      'subscribing',
      'subscribed undefined',
      3,
    ]);
  });

  it('ends unsubscribed when that was the last wish', async () => {
    const { world, room, log } = await subscribedRoom();
    room.unsubscribe();
    room.unsubscribe();
    expect(world.socket.frames('unsubscribe')).toHaveLength(1);
    log.length = 0;
    world.socket.receive(message(4));
    world.socket.receive(subscribed(9));
    world.socket.receive({ type: 'unsubscribed', id: '1', room: NAME });
    expect(room.state).toBe('unsubscribed');
    expect(log).toEqual([]);
    world.socket.drop();
    await world.reconnect();
    expect(world.socket.last('hello').rooms).toEqual([]);
  });

  it('ignores the failure of an unsubscribe', async () => {
    const { world, room } = await subscribedRoom();
    room.unsubscribe();
    world.socket.receive(refusal('1', 'internal'));
    expect(world.reported).toEqual([]);
    expect(room.state).toBe('unsubscribed');
  });

  it('starts anew after it was left: what came between is no gap', async () => {
    const { world, room, log } = await subscribedRoom();
    room.unsubscribe();
    log.length = 0;
    void room.subscribe();
    expect(world.socket.last('subscribe')).toEqual({ type: 'subscribe', id: '2', room: NAME });
    world.socket.receive(subscribed(50, { id: '2' }));
    expect(log).toEqual(['subscribing', 'subscribed undefined']);
  });
});

describe('subscribe()', () => {
  it('resolves when subscribed, however many connections that takes', async () => {
    const world = await connectedWorld();
    const room = world.client.room(NAME);
    const ready = room.subscribe();
    expect(room.subscribe()).toBe(ready);
    world.socket.drop();
    await world.reconnect();
    world.socket.receive(subscribed(1));
    await expect(ready).resolves.toBeUndefined();
    await expect(room.subscribe()).resolves.toBeUndefined();
  });

  it('outlives the last handler', async () => {
    const { world, room } = await subscribedRoom();
    void room.subscribe();
    room.on('a', () => undefined)();
    await settle();
    expect(world.socket.frames('unsubscribe')).toHaveLength(0);
  });

  it('rejects when the room is left or the client closes first', async () => {
    const world = await connectedWorld();
    const room = world.client.room(NAME);
    const left = outcome(room.subscribe());
    room.unsubscribe();
    expect(await left).toMatchObject({ code: 'cancelled' });
    const closed = outcome(room.subscribe());
    world.client.close();
    expect(await closed).toMatchObject({ code: 'closed' });
    expect(await outcome(room.subscribe())).toMatchObject({ code: 'closed' });
    expect(room.state).toBe('unsubscribed');
  });

  it('rejects with the refusal, and the wish is gone', async () => {
    const world = await connectedWorld();
    const room = world.client.room(NAME);
    const log: unknown[] = [];
    room.on('unsubscribed', ({ reason }) => log.push(reason));
    const ready = outcome(room.subscribe());
    world.socket.receive(refusal('1', 'forbidden'));
    expect(await ready).toMatchObject({ code: 'forbidden' });
    expect(log).toEqual(['forbidden']);
    expect(world.reported).toEqual([]);
    world.socket.drop();
    await world.reconnect();
    expect(world.socket.last('hello').rooms).toEqual([]);
  });
});

describe('refusals', () => {
  it('tells the room of a refused hello room; nobody listening, the client', async () => {
    const world = new World();
    const room = world.client.room(NAME);
    room.on('a', () => undefined);
    await world.accept();
    world.socket.receive({ type: 'unsubscribed', room: NAME, reason: 'unknown-room' });
    expect(room.state).toBe('unsubscribed');
    expect(world.reported).toEqual([expect.objectContaining({ code: 'unknown-room' })]);
  });

  it('tells the room when the server takes it out', async () => {
    const { world, log } = await subscribedRoom();
    log.length = 0;
    world.socket.receive({ type: 'unsubscribed', room: NAME, reason: 'forbidden' });
    expect(log).toEqual(['unsubscribed forbidden', 'error forbidden']);
    world.socket.receive(message(4));
    expect(log).toHaveLength(2);
    expect(world.reported).toEqual([]);
  });

  it('does not let an older end of the subscription overrule an open question', async () => {
    const { world, room } = await subscribedRoom();
    room.unsubscribe();
    void room.subscribe();
    world.socket.receive({ type: 'unsubscribed', room: NAME, reason: 'forbidden' });
    expect(room.state).toBe('subscribing');
    world.socket.receive(subscribed(4, { id: '2' }));
    expect(room.state).toBe('subscribed');
  });

  it('tries again by itself when the refusal is temporary, not before the server said', async () => {
    const world = await connectedWorld();
    const room = world.client.room(NAME);
    const ready = room.subscribe();
    world.socket.receive(refusal('1', 'rate-limited', 8_000));
    expect(room.state).toBe('subscribing');
    world.clock.advance(7_999);
    expect(world.socket.frames('subscribe')).toHaveLength(1);
    world.clock.advance(1);
    world.socket.receive(subscribed(1, { id: world.socket.last('subscribe').id }));
    await ready;
    expect(world.reported).toEqual([]);
  });

  it('forgets the retry when the room is left or the connection breaks', async () => {
    const world = await connectedWorld();
    const room = world.client.room(NAME);
    void room.subscribe();
    world.socket.receive(refusal('1', 'unavailable', 0));
    room.unsubscribe();
    expect(world.socket.frames('unsubscribe')).toHaveLength(0);
    expect(world.clock.pending).toBe(1);
    void room.subscribe();
    world.socket.receive(refusal('2', 'unavailable', 0));
    world.socket.drop();
    expect(world.clock.pending).toBe(1);
    await world.reconnect();
    expect(world.socket.last('hello').rooms).toEqual([{ room: NAME }]);
    world.clock.advance(20_000);
    expect(world.socket.frames('subscribe')).toHaveLength(0);
  });
});
