import { RealtimeError, type Clock, type Observer, type Random } from '../core/index.js';
import { ErrorCode } from '../protocol/index.js';
import type { PresenceKeys } from './presence-keys.js';
import type { RedisCalls } from './redis-calls.js';
import { listOf } from './redis-presence-codec.js';
import { RedisScript } from './redis-script.js';

const SIGN_OF_LIFE = RedisScript.load('presence-lease');
const ENROLL = RedisScript.load('presence-enroll');

/** Rooms that one call notes, or takes off. */
const ROOMS_A_CALL = 500;

/** Times as parts of {@link PresenceLeaseSetup.leaseMs}: what is left of it is for removing the records. */
const HOLDS = 0.75;
const RENEWED_AFTER = 0.15;
/** Nobody renews it any more, and the clients are on their way: nearly all of it. */
const HOLDS_AFTER_CLOSE = 0.95;

/** What a lease needs. */
export interface PresenceLeaseSetup {
  readonly calls: RedisCalls;
  readonly keys: PresenceKeys;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: Observer;
  /** Milliseconds after a node's last sign of life in which its records have to be removed. */
  readonly leaseMs: number;
}

/** Whom a lease tells. */
export interface LeaseEvents {
  /**
   * The node has another lease; what it had by the one before is gone, or going to be.
   *
   * @param hasForgotten whether Redis has forgotten more than that.
   */
  replaced(hasForgotten: boolean): void;
  /** The node has to remove the records of this lease, which is over. Never rejects. */
  overdue(lease: string): Promise<void>;
  /** The node has given a sign of life. */
  renewed(): void;
}

/** That the node may put records into a room. */
export interface Enrolment {
  readonly lease: string;
  /** When the room was noted under the lease, by the clock of Redis in milliseconds. */
  readonly notedAt: number;
  /** Users of whom the lease has records there, as far as is known. */
  held: number;
}

/** What Redis answers to a sign of life: see `scripts/presence-lease.lua`. */
interface Sign {
  readonly holds: boolean;
  readonly book: string;
  /** Empty: there is none. */
  readonly overdue: string;
  readonly nextMs: number;
}

/**
 * This node's lease: a random name, which Redis keeps with the time at which it is over. Records carry
 * the name; so nothing but the lease has to be renewed, however many they are.
 *
 * Before a node puts its first record into a room, the room is noted under the lease, by a script that
 * does so only while the lease is known. One that is over is known no longer, and its rooms can only
 * get fewer from then on: all its records are found.
 */
export class PresenceLease {
  /** `undefined`: Redis has not been reached yet. */
  #id: string | undefined;
  #book: string | undefined;
  readonly #enrolled = new Map<string, Enrolment>();
  /** Rooms without records. They are taken off with the next sign of life. */
  readonly #idle = new Set<string>();
  /** Rooms that are going to be noted with the next call. */
  #noting: { readonly rooms: Set<string>; readonly done: Promise<void> } | undefined;
  #entering: Promise<void> | undefined;
  #takingOff: Promise<unknown> = Promise.resolve();
  #cancel: () => void = () => undefined;
  #hasForgotten = false;
  #isReaping = false;
  #isFailing = false;
  #isClosed = false;

  constructor(
    private readonly setup: PresenceLeaseSetup,
    private readonly events: LeaseEvents,
  ) {}

  /** Enters the node. Where Redis is away it goes on trying, and does not reject. */
  async start(): Promise<void> {
    await this.#tick();
  }

  /** The lease. @throws RealtimeError `unavailable` if there is none yet. */
  async id(): Promise<string> {
    if (this.#id === undefined) await this.#enter();
    if (this.#id !== undefined) return this.#id;
    throw unavailable();
  }

  /** What is known of a room, without asking. */
  enrolmentOf(room: string): Enrolment | undefined {
    return this.#enrolled.get(room);
  }

  /** Has a room noted under the lease, if it is not. @throws RealtimeError `unavailable`. */
  async enroll(room: string): Promise<Enrolment> {
    for (let attempt = 0; attempt < 3; attempt += 1) {
      this.#idle.delete(room);
      const known = this.#enrolled.get(room);
      if (known !== undefined) return known;
      await this.#note(room);
    }
    throw unavailable();
  }

  /** The lease has records of so many users of a room now. */
  held(room: string, lease: string, users: number): void {
    const enrolment = this.#enrolled.get(room);
    if (enrolment?.lease !== lease) return;
    enrolment.held = users;
    if (users === 0) this.#idle.add(room);
  }

  /** A room's note has become too old. */
  forget(room: string): void {
    this.#enrolled.delete(room);
  }

  /**
   * A lease does not hold any more: the node gets another. Does nothing if it has one already.
   *
   * @param hasForgotten whether Redis has lost more than the lease.
   * @throws RealtimeError `unavailable`.
   */
  async replace(lease: string, hasForgotten: boolean): Promise<void> {
    if (this.#id !== lease || this.#isClosed) return;
    this.#hasForgotten ||= hasForgotten;
    await this.#enter();
  }

  /** Ends it: nobody renews it any more. Never rejects. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancel();
    if (this.#id === undefined) return;
    try {
      await this.#sign('close', this.#id, HOLDS_AFTER_CLOSE);
    } catch (error) {
      // It is over a little earlier, then.
      this.setup.observer.failed('presence lease', error);
    }
  }

  /** Gets a lease, whoever and however many ask for it. */
  #enter(): Promise<void> {
    this.#entering ??= this.#enterOnce().finally(() => {
      this.#entering = undefined;
    });
    return this.#entering;
  }

