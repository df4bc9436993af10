import type { Type } from '@nestjs/common';
import type { StandardSchemaV1 } from '@standard-schema/spec';

import type { RealtimeUser } from '../../core/index.js';
import type { HistoryOption } from '../options/history-option.js';

/**
 * What a payload has to be:
 *
 * - a class with `class-validator` decorators; properties without a decorator are refused,
 * - a Standard Schema (Zod, Valibot, ArkType, …); what it returns is what is published,
 * - `true`: anything. Say so only where every client may be trusted with any content.
 */
export type EventSchema = Type<object> | StandardSchemaV1 | true;

/**
 * What a client's message is the latest of: 1 to 64 characters. Counts within a room, whatever the event,
 * together with what the application publishes with `latest`. A throw, or anything else than such a text,
 * means nothing, and a line in the log: the message is then skipped for who is behind.
 *
 * @param user who publishes.
 * @param payload as the client sent it; it keeps the event's schema. `undefined`: none.
 */
export type LatestKey = (user: RealtimeUser, payload: unknown) => string;

/** How the members of a room are told of each other. */
export interface RoomPresenceOptions {
  /**
   * Milliseconds for which a client whose connection broke still counts as there: if it comes back
   * within them, nobody hears of it. Default 10 000. 0: gone at once.
   */
  readonly graceMs?: number;
  /** Whether only the number of users is told, not who they are. Default false. */
  readonly countsOnly?: boolean;
}

/** What a room is like. */
export interface RoomOptions {
  /** Events that clients may publish, with the schema of their payloads. Absent: none. */
  readonly events?: Readonly<Record<string, EventSchema>>;
  /**
   * Those of `events` that are never stored: typing, cursors. They have no position, are not replayed
   * to who missed them, and take no place in the history. Absent: all of them are stored.
   */
  readonly volatile?: readonly string[];
  /**
   * Those of `events` of which only the last counts, with what it is the last of: a user's cursor, say.
   * They are volatile; a client that is behind is sent the last one of each key once it has caught up,
   * instead of none. Absent: none.
   */
  readonly latest?: Readonly<Record<string, LatestKey>>;
  /**
   * What is kept of the rooms' messages; what it does not say is as in `rooms.history` of the module.
   * `false`: nothing; whoever missed a message is told so.
   */
  readonly history?: HistoryOption;
  /**
   * Whether it is tracked who is in the rooms, and how. Default: exactly if the class has
   * `canSeePresence`.
   */
  readonly presence?: boolean | RoomPresenceOptions;
}
