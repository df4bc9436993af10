import { describe, expect, it, jest } from '@jest/globals';
import type { MessageInfo, Room } from '../../lib/client/index.js';
import type { ErrorFrame, SubscribedFrame } from '../../lib/protocol/index.js';
import { settle } from './support/fake-clock.js';
import { connectedWorld, message, outcome, World } from './support/world.js';

const NAME = 'chat/general';

function subscribed(offset: number, more: Partial<SubscribedFrame> = {}): SubscribedFrame {
  return { type: 'subscribed', room: NAME, epoch: 'e1', offset, ...more };
}

function refusal(id: string, code: string, retryAfterMs?: number): ErrorFrame {
  const retryable = retryAfterMs !== undefined;
  const frame: ErrorFrame = { type: 'error', id, code, message: 'No.', retryable };
  return retryAfterMs === undefined ? frame : { ...frame, retryAfterMs };
}

/** Everything a room tells, in order. */
function record(room: Room): unknown[] {
  const log: unknown[] = [];
  room.on('gap', ({ reason, position }) => log.push(`gap ${reason} ${String(position.offset)}`));
  room.on('subscribing', () => log.push('subscribing'));
  room.on('subscribed', ({ recovered }) => log.push(`subscribed ${String(recovered)}`));
  room.on('unsubscribed', ({ reason }) => log.push(`unsubscribed ${String(reason)}`));
  room.on('error', ({ code }) => log.push(`error ${code}`));
  room.on('chat.message', (payload) => log.push(payload));
  return log;
}

/** A room that is subscribed at offset 3. */
async function subscribedRoom(): Promise<{ world: World; room: Room; log: unknown[] }> {
  const world = new World();
  const room = world.client.room(NAME);
  const log = record(room);
  await world.accept();
  world.socket.receive(subscribed(3));
  return { world, room, log };
}

