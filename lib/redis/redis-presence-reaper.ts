import type { Observer } from '../core/index.js';
import type { PresenceKeys } from './presence-keys.js';
import type { RedisCalls } from './redis-calls.js';
import { listOf } from './redis-presence-codec.js';
import { FENCE_MS, type PublishCommand } from './redis-presence-records.js';
import { RedisScript } from './redis-script.js';

const FENCE = RedisScript.load('presence-fence');
const REAP = RedisScript.load('presence-room', 'presence-reap');
const CLAIM = RedisScript.load('presence-claim');

/** Rooms that are looked at together. */
const ROOMS_AT_ONCE = 200;
/** Users that one call takes out of a room. */
const USERS_A_CALL = 100;

/** What removing needs. */
export interface PresenceReaperSetup {
  readonly calls: RedisCalls;
  readonly keys: PresenceKeys;
  readonly observer: Observer;
  readonly publishCommand: PublishCommand;
  /** Milliseconds until another node takes up what this one does not go on with. */
  readonly claimMs: number;
}

/**
 * Removes the records of a lease that is over. First every room that the lease has noted is told that
 * the lease is dead, and refuses it from then on; only then records are removed. So a node that was
 * away cannot change anything by its old lease once the first of its records is gone.
 *
 * Each step may be repeated, and by two nodes at once: what has been removed is not removed again. A
 * room that cannot be reached is left to the next attempt, and the others do not wait for it.
 */
export class PresenceReaper {
  #isClosed = false;

  constructor(private readonly setup: PresenceReaperSetup) {}

  /** Removes what it can. Never rejects. */
  async reap(lease: string): Promise<void> {
    try {
      const failures = [
        ...(await this.#forEachRoom(lease, (room) => this.#fence(room, lease))),
        ...(await this.#forEachRoom(lease, (room) => this.#remove(room, lease), true)),
      ];
      if (failures.length > 0) throw failures[0];
      const { calls, keys } = this.setup;
      if (!this.#isClosed) await calls.command('zrem', keys.reaping, lease);
    } catch (error) {
      // It stays in the list: some node takes it up again.
      this.setup.observer.failed('presence of a lost node', error);
    }
  }

  /** Begins nothing more. */
  close(): void {
    this.#isClosed = true;
  }

  /** Returns what has failed. `isLast`: rooms with which it has not are taken off the lease. */
  async #forEachRoom(
    lease: string,
    work: (room: string) => Promise<void>,
    isLast = false,
  ): Promise<readonly unknown[]> {
    const { calls, keys } = this.setup;
    const failures: unknown[] = [];
    let cursor = '0';
    do {
      if (!(await this.#goOn(lease))) return failures;
      const page = await calls.command('sscan', keys.rooms(lease), cursor, 'COUNT', ROOMS_AT_ONCE);
      const [next, names] = listOf(page);
      cursor = String(next);
      const rooms = listOf(names).map(String);
      const ended = await Promise.allSettled(rooms.map(work));
      const done = rooms.filter((_, index) => ended[index]?.status === 'fulfilled');
      for (const end of ended) if (end.status === 'rejected') failures.push(end.reason);
      if (isLast && !this.#isClosed && done.length > 0) {
        await calls.command('srem', keys.rooms(lease), ...done);
      }
    } while (cursor !== '0');
    return failures;
  }

  /** Whether there is anything left to do for this node. */
  async #goOn(lease: string): Promise<boolean> {
    const { calls, keys, claimMs } = this.setup;
    return !this.#isClosed && (await calls.script(CLAIM, [keys.reaping], [lease, claimMs])) === 1;
  }

  async #fence(room: string, lease: string): Promise<void> {
    await this.setup.calls.script(FENCE, [this.setup.keys.room(room).dead], [lease, FENCE_MS]);
  }

  async #remove(room: string, lease: string): Promise<void> {
    const { calls, keys, publishCommand } = this.setup;
    const { users, version, owners, dead, channel } = keys.room(room);
    const of = [users, version, owners, dead];
    const args = [lease, USERS_A_CALL, publishCommand, channel];
    for (let left = 1; left > 0;) {
      if (this.#isClosed) return;
      left = Number(await calls.script(REAP, of, args));
    }
  }
}