  async #enterOnce(): Promise<void> {
    const id = this.setup.random.id();
    const { book } = await this.#sign('enter', id, HOLDS);
    if (this.#isClosed) return;
    const isFirst = this.#id === undefined;
    const hasForgotten = this.#hasForgotten || this.#book !== book;
    this.#id = id;
    this.#book = book;
    this.#hasForgotten = false;
    this.#enrolled.clear();
    this.#idle.clear();
    if (!isFirst) this.events.replaced(hasForgotten);
  }

  async #tick(): Promise<void> {
    let nextMs = this.setup.leaseMs * RENEWED_AFTER;
    try {
      nextMs = Math.min(nextMs, await this.#renew());
      await this.#takeOff();
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing) this.setup.observer.failed('presence lease', error);
      this.#isFailing = true;
    }
    this.#schedule(nextMs);
  }

  #schedule(delayMs: number): void {
    if (this.#isClosed) return;
    this.#cancel();
    this.#cancel = this.setup.clock.after(delayMs, () => void this.#tick());
  }

  /** Gives a sign of life. Returns the milliseconds until there may be something else to do. */
  async #renew(): Promise<number> {
    const id = this.#id;
    if (id === undefined) {
      await this.#enter();
      return Infinity;
    }
    const { holds, book, overdue, nextMs } = await this.#sign('renew', id, HOLDS);
    if (!holds || book !== this.#book) {
      await this.replace(id, book !== this.#book);
      return Infinity;
    }
    this.events.renewed();
    if (overdue !== '') void this.#reap(overdue);
    return nextMs < 0 ? Infinity : Math.max(1, nextMs);
  }

  /** One after the other; when several nodes have died, the next one at once. */
  async #reap(lease: string): Promise<void> {
    this.#isReaping = true;
    await this.events.overdue(lease);
    this.#isReaping = false;
    this.#schedule(0);
  }

  async #sign(action: 'enter' | 'renew' | 'close', id: string, part: number): Promise<Sign> {
    const { calls, keys, random, leaseMs } = this.setup;
    const reply = await calls.script(
      SIGN_OF_LIFE,
      [keys.leases, keys.reaping, keys.book],
      [action, id, Math.round(leaseMs * part), this.#isReaping ? 0 : leaseMs, random.id()],
    );
    const [holds, book, overdue, nextMs] = listOf(reply);
    return {
      holds: holds === 1,
      book: String(book),
      overdue: String(overdue),
      nextMs: Number(nextMs),
    };
  }

  /** Takes off rooms without records. What is noted again meanwhile waits until that is done. */
  async #takeOff(): Promise<void> {
    const { calls, keys } = this.setup;
    while (this.#idle.size > 0 && this.#id !== undefined) {
      const rooms = [...this.#idle].slice(0, ROOMS_A_CALL);
      for (const room of rooms) {
        this.#idle.delete(room);
        this.#enrolled.delete(room);
      }
      this.#takingOff = calls.command('srem', keys.rooms(this.#id), ...rooms);
      await this.#takingOff;
    }
  }

  /** Rooms of one turn are noted by one call. */
  #note(room: string): Promise<void> {
    this.#noting ??= this.#openNoting();
    this.#noting.rooms.add(room);
    return this.#noting.done;
  }

  #openNoting(): { readonly rooms: Set<string>; readonly done: Promise<void> } {
    const rooms = new Set<string>();
    const done = Promise.resolve().then(() => {
      this.#noting = undefined;
      return this.#noteAll([...rooms]);
    });
    return { rooms, done };
  }

  async #noteAll(rooms: readonly string[]): Promise<void> {
    // Whether it worked is told elsewhere; in either case it is over before what comes now.
    await Promise.allSettled([this.#takingOff]);
    const lease = await this.id();
    for (let from = 0; from < rooms.length; from += ROOMS_A_CALL) {
      if (!(await this.#noteSome(lease, rooms.slice(from, from + ROOMS_A_CALL)))) return;
    }
  }

  /** Returns false where the lease does not hold: whoever waits tries again with the next. */
  async #noteSome(lease: string, rooms: readonly string[]): Promise<boolean> {
    const { calls, keys } = this.setup;
    const to = [keys.leases, keys.rooms(lease)];
    const notedAt = Number(await calls.script(ENROLL, to, [lease, rooms.length, ...rooms]));
    if (notedAt < 0) await this.replace(lease, false);
    if (this.#id !== lease) return false;
    for (const room of rooms) this.#enrolled.set(room, { lease, notedAt, held: 0 });
    return true;
  }
}

function unavailable(): RealtimeError {
  return new RealtimeError(ErrorCode.Unavailable, 'presence store: the lease does not hold');
}
