/**
 * Every frame of `realtime.v1.json` that a server sends. PROTOCOL.md is the normative text; this is its shape.
 *
 * `P` is how a payload is represented: `unknown` (a plain value) on the wire and in the client,
 * {@link Payload} inside the server, which must not serialise it again.
 */
import type { Position } from './position.js';

/** The connection is open. Nothing is handled before this frame was sent. */
export interface ConnectedFrame {
  readonly type: 'connected';
  /** The server's name of this connection. No secret. */
  readonly connectionId: string;
  /** Who the server takes the client for. */
  readonly user: { readonly id: string };
  /** How often the server pings, and after how much silence it gives the connection up. Milliseconds. */
  readonly heartbeat: { readonly intervalMs: number; readonly timeoutMs: number };
  /** What this server accepts: bytes a frame, rooms a connection. */
  readonly limits: { readonly frameBytes: number; readonly rooms: number };
}

/** Why a position could not be continued from. */
export type RecoveryReason = 'evicted' | 'epoch-changed' | 'position-unknown' | 'limit';

/** The connection is in the room. Messages follow from `offset` + 1 (or from the given position on, if recovered). */
export interface SubscribedFrame<P = unknown> extends Position {
  readonly type: 'subscribed';
  /** Present when the client asked for it. */
  readonly id?: string;
  readonly room: string;
  /** Only when the client gave a position: whether nothing was lost since. */
  readonly recovered?: boolean;
  /** With `recovered: true`: how many missed messages follow. */
  readonly replayed?: number;
  /** With `recovered: false`: why. */
  readonly reason?: RecoveryReason;
  /** The room's state at this position, if it was asked for and is needed. */
  readonly snapshot?: P;
}

/** The connection is no longer in the room. */
export interface UnsubscribedFrame {
  readonly type: 'unsubscribed';
  /** Present when the client asked for it. */
  readonly id?: string;
  readonly room: string;
  /** When the server took the connection out or never let it in: an error code. */
  readonly reason?: string;
}

/**
 * A message. With `room` it belongs to a room's stream; without, it was sent to this user or to
 * everyone. `epoch` and `offset` are there for messages that can be recovered.
 */
export interface MessageFrame<P = unknown> extends Partial<Position> {
  readonly type: 'message';
  readonly room?: string;
  readonly event: string;
  /** Unique name of the message. */
  readonly id: string;
  /** When the server accepted it: milliseconds since 1970. */
  readonly timestamp: number;
  readonly payload?: P;
}

/**
 * The room's stream has moved on to this position by a message that is not for this connection, its
 * author's most likely. Nothing was lost.
 */
export interface PositionFrame extends Position {
  readonly type: 'position';
  readonly room: string;
}

/** Messages of the room were lost; the stream goes on after this position. */
export interface GapFrame extends Position {
  readonly type: 'gap';
  readonly room: string;
  readonly reason: RecoveryReason;
}

/**
 * Volatile messages of the room were not sent, because the client was behind: so many since the last such
 * frame. Nothing that has a position was lost.
 */
export interface SkippedFrame {
  readonly type: 'skipped';
  readonly room: string;
  /** At least 1. Those that a newer message with the same key replaced are among them. */
  readonly count: number;
}

/**
 * Whether messages are late, because the server cannot reach the store that connects it to the others.
 * Stands in the place of the frame before it.
 */
export interface DelayedFrame {
  readonly type: 'delayed';
  /** `false`: what the client has is current again. */
  readonly delayed: boolean;
  /** The rooms of this connection that it is about. Absent: everything that comes from elsewhere. */
  readonly rooms?: readonly string[];
}

/** Asks the client. Answered by `response` or `error` with the same id. */
export interface ServerRequestFrame<P = unknown> {
  readonly type: 'request';
  readonly id: string;
  readonly event: string;
  readonly payload?: P;
}

/** The server does not wait for the client's answer any longer. */
export interface ServerCancelFrame {
  readonly type: 'cancel';
  readonly id: string;
}

/** The one answer of a request. */
export interface ResponseFrame<P = unknown> {
  readonly type: 'response';
  readonly id: string;
  /** Absent when the handler returned nothing: then this is an acknowledgement. */
  readonly payload?: P;
}

/** One item of a stream. */
export interface NextFrame<P = unknown> {
  readonly type: 'next';
  readonly id: string;
  readonly payload?: P;
}

/** The stream's end. */
export interface CompleteFrame {
  readonly type: 'complete';
  readonly id: string;
}

