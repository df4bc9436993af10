import { describe, expect, it, jest } from '@jest/globals';
import type { MessageInfo } from '../../lib/client/index.js';
import { settle } from './support/fake-clock.js';
import { NAME, subscribed, subscribedRoom } from './support/rooms.js';
import { connectedWorld, message } from './support/world.js';

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

  it('drops duplicates', async () => {
    const { world, log } = await subscribedRoom();
    for (const offset of [4, 4, 3, 5, 4, 6]) world.socket.receive(message(offset));
    expect(log).toEqual(['subscribing', 'subscribed undefined', 4, 5, 6]);
  });

  it('takes a position for a message that is not for it', async () => {
    const { world, room, log } = await subscribedRoom();
    log.length = 0;
    world.socket.receive({ type: 'position', room: NAME, epoch: 'e1', offset: 4 });
    world.socket.receive(message(5));
    expect(log).toEqual([5]);
    expect(room.position?.offset).toBe(5);
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
    const gap = { type: 'gap', room: NAME, epoch: 'e1', offset: 8, reason: 'evicted' } as const;
    world.socket.receive(gap);
    world.socket.receive(message(9));
    expect(log.slice(-2)).toEqual(['gap evicted 8', 'unsubscribed undefined']);
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

  it('tells how many volatile messages were skipped, while it is subscribed', async () => {
    const { world, room } = await subscribedRoom();
    const counts: number[] = [];
    room.on('skipped', ({ count }) => counts.push(count));
    world.socket.receive({ type: 'skipped', room: NAME, count: 3 });
    room.unsubscribe();
    world.socket.receive({ type: 'skipped', room: NAME, count: 4 });
    expect(counts).toEqual([3]);
  });
});
