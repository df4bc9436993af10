import { RealtimeError, type PresenceSnapshot } from '../core/index.js';
import { ErrorCode } from '../protocol/index.js';
import type { PresenceKeys } from './presence-keys.js';
import type { RedisCalls } from './redis-calls.js';
import { decodeSnapshot, encodeChange, listOf } from './redis-presence-codec.js';
import type { RoomChange } from './redis-presence-lane.js';
import type { PresenceLease } from './redis-presence-lease.js';
import { RedisScript } from './redis-script.js';

const CHANGE = RedisScript.load('presence-room', 'presence-change');
const READ = RedisScript.load('presence-read');

/**
 * How long a room remembers that a lease is dead, and how old the note may be with which a lease comes
 * into a room for the first time. A call that was held up for longer than the room remembers is refused
 * for its old note, also where the clocks of two servers differ by the rest: half an hour.
 */
export const FENCE_MS = 3_600_000;
const NOTE_MS = 1_800_000;

/** How long the version of a room is remembered that nobody is in: 24 h. */
const EMPTY_ROOM_MS = 86_400_000;

/** How often a change is tried with another lease or note. */
const MOST_ATTEMPTS = 4;

/** Command that tells the watchers of a room: `SPUBLISH` where channels belong to slots. */
export type PublishCommand = 'PUBLISH' | 'SPUBLISH';

/** What reading and changing rooms needs. */
export interface RoomRecordsSetup {
  readonly calls: RedisCalls;
  readonly keys: PresenceKeys;
  readonly lease: PresenceLease;
  readonly publishCommand: PublishCommand;
}

/** Reads and changes who is in a room, under this node's lease. */
export class RoomRecords {
  constructor(private readonly setup: RoomRecordsSetup) {}

  /**
   * Makes changes in their order, all of them or none. Where the lease turns out not to hold, the node
   * gets another one, and says so, before they are made under that.
   *
   * @throws RealtimeError `unavailable`.
   */
  async change(room: string, changes: readonly RoomChange[]): Promise<void> {
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
      if (await this.#try(room, changes)) return;
    }
    throw new RealtimeError(ErrorCode.Unavailable, 'presence store: the lease does not hold');
  }

  /**
   * Who is in a room.
   *
   * @param isWatched whether the next change is to have the version after this one.
   * @throws RealtimeError `unavailable`.
   */
  async read(room: string, maxMembers: number, isWatched: boolean): Promise<PresenceSnapshot> {
    const { users, version } = this.setup.keys.room(room);
    const args = [maxMembers, isWatched ? 1 : 0, EMPTY_ROOM_MS];
    return decodeSnapshot(await this.setup.calls.script(READ, [users, version], args));
  }

  /** Returns whether it is done. */
  async #try(room: string, changes: readonly RoomChange[]): Promise<boolean> {
    const { lease } = this.setup;
    const puts = changes.some(({ kind }) => kind === 'put');
    const enrolment = puts ? await lease.enroll(room) : lease.enrolmentOf(room);
    const id = enrolment?.lease ?? (await lease.id());
    const { calls, keys, publishCommand } = this.setup;
    const { users, version, owners, dead, channel } = keys.room(room);
    const reply = await calls.script(
      CHANGE,
      [users, version, owners, dead],
      [
        id,
        puts && enrolment !== undefined ? enrolment.notedAt : '',
        NOTE_MS,
        enrolment !== undefined && enrolment.held > 0 ? 1 : 0,
        publishCommand,
        channel,
        changes.length,
        ...changes.flatMap(encodeChange),
      ],
    );
    const [status, held] = listOf(reply);
    if (status === 'done') lease.held(room, id, Number(held));
    else if (status === 'unknown') lease.forget(room);
    else await lease.replace(id, status === 'lost');
    return status === 'done';
  }
}
