import type { PresenceChange, PresenceRecord, PresenceSnapshot } from '../core/index.js';
import type { PresenceEntry, PresenceMember } from '../protocol/index.js';
import type { RoomChange } from './redis-presence-lane.js';
import type { ScriptArgument } from './redis-script.js';

/** What a script keeps of a user: see `scripts/presence-room.lua`. */
interface StoredUser {
  /** The version with which it came: the order of users. */
  readonly since: string;
  /** Client, connection, entry (JSON texts) and lease. */
  readonly records: readonly (readonly [string, string, string, string])[];
}

/** A change as a script takes it. */
export function encodeChange({ kind, record }: RoomChange): ScriptArgument[] {
  const { userId, client, connectionId } = record;
  const names = [userId, client, connectionId].map((name) => JSON.stringify(name));
  return [kind, ...names, kind === 'put' ? entryText(record) : ''];
}

function entryText({ connectionId, info }: PresenceRecord): string {
  const entry: PresenceEntry = info === undefined ? { connectionId } : { connectionId, info };
  return JSON.stringify(entry);
}

/**
 * What the script for reading gives.
 *
 * @throws TypeError or SyntaxError for what our scripts do not write.
 */
export function decodeSnapshot(reply: unknown): PresenceSnapshot {
  const [version, total, ...texts] = listOf(reply);
  const users: { since: number; member: PresenceMember }[] = [];
  for (let index = 0; index + 1 < texts.length; index += 2) {
    const { since, records } = JSON.parse(String(texts[index + 1])) as StoredUser;
    const userId = JSON.parse(String(texts[index])) as string;
    // A Map keeps the place of a key that is set again: the newest of a client in the place of its first.
    const shown = new Map(records.map(([client, , entry]) => [client, entry]));
    const connections = Array.from(shown.values(), (entry) => JSON.parse(entry) as PresenceEntry);
    users.push({ since: Number(since), member: { userId, connections } });
  }
  users.sort((a, b) => a.since - b.since);
  const members = users.map(({ member }) => member);
  return { version: Number(version), total: Number(total), members };
}

/** Changes as they are published; `undefined` for what our scripts do not publish. */
export function decodeChanges(text: string): PresenceChange[] | undefined {
  try {
    const changes = listOf(JSON.parse(text));
    return changes.every(isChange) ? changes.map(withMember) : undefined;
  } catch {
    // Somebody else has written to our channel; the caller takes it for a loss.
    return undefined;
  }
}

type PublishedChange = Omit<PresenceChange, 'member'> & { readonly member?: PresenceMember };

function isChange(value: unknown): value is PublishedChange {
  if (typeof value !== 'object' || value === null) return false;
  const { version, total, userId, hasJoined } = value as Partial<PublishedChange>;
  const hasNumbers = Number.isSafeInteger(version) && Number.isSafeInteger(total);
  return hasNumbers && typeof userId === 'string' && typeof hasJoined === 'boolean';
}

function withMember(change: PublishedChange): PresenceChange {
  return { ...change, member: change.member };
}

/**
 * A reply that is a list.
 *
 * @throws TypeError if it is none.
 */
export function listOf(reply: unknown): readonly unknown[] {
  if (!Array.isArray(reply)) throw new TypeError('expected Redis to reply with a list');
  return reply;
}
