import { describe, expect, it } from '@jest/globals';
import type { Room } from '../../lib/client/index.js';
import { settle } from './support/fake-clock.js';
import { NAME, record, refusal, subscribed } from './support/rooms.js';
import { connectedWorld, message, volatileMessage, World } from './support/world.js';

function recordAll(room: Room): unknown[] {
  const log = record(room);
  room.on('reset', (state, { position, reason }) =>
    log.push(`reset ${String(state)} ${String(position.offset)} ${String(reason)}`),
  );
  return log;
}

/** A room that has its state at offset 3. */
async function statefulRoom(): Promise<{ world: World; room: Room; log: unknown[] }> {
  const world = new World();
  const room = world.client.room(NAME);
  const log = recordAll(room);
  await world.accept();
  world.socket.receive(subscribed(3, { snapshot: 'A' }));
  return { world, room, log };
}

const gap = { type: 'gap', room: NAME, epoch: 'e1', offset: 9, reason: 'evicted' } as const;

describe('a room with a handler for reset', () => {
  it('subscribes for that alone, and asks for the state', async () => {
    const world = await connectedWorld();
    const room = world.client.room(NAME);
    const off = room.on('reset', () => undefined);
    expect(world.socket.frames('subscribe')).toEqual([
      { type: 'subscribe', id: '1', room: NAME, snapshot: true },
    ]);
    off();
    await settle();
    expect(room.state).toBe('unsubscribed');
  });

  it('gets the state before the first message, and its position', async () => {
    const { world, room, log } = await statefulRoom();
    expect(world.socket.last('hello').rooms).toEqual([{ room: NAME, snapshot: true }]);
    world.socket.receive(message(4));
    expect(log).toEqual(['subscribing', 'subscribed undefined', 'reset A 3 undefined', 4]);
    expect(room.position?.offset).toBe(4);
  });

  it('may have null for a state', async () => {
    const world = new World();
    const log = recordAll(world.client.room(NAME));
    await world.accept();
    world.socket.receive(subscribed(3, { snapshot: null }));
    expect(log.at(-1)).toBe('reset null 3 undefined');
  });

  it('goes on without a new state when nothing was lost', async () => {
    const { world, log } = await statefulRoom();
    log.length = 0;
    world.socket.drop();
    await world.reconnect();
    expect(world.socket.last('hello').rooms).toEqual([
      { room: NAME, epoch: 'e1', offset: 3, snapshot: true },
    ]);
    world.socket.receive(subscribed(4, { recovered: true, replayed: 1 }));
    world.socket.receive(message(4));
    expect(log).toEqual(['subscribing', 'subscribed true', 'recovered 3+1', 4]);
  });

  it('gets one reset and no gap when something was lost', async () => {
    const { world, log } = await statefulRoom();
    log.length = 0;
    world.socket.drop();
    await world.reconnect();
    world.socket.receive(
      subscribed(9, { recovered: false, reason: 'evicted', snapshot: 'B', epoch: 'e2' }),
    );
    world.socket.receive(message(10, 'e2'));
    expect(log).toEqual(['subscribing', 'subscribed false', 'reset B 9 evicted', 10]);
  });

  it('asks by itself after a gap; nothing is delivered until the state is there', async () => {
    const { world, room, log } = await statefulRoom();
    log.length = 0;
    world.socket.receive(gap);
    world.socket.receive(message(10));
    world.socket.receive(volatileMessage);
    world.socket.receive(gap);
    expect(world.socket.frames('subscribe')).toEqual([
      { type: 'subscribe', id: '1', room: NAME, snapshot: true },
    ]);
    expect(log).toEqual([]);
    expect(room.state).toBe('subscribed');
    world.socket.receive(subscribed(10, { id: '1', snapshot: 'B' }));
    world.socket.receive(message(11));
    expect(log).toEqual(['reset B 10 undefined', 11]);
  });

  it('asks again for the state when the connection breaks before it came', async () => {
    const { world, log } = await statefulRoom();
    world.socket.receive(gap);
    world.socket.drop();
    log.length = 0;
    await world.reconnect();
    expect(world.socket.last('hello').rooms).toEqual([{ room: NAME, snapshot: true }]);
    world.socket.receive(subscribed(12, { snapshot: 'B' }));
    expect(log).toEqual(['subscribed undefined', 'reset B 12 undefined']);
  });

  it('asks from where it is when a message fails to come, and takes what the server has', async () => {
    const { world, log } = await statefulRoom();
    log.length = 0;
    world.socket.receive(message(5));
    expect(world.socket.last('subscribe')).toEqual({
      type: 'subscribe',
      id: '1',
      room: NAME,
      epoch: 'e1',
      offset: 3,
      snapshot: true,
    });
    const verdict = { id: '1', recovered: false, reason: 'limit', snapshot: 'B' } as const;
    world.socket.receive(subscribed(4, verdict));
    world.socket.receive(message(5));
    expect(log).toEqual(['reset B 4 limit', 5]);
  });

  it('asks for the state, not at once, when the server breaks its promise', async () => {
    const { world, log } = await statefulRoom();
    log.length = 0;
    world.socket.receive(message(5));
    world.socket.receive(subscribed(5, { id: '1', recovered: true, replayed: 2 }));
    world.socket.receive(message(6));
    world.socket.receive(message(4));
    expect(log).toEqual(['recovered 3+2']);
    expect(world.socket.frames('subscribe')).toHaveLength(1);
    world.clock.advance(20_000);
    expect(world.socket.last('subscribe')).toEqual({
      type: 'subscribe',
      id: '2',
      room: NAME,
      snapshot: true,
    });
    world.socket.receive(subscribed(6, { id: '2', snapshot: 'B' }));
    expect(log).toEqual(['recovered 3+2', 'reset B 6 undefined']);
  });

  it('gets the state when the handler is added to a subscribed room', async () => {
    const world = await connectedWorld();
    const room = world.client.room(NAME);
    const log = record(room);
    world.socket.receive(subscribed(3, { id: '1' }));
    log.length = 0;
    recordAll(room);
    room.on('reset', () => undefined);
    world.socket.receive(message(4));
    expect(log).toEqual([]);
    expect(world.socket.frames('subscribe')).toHaveLength(2);
    expect(world.socket.last('subscribe')).toEqual({
      type: 'subscribe',
      id: '2',
      room: NAME,
      snapshot: true,
    });
    world.socket.receive(subscribed(4, { id: '2', snapshot: 'A' }));
    world.socket.receive(message(5));
    expect(log).toEqual([5]);
  });

  it('gets the state when the handler is added while the answer to a hello is awaited', async () => {
    const world = new World();
    const room = world.client.room(NAME);
    record(room);
    await settle();
    world.socket.open();
    const log = recordAll(room);
    await world.accept();
    expect(world.socket.last('subscribe')).toMatchObject({ snapshot: true });
    world.socket.receive(subscribed(3));
    expect(log).toEqual([]);
    world.socket.receive(subscribed(3, { id: '1', snapshot: 'A' }));
    expect(log).toEqual(['subscribed undefined', 'reset A 3 undefined']);
  });

  it('goes on by gaps when the handler is gone before the state came', async () => {
    const { world, room } = await statefulRoom();
    const other = world.client.room('other');
    const log: unknown[] = [];
    other.on('gap', ({ position }) => log.push(`gap ${String(position.offset)}`));
    other.on('chat.message', (payload) => log.push(payload));
    const off = other.on('reset', () => log.push('reset'));
    world.socket.receive({ ...subscribed(3, { id: '2', snapshot: 'A' }), room: 'other' });
    world.socket.receive({ ...gap, room: 'other' });
    off();
    const { id } = world.socket.last('subscribe');
    world.socket.receive({ ...subscribed(9, { id, snapshot: 'B' }), room: 'other' });
    world.socket.receive({ ...message(10), room: 'other' });
    expect(log).toEqual(['reset', 'gap 9', 10]);
    expect(room.state).toBe('subscribed');
  });

  it('starts with a new state after it was left', async () => {
    const { world, room, log } = await statefulRoom();
    room.unsubscribe();
    void room.subscribe();
    expect(world.socket.last('subscribe')).toMatchObject({ snapshot: true });
    expect(world.socket.last('subscribe')).not.toHaveProperty('offset');
    log.length = 0;
    world.socket.receive(subscribed(7, { id: '2', snapshot: 'B' }));
    expect(log).toEqual(['subscribed undefined', 'reset B 7 undefined']);
  });

  it('asks for the state of a room that the server chose', async () => {
    const { world, room, log } = await statefulRoom();
    room.unsubscribe();
    world.socket.receive({ type: 'unsubscribed', id: '1', room: NAME });
    log.length = 0;
    world.socket.receive(subscribed(9));
    world.socket.receive(message(10));
    world.socket.receive(subscribed(10, { id: '2', snapshot: 'B' }));
    world.socket.receive(message(11));
    expect(log).toEqual(['subscribed undefined', 'reset B 10 undefined', 11]);
  });

  it('is not asked for again when the room was refused', async () => {
    const { world, room, log } = await statefulRoom();
    world.socket.receive({ type: 'unsubscribed', room: NAME, reason: 'forbidden' });
    world.socket.drop();
    await world.reconnect();
    expect(world.socket.sent).toHaveLength(1);
    // The server may take its decision back, and then have second thoughts about the state.
    world.socket.receive(subscribed(9));
    world.socket.receive(refusal(world.socket.last('subscribe').id, 'unsupported'));
    world.socket.receive({ type: 'unsubscribed', room: NAME, reason: 'unsupported' });
    expect(room.state).toBe('unsubscribed');
    expect(log.at(-1)).toBe('error unsupported');
  });

  it('waits when the state cannot be had now', async () => {
    const { world, room, log } = await statefulRoom();
    log.length = 0;
    world.socket.receive(gap);
    world.socket.receive(refusal('1', 'unavailable', 10));
    expect(room.state).toBe('subscribing');
    world.clock.advance(20_000);
    world.socket.receive(subscribed(12, { id: '2', snapshot: 'B' }));
    expect(log).toEqual([
      'subscribing',
      'error unavailable',
      'subscribed undefined',
      'reset B 12 undefined',
    ]);
  });

  it('gets messages again that the state it came back to does not have', async () => {
    const { world, room, log } = await statefulRoom();
    world.socket.receive(message(5));
    room.unsubscribe();
    log.length = 0;
    void room.subscribe();
    world.socket.receive(subscribed(4, { id: world.socket.last('subscribe').id, snapshot: 'B' }));
    world.socket.receive(message(5));
    expect(log).toEqual(['subscribing', 'subscribed undefined', 'reset B 4 undefined', 5]);
  });

  it('hears nothing more once a handler of the subscription has left', async () => {
    const world = new World();
    const room = world.client.room(NAME);
    const log = recordAll(room);
    room.on('subscribed', () => {
      room.unsubscribe();
    });
    await world.accept();
    world.socket.receive(subscribed(3, { snapshot: 'A' }));
    expect(log).toEqual(['subscribing', 'subscribed undefined', 'unsubscribed undefined']);
  });
});

