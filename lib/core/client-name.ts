import type { Session } from './ports/index.js';

/**
 * Names a client instance: the same for one that comes back, never the same for two users.
 *
 * @param session of its user; `undefined`, and one that is fleeting, stand for nobody.
 * @param key the client's own, or one that no other connection has.
 */
export function clientName(session: Session | undefined, key: string): string {
  // No user has an empty id, so nobody shares a name with those who have none of their own.
  const userId = session === undefined || session.isFleeting === true ? '' : session.user.id;
  return `${String(userId.length)}:${userId}:${key}`;
}
