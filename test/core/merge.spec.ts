/** Joining the history that was read with what came live, in any interleaving. P1 and P2. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import type { Clock } from '../../lib/core/index.js';
import { Turns } from '../../lib/core/turns.js';
import { publication } from '../support/fakes.js';
import { FakeMember, keyOf, RoomWorld, type Wish } from '../support/room-world.js';
import { StreamReader } from '../support/stream-reader.js';
import { turn } from '../support/turns.js';

const ROOMS = ['r', '__proto__'];
/** A few messages fill it: clients that do not read are closed, or wait, within a short sequence. */
const OUTBOX_BYTES = 1_500;

type Kind =
  | 'publish'
  | 'volatile'
  | 'turn'
  | 'return'
  | 'begin'
  | 'again'
  | 'leave'
  | 'break'
  | 'stop'
  | 'start'
  | 'trim'
  | 'forget'
  | 'lose'
  | 'snapshot';

interface Step {
  readonly kind: Kind;
  readonly who: number;
  readonly room: number;
  readonly count: number;
}

function stepsOf(kinds: readonly Kind[]): fc.Arbitrary<Step[]> {
  const step = fc.record({
    kind: fc.constantFrom(...kinds),
    who: fc.nat(1),
    room: fc.nat(1),
    count: fc.integer({ min: 1, max: 6 }),
  });
  return fc.array(step, { minLength: 5, maxLength: 50 });
}

const HARMLESS: readonly Kind[] = [
  ...['publish', 'publish', 'publish', 'volatile', 'turn', 'turn', 'turn'],
  ...['return', 'return', 'begin', 'again', 'again', 'again', 'leave', 'break'],
  ...['stop', 'start', 'snapshot'],
] as Kind[];

/** Time whose next moment comes when the scheduler says so. */
function scheduledClock(s: fc.Scheduler): Clock {
  return {
    now: () => 0,
    after: (_, callback) => {
      void s.schedule(Promise.resolve(), 'next moment').then(callback);
      return () => undefined;
    },
  };
}

/** A client: one connection at a time, what it wants of rooms in order, positions that stay. */
class Client {
  readonly reader = new StreamReader();
  member: FakeMember;
  readonly #frames = new Turns();

  constructor(private readonly world: RoomWorld) {
    this.member = this.#connect();
  }

  want(wish: (member: FakeMember) => Wish): void {
    if (!this.member.isLive) this.member = this.#connect();
    const { member } = this;
    void this.#frames.run(async () => {
      if (!member.isLive) return;
      member.read();
      await this.world.enter(member, wish(member));
    });
  }

  leave(room: string): void {
    const { member } = this;
    void this.#frames.run(() => {
      if (member.isLive) this.world.leave(member, room);
      return Promise.resolve();
    });
  }

  break(): void {
    if (!this.member.isLive) return;
    this.world.end(this.member);
    this.reader.disconnect();
  }

  #connect(): FakeMember {
    const member = new FakeMember('c', this.reader, OUTBOX_BYTES);
    member.onOverflow = () => {
      this.world.end(member);
      this.reader.disconnect();
    };
    return member;
  }
}

class Run {
  readonly world: RoomWorld;
  readonly clients: readonly Client[];
  #published = 0;

  constructor(private readonly s: fc.Scheduler) {
    this.world = new RoomWorld(scheduledClock(s));
    this.world.broker.gate = (what) => s.schedule(Promise.resolve(), what);
    this.clients = [new Client(this.world), new Client(this.world)];
  }

  async all(steps: readonly Step[]): Promise<void> {
    for (const room of ROOMS) for (let n = 0; n < 8; n += 1) this.#publish(room, n);
    for (const step of steps) {
      await this.#one(step);
      await Promise.resolve();
    }
    for (const { member } of this.clients) member.link.startReading();
    await this.#release();
    // Losses of the last messages of a room become known with the next one.
    this.world.broker.toLose = 0;
    for (const room of ROOMS) this.world.broker.publish(room, 'last');
    await this.#release();
    for (const { member } of this.clients) member.read();
  }

  /** What each client that is in a room has to be at. */
  async judge(): Promise<void> {
    const { broker, rooms, observer } = this.world;
    for (const { reader, member } of this.clients) {
      expect(reader.faults).toEqual([]);
      for (const { room, position, id } of reader.seen) {
        expect(broker.stored.get(keyOf(room, position))).toBe(id);
      }
      for (const room of member.rooms.keys()) expect(reader.at(room)).toEqual(broker.top(room));
      for (const room of ROOMS) expect(reader.at(room) === undefined).toBe(!member.rooms.has(room));
      rooms.leaveAll(member);
    }
    await this.#release();
    expect([rooms.size, broker.subscribed.size, observer.failures]).toEqual([0, 0, []]);
  }

  async #one({ kind, who, room: index, count }: Step): Promise<void> {
    const { world, s } = this;
    const { broker } = world;
    const room = ROOMS[index] ?? 'r';
    const client = this.clients[who] as Client;
    if (kind === 'publish') for (let n = 0; n < count; n += 1) this.#publish(room, n);
    else if (kind === 'volatile') broker.publishVolatile(room, 'v');
    else if (kind === 'turn')
      for (let n = 0; n < count && s.count() > 0; n += 1) await s.waitNext(1);
    else if (kind === 'return') {
      client.want(({ reader }) => ({ room, from: reader.last(room) ?? {} }));
    } else if (kind === 'begin') client.want(() => ({ room }));
    else if (kind === 'again') {
      const { epoch, offset } = broker.top(room);
      const behind = who === 0 ? count : count * 3;
      client.want(() => ({ room, from: { epoch, offset: Math.max(0, offset - behind) } }));
    } else if (kind === 'snapshot') client.want(() => ({ room, snapshot: () => this.#snapshot() }));
    else if (kind === 'leave') client.leave(room);
    else if (kind === 'break') client.break();
    else if (kind === 'stop') client.member.link.stopReading();
    else if (kind === 'start') client.member.link.startReading();
    else if (kind === 'trim') broker.trim(room);
    else if (kind === 'forget') broker.forget(room);
    else broker.toLose += 1;
  }

  #publish(room: string, n: number): void {
    this.#published += 1;
    const id = `m${String(this.#published)}`;
    const except = n % 3 === 2 ? { except: ['c'] } : {};
    this.world.broker.publish(room, publication(id, except));
  }

  async #snapshot(): Promise<{ payload: string }> {
    await this.s.schedule(Promise.resolve(), 'snapshot');
    return { payload: '1' };
  }

  async #release(): Promise<void> {
    for (await turn(); this.s.count() > 0; await turn()) await this.s.waitNext(1);
  }
}

describe('a member’s stream, in any interleaving of history, live messages and clients', () => {
  it('has no hole and no repeat, and nothing is said to be lost where nothing is', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), stepsOf(HARMLESS), async (s, steps) => {
        const run = new Run(s);
        await run.all(steps);
        await run.judge();
        for (const { reader } of run.clients) expect(reader.losses).toBe(0);
      }),
      { numRuns: 1_500 },
    );
  });

  it('tells a loss before what follows it, where the store trims, forgets, and loses', async () => {
    const kinds: Kind[] = [...HARMLESS, 'trim', 'forget', 'lose'];
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), stepsOf(kinds), async (s, steps) => {
        const run = new Run(s);
        await run.all(steps);
        await run.judge();
      }),
      { numRuns: 1_500 },
    );
  });
});
