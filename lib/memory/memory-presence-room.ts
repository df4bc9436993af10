import type {
  PresenceChange,
  PresenceRecord,
  PresenceScope,
  PresenceSnapshot,
} from '../core/index.js';
import type { PresenceEntry, PresenceMember } from '../protocol/index.js';

/** What names a record within its room. */
export type RecordKey = Pick<PresenceRecord, 'userId' | 'client' | 'connectionId'>;

/** A record, and what its node is known by. */
export interface HeldRecord<Owner> {
  readonly room: PresenceRoom<Owner>;
  readonly owner: Owner;
  readonly record: PresenceRecord;
}

/** What putting or removing has done. */
export interface PresenceEffect<Owner> {
  /** Records that are there no longer. */
  readonly gone: readonly HeldRecord<Owner>[];
  /** Absent: what is shown of the room is as it was. */
  readonly change?: PresenceChange;
}

/** Who is in one room, by which records of which nodes. */
export class PresenceRoom<Owner> {
  /** By user, in the order in which users came; a user's in the order in which they were put. Never empty lists. */
  readonly #users = new Map<string, HeldRecord<Owner>[]>();
  #version = 0;

  constructor(readonly name: string) {}

  /** Whether nobody is in it. */
  get isEmpty(): boolean {
    return this.#users.size === 0;
  }

  /** Who is in it; listed if they are not more than this. */
  snapshot(maxMembers: number): PresenceSnapshot {
    const total = this.#users.size;
    const members =
      total > maxMembers
        ? []
        : Array.from(this.#users, ([userId, records]) => memberOf(userId, records));
    return { version: this.#version, total, members };
  }

  /** Puts a record, or changes one where it is. */
  put(held: HeldRecord<Owner>): PresenceEffect<Owner> {
    const { userId, connectionId } = held.record;
    const records = this.#users.get(userId) ?? [];
    const index = records.findIndex(({ record }) => record.connectionId === connectionId);
    if (index === -1) return this.#replace(userId, [...records, held], []);
    return this.#replace(userId, records.with(index, held), records.slice(index, index + 1));
  }

  /** Removes a record; with scope `client` also the client's older ones. */
  remove(key: RecordKey, scope: PresenceScope): PresenceEffect<Owner> {
    const { userId, client, connectionId } = key;
    const records = this.#users.get(userId) ?? [];
    const index = records.findIndex(({ record }) => record.connectionId === connectionId);
    const isGone = ({ record }: HeldRecord<Owner>, at: number): boolean =>
      at === index || (scope === 'client' && at < index && record.client === client);
    const gone = records.filter(isGone);
    if (gone.length === 0) return { gone };
    const left = records.filter((held, at) => !isGone(held, at));
    return this.#replace(userId, left, gone);
  }

  #replace(
    userId: string,
    records: HeldRecord<Owner>[],
    gone: readonly HeldRecord<Owner>[],
  ): PresenceEffect<Owner> {
    const before = this.#users.get(userId);
    const member = records.length === 0 ? undefined : memberOf(userId, records);
    if (member === undefined) this.#users.delete(userId);
    else this.#users.set(userId, records);
    if (before !== undefined && isSame(memberOf(userId, before), member)) return { gone };
    this.#version += 1;
    const total = this.#users.size;
    const hasJoined = before === undefined;
    return { gone, change: { version: this.#version, total, userId, member, hasJoined } };
  }
}

/** A user as everyone sees it: of each client the newest record, in the place of its first. */
function memberOf<Owner>(userId: string, records: readonly HeldRecord<Owner>[]): PresenceMember {
  // A Map keeps the place of a key that is set again.
  const shown = new Map(records.map(({ record }) => [record.client, record]));
  return { userId, connections: Array.from(shown.values(), entryOf) };
}

function entryOf({ connectionId, info }: PresenceRecord): PresenceEntry {
  return info === undefined ? { connectionId } : { connectionId, info };
}

function isSame(a: PresenceMember, b: PresenceMember | undefined): boolean {
  return b !== undefined && JSON.stringify(a) === JSON.stringify(b);
}
