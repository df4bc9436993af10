import type { Type } from '@nestjs/common';
import type { StandardSchemaV1 } from '@standard-schema/spec';

import type { HistoryOption } from '../options/history-option.js';

/**
 * What a payload has to be:
 *
 * - a class with `class-validator` decorators; properties without a decorator are refused,
 * - a Standard Schema (Zod, Valibot, ArkType, …); what it returns is what is published,
 * - `true`: anything. Say so only where every client may be trusted with any content.
 */
export type EventSchema = Type<object> | StandardSchemaV1 | true;

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
