import type { Durability, Position, RecoveryReason } from '../protocol/index.js';
import type { CallOptions } from './call-options.js';
import type { PayloadArguments } from './contract.js';
import type { RealtimeClientError } from './errors.js';
import type { RoomPresence } from './presence.js';

/**
 * - `unsubscribed`: not in the room and not on the way into it.
 * - `subscribing`: wanted; the server has not confirmed it on this connection yet.
 * - `subscribed`: messages arrive.
 */
export type RoomState = 'unsubscribed' | 'subscribing' | 'subscribed';

/** What is known of a message besides its payload. */
export interface MessageInfo {
  /** Unique name of the message. */
  readonly id: string;
  /** The event's name. */
  readonly event: string;
  /** When the server accepted it: milliseconds since 1970, by the server's clock. */
  readonly timestamp: number;
  /** The room it belongs to; absent for messages to this user or to everyone. */
  readonly room: string | undefined;
  /** Its place in the room's stream; absent for messages that are never recovered. */
  readonly position: Position | undefined;
}

/** Messages of the room were lost, or that cannot be ruled out. Load the room's state anew. */
export interface RoomGap {
  /** Why continuity could not be kept; `position-unknown` when the client noticed the hole itself. */
  readonly reason: RecoveryReason;
  /** The stream goes on after this position. */
  readonly position: Position;
}

/** Nothing was lost, though the connection broke or a message failed to come. */
export interface RoomRecovered {
  /** What was seen before: messages follow from here on. */
  readonly position: Position;
  /** How many missed messages follow; 0 when none. */
  readonly replayed: number;
}

/** Volatile messages were not sent, because this client was behind. Nothing that has a position was lost. */
export interface RoomSkipped {
  /** How many, since the last time. At least 1. */
  readonly count: number;
}

/** What belongs to a room's state. */
export interface RoomReset {
  /** The place in the room's stream that the state belongs to; messages follow from here on. */
  readonly position: Position;
  /** Why the messages since the last one could not be had; absent for a first state. */
  readonly reason: RecoveryReason | undefined;
}

/** The room is subscribed. */
export interface RoomSubscribed {
  /** Messages follow from here on. */
  readonly position: Position;
  /** Whether nothing was lost since the last connection; absent for a first subscription. */
  readonly recovered: boolean | undefined;
  /** How many missed messages follow; 0 when none. */
  readonly replayed: number;
}

/** The room is not subscribed any more, or was not let in. */
export interface RoomUnsubscribed {
  /** The error code with which the server refused or ended it; absent when the client left. */
  readonly reason: string | undefined;
}

/** The names that `room.on` reserves, and what their handlers get. No application event is delivered under them. */
export interface RoomLifecycle<Snapshot = unknown> {
  /** History was lost. Always told before any message that follows the hole. Not told where a `reset` makes up for it. */
  gap: [gap: RoomGap];
  /** Volatile messages were skipped. */
  skipped: [info: RoomSkipped];
  /** After a break nothing was lost. Told before the messages that follow. */
  recovered: [info: RoomRecovered];
  /**
   * The room's whole state, to be put in the place of whatever was known: at first, and whenever
   * messages were lost. Between the loss and the state no message is delivered. For rooms whose class
   * offers a snapshot; for others the `error` event tells `unsupported`, and `gap` tells of losses.
   */
  reset: [state: Snapshot, info: RoomReset];
  /** The state became `subscribing`, also after a broken connection. */
  subscribing: [];
  /** The state became `subscribed`. */
  subscribed: [info: RoomSubscribed];
  /** The state became `unsubscribed`. */
  unsubscribed: [info: RoomUnsubscribed];
  /** The server refused or ended the subscription, or does not show its state or presence. If retryable, the client tries again by itself. */
  error: [error: RealtimeClientError];
}

/** Where a published message is (nowhere, if it is volatile), and what the acknowledgement survives. */
export interface PublishReceipt extends Partial<Position> {
  readonly durability: Durability;
}

/**
 * A room as the client sees it. There is one object for a name, for the life of the client.
 *
 * The wish to be in the room survives broken connections: the client comes back with the last
 * position, and either gets what it missed or is told by `gap` that this was impossible.
 *
 * Security note: payloads are what other clients and the server sent; nothing has checked them
 * against the contract.
 */
export interface Room<
  Events = Record<string, unknown>,
  Publishes = Record<string, unknown>,
  Snapshot = unknown,
> {
  readonly name: string;
  readonly state: RoomState;
  /** The last position seen; absent before the first subscription and after leaving. */
  readonly position: Position | undefined;

  /** Who is in the room. */
  readonly presence: RoomPresence;

  /**
   * Listens to the room's own life. Returns the function that removes the handler. Does not subscribe,
   * except `reset`: its handlers are listeners like those of messages. One that is added to a
   * subscribed room makes the client ask for the state, which all `reset` handlers get. Every part
   * of an application that listens to a room with `reset` handlers has to listen to `reset` as well,
   * because nothing else tells it of losses then.
   */
  on<K extends keyof RoomLifecycle>(
    event: K,
    handler: (...args: RoomLifecycle<Snapshot>[K]) => unknown,
  ): () => void;
  /**
   * Listens to the room's messages and subscribes. Returns the function that removes the handler;
   * with the last one removed the client leaves the room, unless {@link subscribe} was called.
   * Messages of one room come in order, each once.
   */
  on<K extends Exclude<keyof Events & string, keyof RoomLifecycle>>(
    event: K,
    handler: (payload: Events[K], message: MessageInfo) => unknown,
  ): () => void;

  /**
   * Subscribes and stays so until {@link unsubscribe}. Resolves when subscribed, however many
   * connections that takes. May be left alone: a refusal is told by the `error` event as well.
   *
   * @throws RealtimeClientError (rejects) with the server's code, `cancelled` when the room was left
   * meanwhile, or the code with which the client closed.
   */
  subscribe(): Promise<void>;

  /** Leaves the room, whoever listens. The position is forgotten; handlers stay and hear nothing. */
  unsubscribe(): void;

  /**
   * Publishes into the room, where its policy allows it. Needs no subscription. Resolves with the
   * message's position; waits for a connection as `client.request` does. If the connection breaks
   * before the answer, it is sent again; the server takes it once.
   *
   * @throws RealtimeClientError (rejects) as `client.request`.
   */
  publish<K extends keyof Publishes & string>(
    event: K,
    ...args: PayloadArguments<Publishes[K], CallOptions>
  ): Promise<PublishReceipt>;
}