describe('a room without a state', () => {
  it('says so once and goes on with gaps', async () => {
    const world = await connectedWorld();
    const room = world.client.room(NAME);
    const log = recordAll(room);
    const first = world.socket.last('subscribe').id;
    world.socket.receive(refusal(first, 'unsupported'));
    const { id, ...asked } = world.socket.last('subscribe');
    expect(asked).toEqual({ type: 'subscribe', room: NAME });
    world.socket.receive(subscribed(3, { id }));
    world.socket.receive(gap);
    world.socket.receive(message(10));
    expect(log).toEqual([
      'subscribing',
      'error unsupported',
      'subscribed undefined',
      'gap evicted 9',
      10,
    ]);
    world.socket.drop();
    await world.reconnect();
    expect(world.socket.last('hello').rooms).toEqual([{ room: NAME, epoch: 'e1', offset: 10 }]);
    room.unsubscribe();
    void room.subscribe();
    expect(world.socket.last('subscribe')).toMatchObject({ snapshot: true });
  });

  it('says so also when a hello asked', async () => {
    const world = new World();
    const log = recordAll(world.client.room(NAME));
    await world.accept();
    world.socket.receive({ type: 'unsubscribed', room: NAME, reason: 'unsupported' });
    world.socket.receive(subscribed(3, { id: world.socket.last('subscribe').id }));
    expect(log).toEqual(['subscribing', 'error unsupported', 'subscribed undefined']);
  });

  it('tells what was lost when it turns out in the middle', async () => {
    const { world, log } = await statefulRoom();
    log.length = 0;
    world.socket.receive(gap);
    world.socket.receive(refusal('1', 'unsupported'));
    expect(world.socket.last('subscribe')).toMatchObject({ offset: 3 });
    world.socket.receive(subscribed(9, { id: '2', recovered: false, reason: 'evicted' }));
    world.socket.receive(message(10));
    expect(log).toEqual(['error unsupported', 'gap evicted 9', 10]);
  });

  it('is noticed when the server does not know what a snapshot is', async () => {
    const world = new World();
    const log = recordAll(world.client.room(NAME));
    await world.accept();
    world.socket.receive(subscribed(3));
    world.socket.receive(message(4));
    world.socket.drop();
    await world.reconnect();
    world.socket.receive(subscribed(9, { recovered: false, reason: 'limit' }));
    expect(log).toEqual([
      'subscribing',
      'subscribed undefined',
      'error unsupported',
      4,
      'subscribing',
      'subscribed false',
      'gap limit 9',
    ]);
  });

  it('is noticed when the verdict comes without the state', async () => {
    const { world, log } = await statefulRoom();
    log.length = 0;
    world.socket.drop();
    await world.reconnect();
    world.socket.receive(subscribed(9, { recovered: false, reason: 'limit' }));
    world.socket.receive(subscribed(9, { id: world.socket.last('subscribe').id }));
    expect(log).toEqual([
      'subscribing',
      'subscribed false',
      'error unsupported',
      'gap position-unknown 9',
    ]);
  });
});