describe('a room', () => {
  it('is the same object each time and does nothing by itself', async () => {
    const world = await connectedWorld();
    const room = world.client.room(NAME);
    expect(world.client.room(NAME)).toBe(room);
    room.on('gap', () => undefined);
    expect(room).toMatchObject({ name: NAME, state: 'unsubscribed', position: undefined });
    expect(world.socket.sent).toHaveLength(1);
  });

  it('may be named like a property of objects, but not break the grammar', async () => {
    const world = await connectedWorld();
    expect(world.client.room('__proto__').name).toBe('__proto__');
    expect(() => world.client.room('a b')).toThrow(
      expect.objectContaining({ code: 'invalid-room' }),
    );
  });

  it('subscribes with the first handler and leaves with the last', async () => {
    const world = await connectedWorld();
    const room = world.client.room(NAME);
    const offs = [room.on('a', () => undefined), room.on('b', () => undefined)];
    expect(room.state).toBe('subscribing');
    expect(world.socket.frames('subscribe')).toEqual([{ type: 'subscribe', id: '1', room: NAME }]);
    world.socket.receive(subscribed(3, { id: '1' }));
    expect(room).toMatchObject({ state: 'subscribed', position: { epoch: 'e1', offset: 3 } });
    offs[0]?.();
    offs[0]?.();
    await settle();
    expect(room.state).toBe('subscribed');
    offs[1]?.();
    await settle();
    expect(room).toMatchObject({ state: 'unsubscribed', position: undefined });
    expect(world.socket.last('unsubscribe')).toEqual({ type: 'unsubscribe', id: '2', room: NAME });
  });

  it('stays when a handler is replaced within the same turn', async () => {
    const { world, room } = await subscribedRoom();
    const off = world.client.room('other').on('a', () => undefined);
    off();
    world.client.room('other').on('a', () => undefined);
    await settle();
    expect(world.socket.frames('unsubscribe')).toHaveLength(0);
    expect(room.state).toBe('subscribed');
  });

  it('delivers payload and circumstances of its messages to the right handlers', async () => {
    const { world, room } = await subscribedRoom();
    const calls: [unknown, MessageInfo][] = [];
    room.on('chat.message', (...args) => calls.push(args));
    room.on('other', () => {
      throw new Error('not for me');
    });
    world.socket.receive(message(4));
    expect(calls).toEqual([
      [
        4,
        {
          id: 'm-e1-4',
          event: 'chat.message',
          timestamp: 5,
          room: NAME,
          position: { epoch: 'e1', offset: 4 },
        },
      ],
    ]);
    expect(room.position).toEqual({ epoch: 'e1', offset: 4 });
  });

  it('never takes a message for its own life', async () => {
    const { world, log } = await subscribedRoom();
    log.length = 0;
    world.socket.receive({ ...message(4), event: 'gap' });
    expect(log).toEqual([]);
  });

  it('drops duplicates and tells of a hole before the message behind it', async () => {
    const { world, log } = await subscribedRoom();
    for (const offset of [4, 4, 3, 5, 8, 9]) world.socket.receive(message(offset));
    world.socket.receive(message(1, 'e2'));
    expect(log).toEqual([
      'subscribing',
      'subscribed undefined',
      4,
      5,
      'gap position-unknown 7',
      8,
      9,
      'gap epoch-changed 0',
      1,
    ]);
  });

  it('takes a position for a message that is not for it', async () => {
    const { world, room, log } = await subscribedRoom();
    log.length = 0;
    world.socket.receive({ type: 'position', room: NAME, epoch: 'e1', offset: 4 });
    world.socket.receive(message(5));
    world.socket.receive({ type: 'position', room: NAME, epoch: 'e1', offset: 7 });
    expect(log).toEqual([5, 'gap position-unknown 6']);
    expect(room.position?.offset).toBe(7);
  });

  it('delivers messages without a position whenever they come', async () => {
    const { world, room, log } = await subscribedRoom();
    log.length = 0;
    const { id, event, timestamp, payload } = message(4);
    const volatile = { type: 'message', room: NAME, id, event, timestamp, payload } as const;
    world.socket.receive(volatile);
    world.socket.receive(volatile);
    expect(log).toEqual([4, 4]);
    expect(room.position?.offset).toBe(3);
  });

  it('takes over the position of a gap', async () => {
    const { world, log } = await subscribedRoom();
    log.length = 0;
    world.socket.receive({ type: 'gap', room: NAME, epoch: 'e1', offset: 9, reason: 'evicted' });
    world.socket.receive(message(10));
    expect(log).toEqual(['gap evicted 9', 10]);
  });

  it('delivers nothing more once the handler of a gap has left', async () => {
    const { world, room, log } = await subscribedRoom();
    room.on('gap', () => {
      room.unsubscribe();
    });
    world.socket.receive(message(9));
    expect(log).not.toContain(9);
  });
});

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
    expect(log).toEqual(['subscribing', 'subscribed true', 5, 6, 7]);
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

  it('needs no verdict when the room has not moved', async () => {
    const { world, log } = await subscribedRoom();
    log.length = 0;
    world.socket.drop();
    await world.reconnect();
    world.socket.receive(subscribed(3));
    expect(log).toEqual(['subscribing', 'subscribed undefined']);
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

describe('messages without a room', () => {
  it('come to the handlers of their event', async () => {
    const world = await connectedWorld();
    const handler = jest.fn();
    const off = world.client.events.on('notice', handler);
    const frame = {
      type: 'message',
      event: 'notice',
      id: '1',
      timestamp: 5,
      payload: 'hi',
    } as const;
    world.socket.receive(frame);
    off();
    world.socket.receive(frame);
    expect(handler.mock.calls).toEqual([
      ['hi', { id: '1', event: 'notice', timestamp: 5, room: undefined, position: undefined }],
    ]);
  });
});

describe('handlers', () => {
  it('may throw or reject without disturbing anybody', async () => {
    const { world, room, log } = await subscribedRoom();
    room.on('chat.message', () => {
      throw new Error('thrown');
    });
    room.on('chat.message', () => Promise.reject(new Error('rejected')));
    room.on('chat.message', (payload) => log.push(`last ${String(payload)}`));
    world.socket.receive(message(4));
    await settle();
    expect(log.slice(-2)).toEqual([4, 'last 4']);
    expect(world.reported).toEqual([new Error('thrown'), new Error('rejected')]);
  });

  it('are not called after they were removed, and not for the event that added them', async () => {
    const { world, room } = await subscribedRoom();
    const calls: string[] = [];
    room.on('chat.message', () => {
      calls.push('first');
      off();
      room.on('chat.message', () => calls.push('added'));
    });
    const off = room.on('chat.message', () => calls.push('removed'));
    world.socket.receive(message(4));
    expect(calls).toEqual(['first']);
  });
});

describe('errors that no call waits for', () => {
  it('go to the error event, or are reported', async () => {
    const world = await connectedWorld();
    const frame = { type: 'error', code: 'unknown-type', message: '', retryable: false } as const;
    world.socket.receive(frame);
    expect(world.reported).toEqual([expect.objectContaining({ code: 'unknown-type' })]);
    const heard: unknown[] = [];
    world.client.on('error', ({ code }) => heard.push(code));
    world.socket.receive(frame);
    expect(heard).toEqual(['unknown-type']);
    expect(world.reported).toHaveLength(1);
  });
});
