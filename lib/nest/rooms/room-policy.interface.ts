import type { RealtimeUser } from '../../core/index.js';

/** Values of a pattern's parameters, by name: `chat/:room` gives `{ room }`. Checked against the room grammar, otherwise untrusted. */
export type RoomParams = Readonly<Record<string, string>>;

/**
 * What a `@RealtimeRoom()` class may say about its rooms. What it does not say is not allowed: without
 * `canSubscribe` no client gets in by itself, without `canPublish` none publishes, without
 * `canSeePresence` none learns who is in, without `canReadHistory` none pages through what is kept.
 * `RoomService` is the application's own hand and asks nobody.
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
  /**
   * Whether this user may page through the messages that are kept. A client that comes back to a room
   * gets what it missed without it. A throw means no, and a line in the log.
   */
  canReadHistory?(user: User, params: Params): boolean | Promise<boolean>;
  /**
   * What everyone who sees the room's presence may know of this user: a name, a picture. Any JSON
   * value of at most 1 KiB; `undefined`: nothing. Asked for each connection that comes into the room;
   * the client may replace it. A throw means nothing, and a line in the log.
   */
  presenceInfo?(user: User, params: Params): unknown;
  /**
   * The room's state, for a client that wants it and cannot continue from where it was: a subscribe
   * gets the state and the position it belongs to, and then every message after it. Called after
   * `canSubscribe` said yes.
   *
   * Any JSON value, or a promise of one. It has to contain at least what was published before the
   * call; a message that is published while it is made may be both in the state and among those that
   * follow, never in neither: have the client apply messages in a way that a second time does no harm,
   * or return an {@link ExactSnapshot}.
   *
   * A `RealtimeError`, `WsException` or `HttpException` that it throws is what the client gets;
   * anything else is `internal` and a line in the log.
   */
  snapshot?(params: Params, user: User): unknown;
}
