import { describe, expect, it } from '@jest/globals';

import type { RoomEntry } from '../../lib/core/rooms.js';
import { publication } from '../support/fakes.js';
import { FakeMember, RoomWorld } from '../support/room-world.js';
import { deferred, turn } from '../support/turns.js';

/** Lets a member in whatever happens. */
const open = (): RoomEntry => ({ admit: () => true });

function offsets(member: FakeMember): number[] {
  member.read();
  return member.reader.seen.splice(0).map(({ position }) => position.offset);
}

describe('rooms', () => {
  it('subscribe the node with their first member and unsubscribe it with the last', async () => {
    const world = new RoomWorld();
    const [ada, bob] = [new FakeMember('ada'), new FakeMember('bob')];
    await world.enter(ada);
    await world.enter(bob);
    expect(world.broker.calls).toEqual(['subscribe r']);
    expect(world.rooms.leave(ada, 'r')).toBe(true);
    expect(world.broker.calls).toEqual(['subscribe r']);
    world.rooms.leaveAll(bob);
    expect(world.broker.calls).toEqual(['subscribe r', 'unsubscribe r']);
    expect([world.rooms.size, world.rooms.get('r')]).toEqual([0, undefined]);
  });

  it('stay while somebody is on the way in and the last member leaves', async () => {
    const world = new RoomWorld();
    const [ada, bob] = [new FakeMember('ada'), new FakeMember('bob')];
    await world.enter(ada);
    const joining = world.enter(bob);
    world.rooms.leave(ada, 'r');
    expect(await joining).toBe(true);
    world.broker.publish('r', 'm1');
    expect(offsets(bob)).toEqual([1]);
    expect(world.broker.calls).toEqual(['subscribe r']);
  });

  it('stay while their only member still reads what it missed', async () => {
    const world = new RoomWorld();
    for (let n = 0; n < 500; n += 1) world.broker.publish('r', 'm');
    const ada = new FakeMember('ada', undefined, 4_096);
    ada.link.stopReading();
    await world.enter(ada, { from: { ...world.broker.top('r'), offset: 0 } });
    await world.settle();
    expect(ada.rooms.has('r')).toBe(true);
    expect(world.rooms.get('r')?.isUnused).toBe(false);
    expect(world.broker.calls).not.toContain('unsubscribe r');
  });

  it('say whether somebody was in the room that they leave', async () => {
    const world = new RoomWorld();
    expect(world.rooms.leave(new FakeMember('ada'), 'r')).toBe(false);
  });

  it('tell a joining member the position of a quiet room', async () => {
    const world = new RoomWorld();
    const ada = new FakeMember('ada');
    const position = world.broker.publish('r', 'm1');
    await world.enter(ada);
    ada.read();
    expect(ada.reader.at()).toEqual(position);
  });

  it('tell the later position when messages came before the broker’s answer', async () => {
    const world = new RoomWorld();
    const answer = deferred();
    world.broker.gate = (what) =>
      what.startsWith('subscribed') ? answer.promise : Promise.resolve();
    const ada = new FakeMember('ada');
    const joining = world.enter(ada);
    world.broker.publish('r', 'm1');
    world.broker.publish('r', 'm2');
    await turn();
    answer.resolve();
    expect(await joining).toBe(true);
    ada.read();
    expect(ada.reader.at()?.offset).toBe(2);
    world.broker.publish('r', 'm3');
    await turn();
    expect(offsets(ada)).toEqual([3]);
  });

  it('pass a payload’s text on as it came', async () => {
    const world = new RoomWorld();
    const ada = new FakeMember('ada');
    await world.enter(ada);
    world.broker.publish('r', publication('m1', { payload: '{"n":1.00,"n":2e0}' }));
    expect(ada.link.received.at(-1)).toContain('"payload":{"n":1.00,"n":2e0}}');
  });

  it('count a message for a room nobody is in', () => {
    const world = new RoomWorld();
    world.rooms.deliver('r', publication('m1'));
    expect(world.observer.ignoredThings).toEqual(['message-for-unknown-room']);
  });

  it('keep out whoever ended while the broker was asked, and let the room go', async () => {
    const world = new RoomWorld();
    const ada = new FakeMember('ada');
    const joining = world.enter(ada);
    ada.isLive = false;
    expect(await joining).toBe(false);
    ada.read();
    expect(ada.reader.frames).toEqual([]);
    expect(world.broker.calls).toEqual(['subscribe r', 'unsubscribe r']);
    expect(world.rooms.size).toBe(0);
  });

  it('keep out whom admit refuses', async () => {
    const world = new RoomWorld();
    const ada = new FakeMember('ada');
    expect(await world.rooms.join(ada, 'r', () => ({ admit: () => false }))).toBe(false);
    expect([world.rooms.size, ada.rooms.size]).toEqual([0, 0]);
  });

  it('keep out whoever ends because of what admit sends', async () => {
    const world = new RoomWorld();
    const ada = new FakeMember('ada');
    const admit = (): boolean => {
      ada.isLive = false;
      return true;
    };
    expect(await world.rooms.join(ada, 'r', () => ({ admit }))).toBe(false);
    expect([world.rooms.size, ada.rooms.size]).toEqual([0, 0]);
  });

  it('let the room go where it cannot be found out how a member begins', async () => {
    const world = new RoomWorld();
    const [ada, bob] = [new FakeMember('ada'), new FakeMember('bob')];
    const failing = (): RoomEntry => {
      throw new Error('no rights');
    };
    await expect(world.rooms.join(ada, 'r', failing)).rejects.toThrow('no rights');
    const rejecting = (): Promise<RoomEntry> => Promise.reject(new Error('no store'));
    await expect(world.rooms.join(bob, 'r', rejecting)).rejects.toThrow('no store');
    expect([world.rooms.size, world.broker.subscribed.size]).toEqual([0, 0]);
  });

  it('reject every join that waited for a subscribe that failed, and try anew with the next', async () => {
    const world = new RoomWorld();
    world.broker.failures.set('subscribe', new Error('no broker'));
    const [ada, bob] = [new FakeMember('ada'), new FakeMember('bob')];
    const joins = [world.rooms.join(ada, 'r', open), world.rooms.join(bob, 'r', open)];
    for (const join of joins) await expect(join).rejects.toThrow('no broker');
    expect(world.rooms.size).toBe(0);
    expect(await world.enter(ada)).toBe(true);
    expect([...world.broker.subscribed]).toEqual(['r']);
  });

  it('report an unsubscribe that failed', async () => {
    const world = new RoomWorld();
    const ada = new FakeMember('ada');
    await world.enter(ada);
    const error = new Error('no broker');
    world.broker.failures.set('unsubscribe', error);
    world.rooms.leave(ada, 'r');
    await turn();
    expect(world.observer.failures).toEqual([{ where: 'unsubscribe at the broker', error }]);
  });

  it('P-04 work under names that objects have already', async () => {
    const world = new RoomWorld();
    for (const room of ['__proto__', 'constructor', 'toString']) {
      const ada = new FakeMember('ada');
      await world.enter(ada, { room });
      world.broker.publish(room, 'm1');
      expect(offsets(ada)).toEqual([1]);
    }
    expect(world.rooms.size).toBe(3);
  });

  it('keep the order for everyone when a slow member’s end publishes into the room', async () => {
    const world = new RoomWorld();
    world.broker.gate = () => Promise.resolve();
    const [slow, fast] = [new FakeMember('slow', undefined, 300), new FakeMember('fast')];
    slow.onOverflow = () => {
      world.rooms.leaveAll(slow);
      world.broker.publish('r', 'slow has left');
    };
    for (const member of [slow, fast]) await world.enter(member);
    slow.link.stopReading();
    for (let n = 0; n < 5; n += 1) world.broker.publish('r', 'x'.repeat(80));
    await turn();
    expect(slow.isLive).toBe(false);
    expect(offsets(fast)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(fast.reader.faults).toEqual([]);
  });

  it('R-05 let the last intent win, and subscribe and unsubscribe in pairs, a thousand times over', async () => {
    const world = new RoomWorld();
    world.broker.gate = () => turn();
    const ada = new FakeMember('ada');
    for (let n = 0; n < 1_000; n += 1) {
      const joining = world.enter(ada);
      if (n % 3 === 0) await joining;
      world.leave(ada);
      await joining;
      if (n % 2 === 0) world.leave(ada);
    }
    world.leave(ada);
    for (let n = 0; n < 10; n += 1) await turn();
    ada.read();
    expect(ada.reader.faults).toEqual([]);
    expect([world.rooms.size, ada.rooms.size, world.broker.subscribed.size]).toEqual([0, 0, 0]);
    const subscribes = world.broker.calls.filter((call) => call === 'subscribe r').length;
    expect(world.broker.calls).toHaveLength(2 * subscribes);
    await world.enter(ada);
    world.broker.publish('r', 'm1');
    await turn();
    await turn();
    expect(offsets(ada)).toEqual([1]);
  });

  it('R-06 begin with the message after the answer’s position while messages fly', async () => {
    const world = new RoomWorld();
    const members: FakeMember[] = [];
    const joins: Promise<unknown>[] = [];
    // Answers take their time, deliveries theirs; each keeps its order.
    world.broker.gate = () => turn();
    for (let n = 0; n < 500; n += 1) {
      for (let m = 0; m < 10; m += 1) world.broker.publish('r', `m${String(n)}`);
      if (n % 25 === 0) {
        const member = new FakeMember(`c${String(n)}`);
        members.push(member);
        joins.push(world.enter(member));
      }
      if (n % 10 === 0) await turn();
    }
    await Promise.all(joins);
    await world.settle();
    for (const member of members) {
      member.read();
      const [answer, first] = member.reader.frames;
      if (answer?.type !== 'subscribed') throw new Error('expected an answer first');
      const next = answer.offset + 1;
      expect(first?.type === 'message' ? first.offset : next).toBe(next);
      expect(member.reader.faults).toEqual([]);
      expect(member.reader.at()).toEqual(world.broker.top('r'));
    }
  });
});
