import { describe, expect, it } from '@jest/globals';

import { PAGE } from '../../lib/core/history-reads.js';
import { TAIL_BYTES } from '../../lib/core/tail.js';
import { publication } from '../support/fakes.js';
import { FakeMember, RoomWorld } from '../support/room-world.js';
import { turn } from '../support/turns.js';

/** A world whose room has so many messages, and where its first message is behind. */
function worldWith(count: number, payloadBytes = 0, room = 'r'): RoomWorld {
  const world = new RoomWorld();
  fill(world, count, payloadBytes, room);
  return world;
}

function fill(world: RoomWorld, count: number, payloadBytes = 0, room = 'r'): void {
  for (let n = 0; n < count; n += 1) {
    const payload = JSON.stringify('x'.repeat(payloadBytes));
    world.broker.publish(room, publication(`m${String(n)}`, { payload }));
  }
}

function fromStart(
  world: RoomWorld,
  room = 'r',
): { room: string; from: { epoch: string; offset: number } } {
  return { room, from: { epoch: world.broker.top(room).epoch, offset: 0 } };
}

function reads(world: RoomWorld): number {
  return world.broker.calls.filter((call) => call.startsWith('history')).length;
}

/** Lets a member read what waits, again and again, until it has caught up. */
async function readSlowly(world: RoomWorld, member: FakeMember, room = 'r'): Promise<number> {
  let most = 0;
  for (let rounds = 0; rounds < 10_000; rounds += 1) {
    member.link.stopReading();
    await world.settle();
    most = Math.max(most, member.link.bufferedBytes);
    member.link.startReading();
    await turn();
    member.read();
    if (member.reader.at(room)?.offset === world.broker.top(room).offset) return most;
  }
  throw new Error('expected it to catch up');
}

