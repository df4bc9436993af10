import type { Type } from '@nestjs/common';
import type { StandardSchemaV1 } from '@standard-schema/spec';

import type { RealtimeUser } from '../../core/index.js';

/** Values of a pattern's parameters, by name: `chat/:room` gives `{ room }`. Checked against the room grammar, otherwise untrusted. */
export type RoomParams = Readonly<Record<string, string>>;

/**
 * What a `@RealtimeRoom()` class may say about its rooms. What it does not say is not allowed: without
 * `canSubscribe` no client gets in by itself, without `canPublish` none publishes, without `canSeePresence` none learns who is in. `RoomService` is
 * the application's own hand and asks nobody.
 */
export interface RoomPolicy<
  User extends RealtimeUser = RealtimeUser,
  Params extends RoomParams = RoomParams,
> {
  /** Whether this user may get the room's messages. A throw means no, and a line in the log. */
  canSubscribe?(user: User, params: Params): boolean | Promise<boolean>;
  /** Whether this user may know who is in the room. A throw means no, and a line in the log. */
  canSeePresence?(user: User, params: Params): boolean | Promise<boolean>;
  /**
   * Whether this user may put a message with this event into the room. Asked only for events that the
   * room declares, after the payload was validated.
   */
  canPublish?(user: User, params: Params, event: string): boolean | Promise<boolean>;
}

/**
 * What a payload has to be:
 *
 * - a class with `class-validator` decorators; properties without a decorator are refused,
 * - a Standard Schema (Zod, Valibot, ArkType, …); what it returns is what is published,
 * - `true`: anything. Say so only where every client may be trusted with any content.
 */
export type EventSchema = Type<object> | StandardSchemaV1 | true;

/** What a room is like. */
export interface RoomOptions {
  /** Events that clients may publish, with the schema of their payloads. Absent: none. */
  readonly events?: Readonly<Record<string, EventSchema>>;
}
