import type { PresenceMember } from '../protocol/index.js';
import type { CallOptions } from './call-options.js';

/** Who is in a room. */
export interface PresenceState {
  /** How many users. */
  readonly total: number;
  /**
   * The users by id, in the order in which the server told them; a user with three devices is one.
   * Absent where only their number is told: in rooms that want it so, and in those with more than 1,000.
   */
  readonly members: ReadonlyMap<string, PresenceMember> | undefined;
}

/** What changed since the listener was called before. All lists are empty when only the total is known. */
export interface PresenceChange {
  /** Users who were not there. At the first call: everyone. */
  readonly joined: readonly PresenceMember[];
  /** Users of whom a connection or its info changed, as they are now. */
  readonly updated: readonly PresenceMember[];
  /** Users who are there no longer, as they were. */
  readonly left: readonly PresenceMember[];
}

/** Gets who is in a room now, and what is new about that. */
export type PresenceListener = (state: PresenceState, change: PresenceChange) => unknown;

/**
 * Who is in a room, as far as its policy tells.
 *
 * Security note: a member's `info` is what the server's policy or that client made public; nothing
 * has checked it against a type.
 */
export interface RoomPresence {
  /**
   * Asks once who is there. Needs no subscription.
   *
   * @throws RealtimeClientError (rejects) as `client.request`.
   */
  get(options?: CallOptions): Promise<PresenceState>;

  /**
   * Listens to who is there, and subscribes to the room, as `room.on` does: only who is in a room may
   * watch it. The listener is called with everyone as soon as they are known, and then with each
   * change. After a broken connection it is called once with what has changed meanwhile, if anything:
   * who is still there neither leaves nor joins. Returns the function that removes the listener.
   *
   * A refusal is told by the room's `error` event.
   */
  watch(listener: PresenceListener): () => void;

  /**
   * Tells the room's members something about this connection, instead of what was told before:
   * any JSON value of at most 1 KiB, or nothing. Needs to be in the room. Told again by itself on
   * each new connection, until the room is left.
   *
   * @throws RealtimeClientError (rejects) as `client.request`; `not-subscribed` outside of the room.
   */
  update(info?: unknown, options?: CallOptions): Promise<void>;
}
