/**
 * Every frame of `realtime.v1.json` that a client sends. PROTOCOL.md is the normative text; this is its shape.
 *
 * `P` is how a payload is represented: `unknown` (a plain value) on the wire and in the client,
 * {@link Payload} inside the server, which must not serialise it again.
 */
import type { Position } from './position.js';

/** A room that a `hello` wants to be in, with the last position the client has seen, if any. */
export interface HelloRoom extends Partial<Position> {
  readonly room: string;
  /** As in {@link SubscribeFrame}. */
  readonly snapshot?: boolean;
}

/** First frame of a connection that negotiated a subprotocol. */
export interface HelloFrame {
  readonly type: 'hello';
  /** Credentials, unless the handshake carried them. */
  readonly token?: string;
  /** Random name of the client instance (128 bits), the same after each reconnect. */
  readonly clientKey?: string;
  /**
   * Rises with each connection that the client instance begins. Of two connections of one instance the
   * one with the higher number is the newer, in whichever order they arrive.
   */
  readonly attempt?: number;
  /** Rooms to be in after the reply: authentication, resume and recovery take one round trip. */
  readonly rooms?: readonly HelloRoom[];
}

/** Wants the messages of a room, from a known position on if one is given. */
export interface SubscribeFrame extends Partial<Position> {
  readonly type: 'subscribe';
  readonly id: string;
  readonly room: string;
  /** Wants the room's state, unless the position given can be continued from. */
  readonly snapshot?: boolean;
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
  /** It was sent before, on a connection that broke before its answer came. */
  readonly retry?: boolean;
  /** How many items of a stream the client takes before it gives more by {@link CreditFrame}. Absent: any number. */
  readonly credit?: number;
}

/** Takes that many more items of the stream that answers the request with this id. */
export interface CreditFrame {
  readonly type: 'credit';
  readonly id: string;
  readonly count: number;
}

/** Answers a request of the server. */
export interface ReplyFrame<P = unknown> {
  readonly type: 'response';
  readonly id: string;
  readonly payload?: P;
}

/** Refuses a request of the server, or says that it failed. */
export interface RefusalFrame {
  readonly type: 'error';
  readonly id: string;
  readonly code: string;
  readonly message: string;
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

/** What a client wants of a room's presence: look once, be told of changes or no longer, change its own entry. */
export type PresenceAction = 'get' | 'watch' | 'unwatch' | 'update';

/** Asks who is in a room, or tells something about oneself. */
export interface PresenceFrame {
  readonly type: 'presence';
  readonly id: string;
  readonly room: string;
  /** Absent: `get`. */
  readonly action?: PresenceAction;
  /** With `update`: what everyone may know of this connection. Absent: nothing. */
  readonly info?: unknown;
}

/** Which way a page of history is read: from old to new, or from new to old. */
export type HistoryDirection = 'forwards' | 'backwards';

/** Asks for messages that the room still holds, from a position (exclusive) on, or from the end. */
export interface HistoryFrame extends Partial<Position> {
  readonly type: 'history';
  readonly id: string;
  readonly room: string;
  /** Absent: `forwards`. */
  readonly direction?: HistoryDirection;
  /** Most messages wanted. Absent: 100. */
  readonly limit?: number;
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
  | CreditFrame
  | ReplyFrame<P>
  | RefusalFrame
  | PresenceFrame
  | HistoryFrame
  | AuthenticateFrame
  | PingFrame;