/** A refusal or failure. With `id`: the one answer of that request, subscribe, unsubscribe or publish. */
export interface ErrorFrame {
  readonly type: 'error';
  readonly id?: string;
  /** One of `ErrorCode`, or a code of the application. */
  readonly code: string;
  /** For developers, in English. Never contains what the peer sent. */
  readonly message: string;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  /** Milliseconds to wait before a retry. */
  readonly retryAfterMs?: number;
  /** More for programs, such as the rules that a payload broke. */
  readonly details?: unknown;
}

/** An accepted publish: where the message is (nowhere, if it is volatile), and what the acknowledgement survives. */
export interface PublishedFrame extends Partial<Position> {
  readonly type: 'published';
  readonly id: string;
  readonly durability: Durability;
}

/**
 * What an acknowledgement survives: nothing (a volatile message, which is not stored), this process,
 * the loss of a node, the loss of the store's primary.
 */
export type Durability = 'none' | 'memory' | 'redis' | 'replicated';

/** One connection of a member. */
export interface PresenceEntry {
  readonly connectionId: string;
  /** What everyone may know of it. Absent: nothing. */
  readonly info?: unknown;
}

/** A user who is in a room. */
export interface PresenceMember {
  readonly userId: string;
  /** By which connections, in the order in which they came. At least one. */
  readonly connections: readonly PresenceEntry[];
}

/** Who is in a room at this moment. */
export interface PresenceStateFrame {
  readonly type: 'presence';
  readonly id: string;
  readonly room: string;
  /** How many users. 0 in the answer to an `update` of somebody who may not know. */
  readonly total: number;
  /** The users. Absent where only their number is told, and in the answer to `unwatch` and `update`. */
  readonly members?: readonly PresenceMember[];
}

/**
 * What changed since the last frame about the room's presence; several changes of one turn are one frame.
 *
 * Without any list only the number is told from here on, and a list that the client has is void: the
 * room has too many users, or its list is too long. A later frame with lists begins with an empty list:
 * its `joined` has everybody. A total of 0 says that the watch has ended, because the user may not know
 * any longer: a watcher is in the room itself.
 */
export interface PresenceChangeFrame {
  readonly type: 'presence-change';
  readonly room: string;
  /** How many users there are now. */
  readonly total: number;
  /** Users who were not there before. */
  readonly joined?: readonly PresenceMember[];
  /** Users of whom a connection or its info changed, as they are now. */
  readonly updated?: readonly PresenceMember[];
  /** Users, by id, who are there no longer. */
  readonly left?: readonly string[];
}

/** A message as a page of history has it. */
export interface HistoryMessage<P = unknown> {
  readonly event: string;
  readonly id: string;
  readonly timestamp: number;
  readonly offset: number;
  readonly payload?: P;
}

/** A page of a room's messages. */
export interface HistoryPageFrame<M = HistoryMessage> extends Position {
  readonly type: 'history';
  readonly id: string;
  readonly room: string;
  /** In the direction that was asked for. Their epoch is the frame's. */
  readonly messages: readonly M[];
  /** Whether nothing more is held in this direction. */
  readonly complete: boolean;
  /** There is a hole between the position asked for and the first message, and why. */
  readonly reason?: RecoveryReason;
}

/** Fresh credentials are wanted: after `withinMs` milliseconds the connection closes with 4401. */
export interface AuthenticateRequestFrame {
  readonly type: 'authenticate';
  readonly withinMs: number;
}

/** The fresh credentials were accepted. */
export interface AuthenticatedFrame {
  readonly type: 'authenticated';
  readonly id: string;
  /** When they run out; milliseconds since 1970. Absent: never. */
  readonly expiresAt?: number;
}

/** The server will close this connection; reconnect between `afterMs` and `afterMs + windowMs` from now. */
export interface GoingAwayFrame {
  readonly type: 'going-away';
  readonly afterMs: number;
  readonly windowMs: number;
  /** Whether new requests are answered as before until the client leaves, within that time. Default false. */
  readonly served?: boolean;
}

/** The answer of a `ping`. */
export interface PongFrame {
  readonly type: 'pong';
  readonly id?: string;
}

/** What a server may send. */
export type ServerFrame<P = unknown> =
  | ConnectedFrame
  | SubscribedFrame<P>
  | UnsubscribedFrame
  | MessageFrame<P>
  | PositionFrame
  | GapFrame
  | SkippedFrame
  | DelayedFrame
  | ServerRequestFrame<P>
  | ServerCancelFrame
  | ResponseFrame<P>
  | NextFrame<P>
  | CompleteFrame
  | ErrorFrame
  | PublishedFrame
  | PresenceStateFrame
  | PresenceChangeFrame
  | HistoryPageFrame
  | AuthenticateRequestFrame
  | AuthenticatedFrame
  | GoingAwayFrame
  | PongFrame;
