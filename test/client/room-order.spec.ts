import { describe, expect, it } from '@jest/globals';
import { settle } from './support/fake-clock.js';
import { NAME, refusal, subscribed, subscribedRoom } from './support/rooms.js';
import { connectedWorld, message, volatileMessage } from './support/world.js';

/** A subscribed room at offset 3 that misses offset 4 and has got 5. */
async function roomWithHole() {
  const all = await subscribedRoom();
  all.log.length = 0;
  all.world.socket.receive(message(5));
  return all;
}

describe('a message that comes early', () => {
  it('is dropped, and the room asks again from where it is, once', async () => {
    const { world, room, log } = await roomWithHole();
    world.socket.receive(message(6));
    expect(log).toEqual([]);
    expect(room).toMatchObject({ state: 'subscribed', position: { offset: 3 } });
    expect(world.socket.frames('subscribe')).toEqual([
      { type: 'subscribe', id: '1', room: NAME, epoch: 'e1', offset: 3 },
    ]);
  });

  it('comes once more behind what was missing, however that comes', async () => {
    const { world, log } = await roomWithHole();
    world.socket.receive(subscribed(6, { id: '1', recovered: true, replayed: 3 }));
    world.socket.receive(message(4));
    for (const offset of [5, 6, 7]) world.socket.receive(message(offset));
    expect(log).toEqual(['recovered 3+3', 4, 5, 6, 7]);
    const late = await roomWithHole();
    late.world.socket.receive(message(4));
    expect(late.log).toEqual([4]);
    late.world.socket.receive(subscribed(6, { id: '1', recovered: true, replayed: 3 }));
    for (const offset of [4, 5, 6]) late.world.socket.receive(message(offset));
    expect(late.log).toEqual([4, 'recovered 4+3', 5, 6]);
    expect(late.world.socket.frames('subscribe')).toHaveLength(1);
  });

  it('may be one that is not for the client', async () => {
    const { world, room, log } = await subscribedRoom();
    const notForIt = { type: 'position', room: NAME, epoch: 'e1', offset: 5 } as const;
    log.length = 0;
    world.socket.receive(notForIt);
    expect(room.position?.offset).toBe(3);
    world.socket.receive(subscribed(5, { id: '1', recovered: true, replayed: 1 }));
    for (const frame of [message(4), notForIt, message(6)]) world.socket.receive(frame);
    expect(log).toEqual(['recovered 3+1', 4, 6]);
  });

  it('is lost with what was missing, and told so, when the server has neither', async () => {
    const { world, room, log } = await roomWithHole();
    world.socket.receive(message(6));
    world.socket.receive(subscribed(6, { id: '1', recovered: false, reason: 'evicted' }));
    expect(log).toEqual(['gap evicted 6']);
    world.socket.receive(message(7));
    expect(log.at(-1)).toBe(7);
    expect(room.position?.offset).toBe(7);
  });

  it('is given up with everything before the position that the server goes on from', async () => {
    const { world, log } = await roomWithHole();
    world.socket.receive(subscribed(8, { id: '1', recovered: false, reason: 'limit' }));
    world.socket.receive(message(9));
    expect(log).toEqual(['gap limit 8', 9]);
  });

  it('comes after a gap when asking brought nothing', async () => {
    const { world, log } = await roomWithHole();
    world.socket.receive(message(2));
    world.socket.receive(message(8));
    world.socket.receive(subscribed(8, { id: '1', recovered: true, replayed: 5 }));
    world.socket.receive(message(9));
    expect(log).toEqual(['recovered 3+5', 'gap position-unknown 8', 9]);
    expect(world.socket.frames('subscribe')).toHaveLength(1);
    world.socket.receive(message(11));
    expect(world.socket.last('subscribe').offset).toBe(9);
  });

  it('comes after a gap when the server says that there is nothing to come', async () => {
    const { world, log } = await roomWithHole();
    world.socket.receive(subscribed(3, { id: '1', recovered: true, replayed: 0 }));
    world.socket.receive(message(6));
    expect(log).toEqual(['recovered 3+0', 'gap position-unknown 5', 6]);
  });

  it('is told of, not asked for, where asking has just brought nothing', async () => {
    const { world, log } = await roomWithHole();
    world.socket.receive(subscribed(5, { id: '1', recovered: false, reason: 'evicted' }));
    world.socket.receive(message(7));
    world.socket.receive(message(8));
    expect(log).toEqual(['gap evicted 5', 'gap position-unknown 6', 7, 8]);
    expect(world.socket.frames('subscribe')).toHaveLength(1);
  });

  it('is lost after what was missing came, when the verdict is bad', async () => {
    const { world, log } = await roomWithHole();
    world.socket.receive(message(4));
    world.socket.receive(subscribed(5, { id: '1', recovered: false, reason: 'evicted' }));
    world.socket.receive(message(6));
    expect(log).toEqual([4, 'gap evicted 5', 6]);
  });

  it('is followed by no second loss when the gap made the handlers leave', async () => {
    const { world, room, log } = await roomWithHole();
    world.socket.receive(subscribed(3, { id: '1', recovered: true, replayed: 0 }));
    room.on('gap', () => {
      room.unsubscribe();
    });
    world.socket.receive(message(5));
    expect(log).toEqual(['recovered 3+0', 'gap position-unknown 4', 'unsubscribed undefined']);
  });

  it('of another epoch makes the room ask as well; what the verdict covers is dropped', async () => {
    const { world, log } = await subscribedRoom();
    log.length = 0;
    world.socket.receive(message(1, 'e2'));
    world.socket.receive(message(2, 'e2'));
    expect(log).toEqual([]);
    const verdict = { id: '1', recovered: false, reason: 'epoch-changed', epoch: 'e2' } as const;
    world.socket.receive(subscribed(2, verdict));
    world.socket.receive(message(3, 'e2'));
    expect(log).toEqual(['gap epoch-changed 2', 3]);
  });

  it('of another epoch comes after a gap when asking brought nothing', async () => {
    const { world, log } = await subscribedRoom();
    log.length = 0;
    world.socket.receive(message(1, 'e2'));
    world.socket.receive(subscribed(3, { id: '1', recovered: true, replayed: 0 }));
    world.socket.receive(message(2, 'e2'));
    world.socket.receive(message(3, 'e2'));
    expect(log).toEqual(['recovered 3+0', 'gap epoch-changed 1', 2, 3]);
  });

  it('is asked for on the next connection when this one breaks', async () => {
    const { world, log } = await roomWithHole();
    world.socket.drop();
    await world.reconnect();
    expect(world.socket.last('hello').rooms).toEqual([{ room: NAME, epoch: 'e1', offset: 3 }]);
    world.socket.receive(subscribed(5, { recovered: true, replayed: 2 }));
    for (const offset of [4, 5, 6]) world.socket.receive(message(offset));
    expect(log).toEqual(['subscribing', 'subscribed true', 'recovered 3+2', 4, 5, 6]);
  });

  it('does not keep a room that refuses to be asked', async () => {
    const { world, room, log } = await roomWithHole();
    world.socket.receive(refusal('1', 'forbidden'));
    expect(log).toEqual(['unsubscribed forbidden', 'error forbidden']);
    expect(room.state).toBe('unsubscribed');
    expect(world.socket.last('unsubscribe')).toMatchObject({ room: NAME });
  });

  it('is asked for later when the server cannot tell now', async () => {
    const { world, room, log } = await roomWithHole();
    world.socket.receive(refusal('1', 'unavailable', 10));
    expect(room.state).toBe('subscribing');
    world.socket.receive(message(6));
    world.clock.advance(20_000);
    const { id, offset } = world.socket.last('subscribe');
    expect(offset).toBe(3);
    world.socket.receive(subscribed(6, { id, recovered: true, replayed: 3 }));
    for (const next of [4, 5, 6]) world.socket.receive(message(next));
    expect(log).toEqual([
      'subscribing',
      'error unavailable',
      'subscribed true',
      'recovered 3+3',
      4,
      5,
      6,
    ]);
  });

  it('does not make an invited room a wanted one', async () => {
    const { world, room, log } = await subscribedRoom();
    room.unsubscribe();
    world.socket.receive({ type: 'unsubscribed', id: '1', room: NAME });
    world.socket.receive(subscribed(9));
    world.socket.receive(message(11));
    world.socket.receive(subscribed(11, { id: '2', recovered: true, replayed: 2 }));
    for (const offset of [10, 11]) world.socket.receive(message(offset));
    expect(log.slice(-3)).toEqual(['recovered 9+2', 10, 11]);
    world.socket.receive(message(13));
    world.socket.receive(refusal('3', 'unavailable', 10));
    expect(room.state).toBe('subscribed');
    world.socket.drop();
    expect(room.state).toBe('unsubscribed');
  });
});

