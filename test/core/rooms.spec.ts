import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import type { Broker, PublishReceipt, StoredPublication } from '../../lib/core/index.js';
import { Outbox } from '../../lib/core/outbox.js';
import { Rooms, type LocalRoom, type Member } from '../../lib/core/rooms.js';
import { MemoryBroker } from '../../lib/memory/index.js';
import type { Position } from '../../lib/protocol/index.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import { CountingRandom, publication, RecordingObserver } from '../support/fakes.js';
import { MemoryLink } from '../support/memory-link.js';
import { deferred, turn, turns } from '../support/turns.js';

/** A member with an open outbox, and what it was told. */
class FakeMember implements Member {
  readonly rooms = new Map<string, LocalRoom>();
  readonly link = new MemoryLink();
  readonly outbox: Outbox;
  isLive = true;
  readonly user = { id: 'ada' };
  /** Positions at which it was let in, in order. */
  readonly joined: Position[] = [];

  constructor(
    readonly id: string,
    outboxBytes = 1_000_000,
    onOverflow: (member: FakeMember) => void = () => undefined,
  ) {
    this.outbox = new Outbox(this.link, outboxBytes, () => {
      onOverflow(this);
    });
    this.outbox.open({
      type: 'connected',
      connectionId: id,
      user: { id },
      heartbeat: { intervalMs: 1, timeoutMs: 2 },
      limits: { frameBytes: 1, rooms: 1 },
    });
    this.link.frames();
  }

  admit = (position: Position): boolean => {
    this.joined.push(position);
    return true;
  };

  /** Offsets it got, by message or by position. */
  offsets(): number[] {
    return this.link.frames().flatMap((frame) => ('offset' in frame ? (frame.offset ?? []) : []));
  }
}

/** The memory broker, with answers that come when a test says so. */
class SlowBroker implements Broker {
  readonly inner: MemoryBroker;
  readonly subscribed = new Set<string>();
  calls: string[] = [];
  answer: <T>(value: T, call: string) => Promise<T> = (value) => Promise.resolve(value);
  subscribeError: Error | undefined;
  unsubscribeError: Error | undefined;

  constructor() {
    this.inner = new MemoryBroker(new ManualClock(), new CountingRandom('epoch'));
  }

  start(...args: Parameters<Broker['start']>): Promise<void> {
    return this.inner.start(...args);
  }

  publish(...args: Parameters<Broker['publish']>): Promise<PublishReceipt> {
    return this.inner.publish(...args);
  }

  async subscribe(room: string): Promise<Position> {
    this.calls.push(`subscribe ${room}`);
    const { subscribeError } = this;
    if (subscribeError !== undefined) {
      await this.answer(undefined, 'subscribe');
      throw subscribeError;
    }
    this.subscribed.add(room);
    const top = await this.inner.subscribe(room);
    return this.answer(top, 'subscribe');
  }

  async unsubscribe(room: string): Promise<void> {
    this.calls.push(`unsubscribe ${room}`);
    this.subscribed.delete(room);
    await this.inner.unsubscribe(room);
    await this.answer(undefined, 'unsubscribe');
    if (this.unsubscribeError !== undefined) throw this.unsubscribeError;
  }

  top(room: string): Promise<Position> {
    return this.inner.top(room);
  }

  command(...args: Parameters<Broker['command']>): Promise<void> {
    return this.inner.command(...args);
  }

