import { MAX_PRESENCE_MEMBERS, type PresenceMember } from '../protocol/index.js';
import type { Member } from './rooms.js';

/** Who is in a room: users, whatever the number of their devices. */
export interface PresenceState {
  /** How many users. */
  readonly total: number;
  /** The users; of more than 1,000 those who came first. */
  readonly members: readonly PresenceMember[];
}

/** The users behind a room's connections, in the order in which they came. */
export function presenceOf(connections: Iterable<Member>): PresenceState {
  const counts = new Map<string, number>();
  for (const { user } of connections) {
    if (user !== undefined) counts.set(user.id, (counts.get(user.id) ?? 0) + 1);
  }
  const members = [...counts].slice(0, MAX_PRESENCE_MEMBERS);
  return {
    total: counts.size,
    members: members.map(([userId, count]) => ({ userId, connections: count })),
  };
}