describe('the order of one room', () => {
  it('ignores a gap that the answer to come covers', async () => {
    const { world, log } = await roomWithHole();
    world.socket.receive({ type: 'gap', room: NAME, epoch: 'e1', offset: 7, reason: 'evicted' });
    world.socket.receive(subscribed(7, { id: '1', recovered: true, replayed: 4 }));
    for (const offset of [4, 5, 6, 7, 8]) world.socket.receive(message(offset));
    expect(log).toEqual(['recovered 3+4', 4, 5, 6, 7, 8]);
  });

  it('is kept in an invited room, which the last handler still does not leave', async () => {
    const world = await connectedWorld();
    const room = world.client.room(NAME);
    world.socket.receive(subscribed(9));
    const off = room.on('a', () => undefined);
    world.socket.receive(message(11));
    world.socket.receive(subscribed(11, { id: '1', recovered: true, replayed: 2 }));
    off();
    await settle();
    expect(room.state).toBe('subscribed');
  });

  it('brings volatile messages whenever they come', async () => {
    const { world, log } = await roomWithHole();
    world.socket.receive(volatileMessage);
    expect(log).toEqual([99]);
  });

  it('brings nothing twice when it is left and entered again on a server that lags behind', async () => {
    const { world, room, log } = await subscribedRoom();
    for (const offset of [4, 5]) world.socket.receive(message(offset));
    room.unsubscribe();
    log.length = 0;
    void room.subscribe();
    world.socket.receive(subscribed(4, { id: '2' }));
    expect(room.position).toEqual({ epoch: 'e1', offset: 5 });
    for (const offset of [5, 6]) world.socket.receive(message(offset));
    expect(log).toEqual(['subscribing', 'subscribed undefined', 6]);
  });

  it('begins anew in another epoch, however far it was in the one before', async () => {
    const { world, room, log } = await subscribedRoom();
    room.unsubscribe();
    log.length = 0;
    void room.subscribe();
    world.socket.receive(subscribed(0, { id: '2', epoch: 'e2' }));
    world.socket.receive({ ...message(1), epoch: 'e2' });
    expect(log).toEqual(['subscribing', 'subscribed undefined', 1]);
  });
});