  ask(...args: Parameters<Broker['ask']>): ReturnType<Broker['ask']> {
    return this.inner.ask(...args);
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}

async function make(): Promise<{ broker: SlowBroker; rooms: Rooms; observer: RecordingObserver }> {
  const broker = new SlowBroker();
  const observer = new RecordingObserver();
  const rooms = new Rooms(broker, observer);
  await broker.start({
    message: (room, message) => {
      rooms.deliver(room, message);
    },
    command: () => undefined,
    answer: () => [],
  });
  return { broker, rooms, observer };
}

/** Lets everything go that the scheduler holds, in the order it chooses, and what comes of it. */
async function releaseAll(scheduler: fc.Scheduler): Promise<void> {
  for (await turn(); scheduler.count() > 0; await turn()) await scheduler.waitNext(1);
}

describe('rooms', () => {
  it('subscribe the node with their first member and unsubscribe it with the last', async () => {
    const { broker, rooms } = await make();
    const [ada, bob] = [new FakeMember('ada'), new FakeMember('bob')];
    await rooms.join(ada, 'r', ada.admit);
    await rooms.join(bob, 'r', bob.admit);
    expect(broker.calls).toEqual(['subscribe r']);
    expect(rooms.leave(ada, 'r')).toBe(true);
    expect(broker.calls).toEqual(['subscribe r']);
    rooms.leaveAll(bob);
    expect(broker.calls).toEqual(['subscribe r', 'unsubscribe r']);
    expect([rooms.size, rooms.get('r')]).toEqual([0, undefined]);
  });

  it('stay while somebody is on the way in and the last member leaves', async () => {
    const { broker, rooms } = await make();
    const [ada, bob] = [new FakeMember('ada'), new FakeMember('bob')];
    await rooms.join(ada, 'r', ada.admit);
    const joining = rooms.join(bob, 'r', bob.admit);
    rooms.leave(ada, 'r');
    expect(await joining).toBe(true);
    await broker.publish('r', publication('m1'));
    expect(bob.offsets()).toEqual([1]);
    expect(broker.calls).toEqual(['subscribe r']);
  });

  it('say whether somebody was in the room that they leave', async () => {
    const { rooms } = await make();
    expect(rooms.leave(new FakeMember('ada'), 'r')).toBe(false);
  });

  it('tell a joining member the position of a quiet room', async () => {
    const { broker, rooms } = await make();
    const ada = new FakeMember('ada');
    await broker.publish('r', publication('m1'));
    await rooms.join(ada, 'r', ada.admit);
    expect(ada.joined).toMatchObject([{ offset: 1 }]);
  });

  it('tell the later position when messages came before the broker’s answer', async () => {
    const { broker, rooms } = await make();
    const gate = deferred();
    broker.answer = async (value) => {
      await gate.promise;
      return value;
    };
    const ada = new FakeMember('ada');
    const joining = rooms.join(ada, 'r', ada.admit);
    await broker.publish('r', publication('m1'));
    await broker.publish('r', publication('m2'));
    gate.resolve();
    expect(await joining).toBe(true);
    expect(ada.joined).toMatchObject([{ offset: 2 }]);
    await broker.publish('r', publication('m3'));
    expect(ada.offsets()).toEqual([3]);
  });

  it('give members in except a position instead of the message', async () => {
    const { broker, rooms } = await make();
    const [ada, bob] = [new FakeMember('ada'), new FakeMember('bob')];
    await rooms.join(ada, 'r', ada.admit);
    await rooms.join(bob, 'r', bob.admit);
    const { position } = await broker.publish('r', publication('m1', { except: ['ada', 'x'] }));
    expect(ada.link.frames()).toEqual([{ type: 'position', room: 'r', ...position }]);
    expect(bob.link.frames()).toEqual([
      {
        type: 'message',
        room: 'r',
        event: 'said',
        id: 'm1',
        timestamp: 1,
        ...position,
        payload: { id: 'm1' },
      },
    ]);
  });

  it('pass a payload’s text on as it came', async () => {
    const { broker, rooms } = await make();
    const ada = new FakeMember('ada');
    await rooms.join(ada, 'r', ada.admit);
    await broker.publish('r', publication('m1', { payload: '{"n":1.00,"n":2e0}' }));
    expect(ada.link.received.at(-1)).toContain('"payload":{"n":1.00,"n":2e0}}');
  });

  it('count a message for a room nobody is in', async () => {
    const { rooms, observer } = await make();
    const message: StoredPublication = {
      ...publication('m1'),
      position: { epoch: 'e', offset: 1 },
    };
    rooms.deliver('r', message);
    expect(observer.ignoredThings).toEqual(['message-for-unknown-room']);
  });

  it('keep out whoever left while the broker was asked, and let the room go', async () => {
    const { broker, rooms } = await make();
    const ada = new FakeMember('ada');
    const joining = rooms.join(ada, 'r', ada.admit);
    ada.isLive = false;
    expect(await joining).toBe(false);
    expect(ada.joined).toEqual([]);
    expect(broker.calls).toEqual(['subscribe r', 'unsubscribe r']);
    expect(rooms.size).toBe(0);
  });

  it('keep out whom admit refuses', async () => {
    const { rooms } = await make();
    const ada = new FakeMember('ada');
    expect(await rooms.join(ada, 'r', () => false)).toBe(false);
    expect([rooms.size, ada.rooms.size]).toEqual([0, 0]);
  });

  it('keep out whoever ends because of what admit sends', async () => {
    const { rooms } = await make();
    const ada = new FakeMember('ada');
    const joined = await rooms.join(ada, 'r', () => {
      ada.isLive = false;
      return true;
    });
    expect(joined).toBe(false);
    expect([rooms.size, ada.rooms.size]).toEqual([0, 0]);
  });

  it('reject every join that waited for a subscribe that failed, and try anew with the next', async () => {
    const { broker, rooms } = await make();
    broker.subscribeError = new Error('no broker');
    const [ada, bob] = [new FakeMember('ada'), new FakeMember('bob')];
    const joins = [rooms.join(ada, 'r', ada.admit), rooms.join(bob, 'r', bob.admit)];
    for (const join of joins) await expect(join).rejects.toThrow('no broker');
    expect(rooms.size).toBe(0);
    broker.subscribeError = undefined;
    expect(await rooms.join(ada, 'r', ada.admit)).toBe(true);
    expect([...broker.subscribed]).toEqual(['r']);
  });

  it('report an unsubscribe that failed', async () => {
    const { broker, rooms, observer } = await make();
    const ada = new FakeMember('ada');
    await rooms.join(ada, 'r', ada.admit);
    broker.unsubscribeError = new Error('no broker');
    rooms.leave(ada, 'r');
    await turn();
    expect(observer.failures).toEqual([
      { where: 'unsubscribe at the broker', error: broker.unsubscribeError },
    ]);
  });

  it('P-04 work under names that objects have already', async () => {
    const { broker, rooms } = await make();
    for (const name of ['__proto__', 'constructor', 'toString']) {
      const ada = new FakeMember('ada');
      await rooms.join(ada, name, ada.admit);
      await broker.publish(name, publication('m1'));
      expect(ada.offsets()).toEqual([1]);
    }
    expect(rooms.size).toBe(3);
  });

  it('keep the order for everyone when a slow member’s end publishes into the room', async () => {
    const { broker, rooms } = await make();
    const slow = new FakeMember('slow', 300, (member) => {
      member.isLive = false;
      rooms.leaveAll(member);
      void broker.publish('r', publication('slow has left'));
    });
    const fast = new FakeMember('fast');
    for (const member of [slow, fast]) await rooms.join(member, 'r', member.admit);
    slow.link.stopReading();
    for (let n = 0; n < 5; n += 1) await broker.publish('r', publication('x'.repeat(80)));
    expect(slow.isLive).toBe(false);
    expect(fast.offsets()).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('R-05 R-06 give each member every message after its position once, in any interleaving', async () => {
    type Step = { kind: 'join' | 'leave' | 'end' | 'publish' | 'turn'; who: number; room: number };
    const step: fc.Arbitrary<Step> = fc.record({
      kind: fc.constantFrom('join', 'join', 'leave', 'end', 'publish', 'publish', 'turn'),
      who: fc.nat(2),
      room: fc.nat(1),
    });
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.array(step, { maxLength: 40 }), async (s, steps) => {
        const { broker, rooms, observer } = await make();
        broker.answer = (value, call) => s.schedule(Promise.resolve(value), call);
        const members = ['a', 'b', 'c'].map((id) => new FakeMember(id));
        const names = ['r0', '__proto__'];
        const tops = new Map<string, number>();
        /** For each stay: where it began, and what came of it. */
        const stays: { room: string; from: number; got: number[]; until: number }[] = [];
        const open = new Map<string, (typeof stays)[number]>();
        const faults: string[] = [];
        const read = (): void => {
          for (const member of members) {
            for (const frame of member.link.frames()) {
              if (frame.type !== 'message') continue;
              const stay = open.get(`${member.id} ${frame.room ?? ''}`);
              if (stay === undefined) faults.push(`${member.id} got a message out of season`);
              else stay.got.push(frame.offset ?? -1);
            }
          }
        };
        const closeStay = (member: FakeMember, room: string): void => {
          read();
          const key = `${member.id} ${room}`;
          const stay = open.get(key);
          if (stay !== undefined) stay.until = tops.get(room) ?? 0;
          open.delete(key);
        };
        const pending: Promise<unknown>[] = [];
        for (const { kind, who, room } of steps) {
          const member = members[who] as FakeMember;
          const name = names[room] as string;
          if (kind === 'turn') {
            if (s.count() > 0) await s.waitNext(1);
          } else if (kind === 'publish') {
            tops.set(name, (tops.get(name) ?? 0) + 1);
            await broker.publish(name, publication('m'));
            read();
          } else if (kind === 'leave') {
            if (rooms.leave(member, name)) closeStay(member, name);
          } else if (kind === 'end') {
            member.isLive = false;
            rooms.leaveAll(member);
            for (const left of names) closeStay(member, left);
          } else if (member.isLive) {
            const join = rooms.join(member, name, (position) => {
              read();
              const stay = { room: name, from: position.offset, got: [], until: Infinity };
              // A second join of the same room goes on with the first one's stay.
              if (!open.has(`${member.id} ${name}`)) {
                open.set(`${member.id} ${name}`, stay);
                stays.push(stay);
              }
              if (position.offset !== (tops.get(name) ?? 0)) faults.push('an old position');
              return true;
            });
            pending.push(join);
          }
        }
        await releaseAll(s);
        await Promise.all(pending);
        read();
        expect(faults).toEqual([]);
        for (const { room, from, got, until } of stays) {
          const last = Math.min(until, tops.get(room) ?? 0);
          const due = Array.from({ length: last - from }, (_, index) => from + 1 + index);
          expect(got).toEqual(due);
        }
        for (const member of members) rooms.leaveAll(member);
        await releaseAll(s);
        await turns(2);
        expect(rooms.size).toBe(0);
        expect([...broker.subscribed]).toEqual([]);
        expect(observer.failures).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});
