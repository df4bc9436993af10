import { describe, expect, it } from '@jest/globals';
import { settle } from './support/fake-clock.js';
import { NAME, subscribed, subscribedRoom } from './support/rooms.js';
import { connectedWorld, message, World } from './support/world.js';

describe('a room across connections', () => {
  it('comes back with its position and goes on when nothing was lost', async () => {
    const { world, room, log } = await subscribedRoom();
    world.socket.receive(message(4));
    log.length = 0;
    world.socket.drop();
    expect(room).toMatchObject({ state: 'subscribing', position: { offset: 4 } });
    await world.reconnect();
    expect(world.socket.last('hello').rooms).toEqual([{ room: NAME, epoch: 'e1', offset: 4 }]);
    world.socket.receive(subscribed(6, { recovered: true, replayed: 2 }));
    expect(room.position?.offset).toBe(4);
    for (const offset of [5, 6, 7]) world.socket.receive(message(offset));
    expect(log).toEqual(['subscribing', 'subscribed true', 'recovered 4+2', 5, 6, 7]);
    expect(world.socket.frames('subscribe')).toHaveLength(0);
  });

  it.each([
    ['the verdict says so', { recovered: false, reason: 'evicted' }, 'evicted'],
    ['the verdict has no reason', { recovered: false }, 'position-unknown'],
    ['there is no verdict', {}, 'position-unknown'],
    ['the epoch is another one', { recovered: true, epoch: 'e2' }, 'position-unknown'],
    ['the stream became shorter', { recovered: true, offset: 2 }, 'position-unknown'],
  ] as const)('tells of a gap when %s', async (_why, frame, reason) => {
    const { world, room, log } = await subscribedRoom();
    log.length = 0;
    world.socket.drop();
    await world.reconnect();
    const verdict = subscribed(6, frame);
    world.socket.receive(verdict);
    expect(log).toEqual([
      'subscribing',
      `subscribed ${String(verdict.recovered)}`,
      `gap ${reason} ${String(verdict.offset)}`,
    ]);
    expect(room.position).toEqual({ epoch: verdict.epoch, offset: verdict.offset });
  });

  it('is where the stream goes on when it says that it is subscribed', async () => {
    const { world, room } = await subscribedRoom();
    const positions: unknown[] = [];
    room.on('subscribed', ({ position }) => positions.push(position, room.position));
    world.socket.drop();
    await world.reconnect();
    world.socket.receive(subscribed(6, { recovered: false, reason: 'evicted' }));
    const position = { epoch: 'e1', offset: 6 };
    expect(positions).toEqual([position, position]);
  });

  it('needs no verdict when the room has not moved', async () => {
    const { world, log } = await subscribedRoom();
    log.length = 0;
    world.socket.drop();
    await world.reconnect();
    world.socket.receive(subscribed(3));
    expect(log).toEqual(['subscribing', 'subscribed undefined', 'recovered 3+0']);
  });

  it('asks after connected for what was wanted since the hello, and takes back what was not', async () => {
    const world = new World();
    const early = world.client.room('early');
    early.on('a', () => undefined);
    await settle();
    world.socket.open();
    early.unsubscribe();
    world.client.room('late').on('a', () => undefined);
    expect(world.socket.sent).toHaveLength(1);
    await world.accept();
    expect(world.socket.sent.slice(1)).toEqual([
      { type: 'unsubscribe', id: '1', room: 'early' },
      { type: 'subscribe', id: '2', room: 'late' },
    ]);
    world.socket.receive({ ...subscribed(1), room: 'early' });
    expect(early.state).toBe('unsubscribed');
  });

  it('keeps one answer for a wish that was taken back and renewed around the hello', async () => {
    const world = new World();
    const room = world.client.room(NAME);
    room.on('a', () => undefined);
    await settle();
    world.socket.open();
    room.unsubscribe();
    void room.subscribe();
    await world.accept();
    expect(world.socket.sent).toHaveLength(1);
    world.socket.receive(subscribed(1));
    expect(room.state).toBe('subscribed');
  });

  it('asks for the rooms beyond a hello by subscribe', async () => {
    const world = new World();
    for (let n = 0; n < 1_002; n += 1) world.client.room(`r/${String(n)}`).on('a', () => undefined);
    await world.accept();
    expect(world.socket.last('hello').rooms).toHaveLength(1_000);
    expect(world.socket.frames('subscribe').map(({ room }) => room)).toEqual(['r/1000', 'r/1001']);
  });
});

describe('a room that the server chose', () => {
  it('is delivered to whoever listens, and not asked for again', async () => {
    const { world, room, log } = await subscribedRoom();
    room.unsubscribe();
    world.socket.receive({ type: 'unsubscribed', id: '1', room: NAME });
    log.length = 0;
    world.socket.receive(subscribed(9));
    world.socket.receive(message(10));
    expect(log).toEqual(['subscribed undefined', 10]);
    world.socket.drop();
    expect(log.at(-1)).toBe('unsubscribed undefined');
    await world.reconnect();
    expect(world.socket.last('hello').rooms).toEqual([]);
  });

  it('is not left because nobody listens any more, only when asked to', async () => {
    const world = await connectedWorld();
    const room = world.client.room(NAME);
    world.socket.receive(subscribed(9));
    const off = room.on('a', () => undefined);
    expect(world.socket.frames('subscribe')).toHaveLength(0);
    off();
    await settle();
    expect(room.state).toBe('subscribed');
    world.socket.receive(subscribed(9));
    room.unsubscribe();
    expect(world.socket.frames('unsubscribe')).toHaveLength(1);
  });

  it('may be ended by the server without a reason', async () => {
    const world = await connectedWorld();
    const room = world.client.room(NAME);
    world.socket.receive(subscribed(9));
    const log: unknown[] = [];
    room.on('unsubscribed', (info) => log.push(info));
    room.on('error', ({ code }) => log.push(code));
    world.socket.receive({ type: 'unsubscribed', room: NAME });
    expect(log).toEqual([{ reason: 'not-subscribed' }, 'not-subscribed']);
  });

  it('is ignored when the application does not know it', async () => {
    const world = await connectedWorld();
    world.socket.receive(subscribed(9));
    world.socket.receive(message(10));
    expect(world.reported).toEqual([]);
  });
});
