import type { Durability, Position, RecoveryReason } from '../protocol/index.js';
import type { PayloadArguments } from './contract.js';
import type { RealtimeClientError } from './errors.js';

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
export interface RoomLifecycle {
  /** History was lost. Always told before any message that follows the hole. */
  gap: [gap: RoomGap];
  /** The state became `subscribing`, also after a broken connection. */
  subscribing: [];
  /** The state became `subscribed`. */
  subscribed: [info: RoomSubscribed];
  /** The state became `unsubscribed`. */
  unsubscribed: [info: RoomUnsubscribed];
  /** The server refused or ended the subscription. If retryable, the client tries again by itself. */
  error: [error: RealtimeClientError];
}

/** Where a published message is, and what the acknowledgement survives. */
export interface PublishReceipt extends Position {
  readonly durability: Durability;
}

/** Options of one call. */
export interface CallOptions {
  /** Longest time to the answer. Milliseconds, from 1. Absent means the client's `requestTimeoutMs`. */
  readonly timeoutMs?: number | undefined;
  /** Cancels the call. */
  readonly signal?: AbortSignal | undefined;
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
export interface Room<Events = Record<string, unknown>, Publishes = Record<string, unknown>> {
  readonly name: string;
  readonly state: RoomState;
  /** The last position seen; absent before the first subscription and after leaving. */
  readonly position: Position | undefined;

  /** Listens to the room's own life. Does not subscribe. Returns the function that removes the handler. */
  on<K extends keyof RoomLifecycle>(
    event: K,
    handler: (...args: RoomLifecycle[K]) => unknown,
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
   * message's position; waits for a connection as `client.request` does.
   *
   * @throws RealtimeClientError (rejects) as `client.request`.
   */
  publish<K extends keyof Publishes & string>(
    event: K,
    ...args: PayloadArguments<Publishes[K], CallOptions>
  ): Promise<PublishReceipt>;
}
