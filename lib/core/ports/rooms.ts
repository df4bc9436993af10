import type { Payload, Position } from '../../protocol/index.js';
import type { RealtimeUser } from './authentication.js';
import type { HistoryPolicy } from './broker.js';

/** What a client's publish turns into once the room's policy has looked at it. */
export type PublishDecision =
  | {
      readonly allowed: true;
      readonly payload: string | undefined;
      /** Whether it has no position and is never stored. Absent: false. */
      readonly volatile?: boolean;
      /** What a volatile message is the latest of, see `Publication`. */
      readonly latest?: string | undefined;
    }
  | {
      readonly allowed: false;
      readonly code: string;
      readonly message: string;
      readonly details?: unknown;
    };

/** How the members of a room are told of each other. */
export interface PresencePolicy {
  /** Milliseconds after a broken connection until its client counts as gone. 0: at once. */
  readonly graceMs: number;
  /** Whether only the number of users is told, not who they are. */
  readonly countsOnly: boolean;
  /** What everyone may know of a user at first. A JSON value; `undefined`: nothing. */
  info(user: RealtimeUser): Promise<unknown>;
}

/** A room's state. */
export interface RoomSnapshot {
  /** JSON text. */
  readonly payload: string;
  /**
   * The position that the state belongs to: it contains every message up to it. Absent: it contains
   * at least what was there when the snapshot was asked for.
   */
  readonly position?: Position;
}

/**
 * What the application says about one room.
 *
 * P1 answers for the user as it is at the time of the call; the core asks again for every subscribe
 *    and publish.
 * P2 what fails means no.
 */
export interface RoomRights {
  /** Whether sessions that are anonymous may be here at all. */
  readonly isPublic: boolean;
  /** What is kept of the room's messages. */
  readonly history: HistoryPolicy;
  /** `undefined`: nobody is told who is in the room, and it is not tracked. */
  readonly presence: PresencePolicy | undefined;
  /** Whether this user may get the room's messages. */
  canSubscribe(user: RealtimeUser): Promise<boolean>;
  /** Whether this user may know who is in the room. */
  canSeePresence(user: RealtimeUser): Promise<boolean>;
  /** Whether this user may page through what is kept of the room. */
  canReadHistory(user: RealtimeUser): Promise<boolean>;
  /** Whether this user may put this into the room, and what exactly. */
  decidePublish(
    user: RealtimeUser,
    event: string,
    payload: Payload | undefined,
  ): Promise<PublishDecision>;
  /**
   * The room's state for a user. Absent: the room offers none. Rejects with a `RealtimeError` to
   * refuse with its code.
   */
  readonly snapshot?: (user: RealtimeUser) => Promise<RoomSnapshot>;
}

/** Finds the rights of a room by its name. P3 `undefined` for a room that nobody declares. */
export interface RoomDirectory {
  find(room: string): RoomRights | undefined;
}