describe('a replay of missed messages', () => {
  it('brings 10,000 to a slow reader in pages, with half of its outbox free for what cannot wait', async () => {
    const world = worldWith(10_000);
    const ada = new FakeMember('ada', undefined, 65_536);
    await world.enter(ada, fromStart(world));
    const most = await readSlowly(world, ada);
    expect(ada.reader.seen).toHaveLength(10_000);
    expect([ada.reader.faults, ada.reader.losses, ada.hasOverflown]).toEqual([[], 0, false]);
    expect(most).toBeGreaterThan(16_384);
    expect(most).toBeLessThanOrEqual(32_768);
    expect(reads(world)).toBeLessThanOrEqual(2 + 10_000 / PAGE.limit);
  });

  it('goes on with what is said meanwhile, in order and without end', async () => {
    const world = worldWith(1_000);
    const ada = new FakeMember('ada', undefined, 16_384);
    await world.enter(ada, fromStart(world));
    for (let n = 0; n < 50; n += 1) {
      ada.link.stopReading();
      await world.settle();
      fill(world, 7);
      ada.link.startReading();
      await turn();
    }
    await world.settle();
    fill(world, 3);
    ada.read();
    expect(ada.reader.seen).toHaveLength(1_353);
    expect([ada.reader.faults, ada.reader.losses]).toEqual([[], 0]);
    expect(world.rooms.get('r')?.members.has(ada)).toBe(true);
  });

  it('brings messages that are larger than the outbox, one by one', async () => {
    const world = worldWith(6, 100_000);
    const ada = new FakeMember('ada', undefined, 50_000);
    await world.enter(ada, fromStart(world));
    const most = await readSlowly(world, ada);
    expect(ada.reader.seen).toHaveLength(6);
    expect([ada.hasOverflown, ada.reader.faults]).toEqual([false, []]);
    expect(most).toBeLessThan(110_000);
  });

  it('brings what the room still has without more than the outbox takes, and nothing twice', async () => {
    const world = worldWith(1);
    const [ada, bob] = [new FakeMember('ada', undefined, 4_096), new FakeMember('bob')];
    // A member on its way in, for ever: the room keeps its latest messages.
    world.broker.gate = (step) => {
      return step.startsWith('read') ? new Promise(() => undefined) : Promise.resolve();
    };
    void world.enter(bob, fromStart(world));
    await world.settle();
    fill(world, 200);
    await world.settle();
    world.broker.gate = undefined;
    const { epoch } = world.broker.top('r');
    ada.link.stopReading();
    await world.enter(ada, { from: { epoch, offset: 1 } });
    await readSlowly(world, ada);
    expect(ada.reader.seen).toHaveLength(200);
    expect([ada.reader.faults, ada.hasOverflown]).toEqual([[], false]);
  });

  it('waits for a reader that stops, reads nothing meanwhile, and leaves room for other frames', async () => {
    const world = worldWith(5_000);
    const ada = new FakeMember('ada', undefined, 65_536);
    ada.link.stopReading();
    await world.enter(ada, fromStart(world));
    await world.settle();
    const before = reads(world);
    const waiting = ada.link.bufferedBytes;
    fill(world, 5_000);
    await world.settle();
    expect([reads(world), ada.link.bufferedBytes]).toEqual([before, waiting]);
    expect(world.rooms.get('r')?.tail.bytes).toBeLessThanOrEqual(TAIL_BYTES);
    expect(ada.outbox.takes(32_768)).toBe(true);
    expect(ada.isLive).toBe(true);
  });

  it('asks again for room after a wait: others send to the same connection', async () => {
    const world = worldWith(20, 4_000);
    const ada = new FakeMember('ada', undefined, 20_000);
    ada.link.stopReading();
    // Waits as the replay does, and is let go before it.
    ada.outbox.sendEncoded('x'.repeat(15_000), 15_000);
    const competitor = ada.outbox.ready()?.then(() => {
      ada.outbox.sendEncoded('y'.repeat(19_000), 19_000);
    });
    await world.enter(ada, fromStart(world));
    await turn();
    ada.link.startReading();
    ada.link.stopReading();
    await competitor;
    await world.settle();
    expect(ada.hasOverflown).toBe(false);
    expect(ada.link.bufferedBytes).toBe(19_000);
  });

  it('ends with the connection, at once and for good', async () => {
    const world = worldWith(5_000);
    const ada = new FakeMember('ada', undefined, 16_384);
    ada.link.stopReading();
    await world.enter(ada, fromStart(world));
    await world.settle();
    const before = reads(world);
    world.end(ada);
    await world.settle();
    expect([reads(world), world.rooms.size, world.broker.subscribed.size]).toEqual([before, 0, 0]);
    expect(world.observer.failures).toEqual([]);
  });

  it('ends with leaving the room: nothing of it follows', async () => {
    const world = worldWith(5_000);
    const ada = new FakeMember('ada', undefined, 16_384);
    ada.link.stopReading();
    await world.enter(ada, fromStart(world));
    await world.settle();
    world.leave(ada);
    ada.link.startReading();
    await world.settle();
    ada.read();
    expect(ada.reader.frames.at(-1)).toEqual({ type: 'unsubscribed', room: 'r' });
    expect([ada.reader.faults, world.rooms.size]).toEqual([[], 0]);
    expect(ada.replays.isFree).toBe(true);
  });

  it('begins anew where its member subscribes again', async () => {
    const world = worldWith(2_000);
    const ada = new FakeMember('ada', undefined, 16_384);
    ada.link.stopReading();
    await world.enter(ada, fromStart(world));
    await world.settle();
    const { epoch } = world.broker.top('r');
    await world.enter(ada, { from: { epoch, offset: 1_500 } });
    await readSlowly(world, ada);
    expect(ada.reader.faults).toEqual([]);
    const offsets = ada.reader.seen.map(({ position }) => position.offset);
    expect(offsets.filter((offset) => offset > 1_000)).toHaveLength(500);
    expect(world.rooms.get('r')?.replays.size).toBe(0);
  });

  it('of rooms of one connection take turns, a page each', async () => {
    const world = worldWith(1_000);
    fill(world, 1_000, 0, 's');
    const ada = new FakeMember('ada');
    await Promise.all([
      world.enter(ada, fromStart(world)),
      world.enter(ada, fromStart(world, 's')),
    ]);
    await world.settle();
    ada.read();
    expect(ada.reader.seen).toHaveLength(2_000);
    const runs: number[] = [];
    for (const [index, { room }] of ada.reader.seen.entries()) {
      if (room === ada.reader.seen[index - 1]?.room) runs[runs.length - 1] = (runs.at(-1) ?? 0) + 1;
      else runs.push(1);
    }
    expect(Math.max(...runs)).toBeLessThanOrEqual(PAGE.limit);
    expect(runs.length).toBeGreaterThanOrEqual(14);
  });

  it('hold one page a connection, however often it asks: pages that would have to wait are read again', async () => {
    const world = worldWith(1_000);
    for (let n = 0; n < 20; n += 1) fill(world, 10, 0, `r${String(n)}`);
    const ada = new FakeMember('ada', undefined, 16_384);
    ada.link.stopReading();
    await world.enter(ada, fromStart(world));
    for (let n = 0; n < 20; n += 1) await world.enter(ada, fromStart(world, `r${String(n)}`));
    const before = reads(world);
    ada.link.startReading();
    await world.settle();
    ada.read();
    expect(ada.reader.seen).toHaveLength(1_200);
    expect([ada.reader.faults, ada.reader.losses]).toEqual([[], 0]);
    expect(reads(world) - before).toBeGreaterThanOrEqual(20);
  });

  it('leaves volatile messages out until its member is live', async () => {
    const world = worldWith(500);
    const ada = new FakeMember('ada', undefined, 16_384);
    ada.link.stopReading();
    await world.enter(ada, fromStart(world));
    await world.settle();
    world.broker.publishVolatile('r', 'early');
    await readSlowly(world, ada);
    world.broker.publishVolatile('r', 'late');
    ada.read();
    expect(ada.reader.ids.get('r')?.filter((id) => !id.startsWith('m'))).toEqual(['late']);
  });

  it('tells the position only of messages that its member does not get', async () => {
    const world = new RoomWorld();
    for (const id of ['m1', 'm2', 'm3']) {
      world.broker.publish('r', publication(id, id === 'm2' ? { except: ['ada'] } : {}));
    }
    const ada = new FakeMember('ada');
    await world.enter(ada, fromStart(world));
    await world.settle();
    ada.read();
    expect(ada.reader.frames.map(({ type }) => type)).toEqual([
      'subscribed',
      'message',
      'position',
      'message',
    ]);
    expect(ada.reader.faults).toEqual([]);
  });
});
