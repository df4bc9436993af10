/**
 * Every frame of `realtime.v1.json`. PROTOCOL.md is the normative text; this is its shape.
 *
 * `P` is how a payload is represented: `unknown` (a plain value) on the wire and in the client,
 * {@link Payload} inside the server, which must not serialise it again.
 */
import type { Position } from './position.js';

/** A room that a `hello` wants to be in, with the last position the client has seen, if any. */
export interface HelloRoom extends Partial<Position> {
  readonly room: string;
}

/** First frame of a connection that negotiated a subprotocol. */
export interface HelloFrame {
  readonly type: 'hello';
  /** Credentials, unless the handshake carried them. */
  readonly token?: string;
  /** Random name of the client instance (128 bits), the same after each reconnect. */
  readonly clientKey?: string;
  /** Rooms to be in after the reply: authentication, resume and recovery take one round trip. */
  readonly rooms?: readonly HelloRoom[];
}

/** Wants the messages of a room, from a known position on if one is given. */
export interface SubscribeFrame extends Partial<Position> {
  readonly type: 'subscribe';
  readonly id: string;
  readonly room: string;
}

/** Wants no more messages of a room. */
export interface UnsubscribeFrame {
  readonly type: 'unsubscribe';
  readonly id: string;
  readonly room: string;
}

/** Puts a message into a room, where the room's policy allows it. Without `id` only a refusal is answered. */
export interface PublishFrame<P = unknown> {
  readonly type: 'publish';
  readonly id?: string;
  readonly room: string;
  readonly event: string;
  readonly payload?: P;
}

/** Asks a handler. Answered by exactly one `response`, `complete` or `error` with the same id. */
export interface RequestFrame<P = unknown> {
  readonly type: 'request';
  readonly id: string;
  readonly event: string;
  readonly payload?: P;
}

/** Wants the request with this id to stop. Without effect when its answer is on its way. */
export interface CancelFrame {
  readonly type: 'cancel';
  readonly id: string;
}

/** Asks for a `pong`, to measure or to see that the link lives. */
export interface PingFrame {
  readonly type: 'ping';
  readonly id?: string;
}

/** Asks who is in a room. */
export interface PresenceFrame {
  readonly type: 'presence';
  readonly id: string;
  readonly room: string;
}

/** Shows fresh credentials for the user who is connected already. */
export interface AuthenticateFrame {
  readonly type: 'authenticate';
  readonly id: string;
  readonly token: string;
}

/** What a client may send. */
export type ClientFrame<P = unknown> =
  | HelloFrame
  | SubscribeFrame
  | UnsubscribeFrame
  | PublishFrame<P>
  | RequestFrame<P>
  | CancelFrame
  | PresenceFrame
  | AuthenticateFrame
  | PingFrame;

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
export interface SubscribedFrame extends Position {
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

/** An accepted publish: where the message is, and what the acknowledgement survives. */
export interface PublishedFrame extends Position {
  readonly type: 'published';
  readonly id: string;
  readonly durability: Durability;
}

/** What an acknowledgement survives: this process, the loss of a node, the loss of the store's primary. */
export type Durability = 'memory' | 'redis' | 'replicated';

/** A user who is in a room. */
export interface PresenceMember {
  readonly userId: string;
  /** By how many connections. At least 1. */
  readonly connections: number;
}

/** Who is in a room at this moment. */
export interface PresenceStateFrame {
  readonly type: 'presence';
  readonly id: string;
  readonly room: string;
  /** How many users. */
  readonly total: number;
  /** The users, at most 1,000 of them. */
  readonly members: readonly PresenceMember[];
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
}

/** The answer of a `ping`. */
export interface PongFrame {
  readonly type: 'pong';
  readonly id?: string;
}

/** What a server may send. */
export type ServerFrame<P = unknown> =
  | ConnectedFrame
  | SubscribedFrame
  | UnsubscribedFrame
  | MessageFrame<P>
  | PositionFrame
  | GapFrame
  | ResponseFrame<P>
  | NextFrame<P>
  | CompleteFrame
  | ErrorFrame
  | PublishedFrame
  | PresenceStateFrame
  | AuthenticateRequestFrame
  | AuthenticatedFrame
  | GoingAwayFrame
  | PongFrame;
