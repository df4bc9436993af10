/**
 * What the core needs from the outside, as contracts. Each clause has a number; the conformance
 * suites under `test/conformance` run every implementation against them and cite the number.
 */
import type { Durability, Payload, Position } from '../protocol/index.js';

/**
 * Time.
 *
 * C1 `now()` never goes back while the process lives.
 * C2 a callback of `after` runs once, not before its delay is over, and never inside the call itself.
 * C3 a cancelled callback never runs; cancelling twice, or late, does nothing.
 * C4 a waiting callback does not keep the process alive.
 */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Runs `callback` after `delayMs` milliseconds. Returns what cancels it. */
  after(delayMs: number, callback: () => void): () => void;
}

/**
 * Randomness.
 *
 * R1 two calls give the same id with a probability below 2^-60.
 * R2 the id is 1 to 64 characters of `A-Z a-z 0-9 _ -`.
 * R3 fractions are spread evenly over [0, 1).
 */
export interface Random {
  /** A new name for a connection, message or epoch. */
  id(): string;
  /** A number from 0 up to, not including, 1. To spread things in time; no secret. */
  fraction(): number;
}

/**
 * One peer's link, whatever carries it.
 *
 * T1 what is sent arrives in the order it was sent, each message whole.
 * T2 `send` never throws and never waits; after `close`, `terminate` or the link's end it does nothing.
 * T3 `close` lets the peer see everything sent before, then code and reason; a second call does nothing.
 * T4 `closed` of the listener is called exactly once for every link, however it ends, and no other
 *    method of the listener after it.
 * T5 after `pause`, `message` is called only for what was already read from the network, and that is
 *    at most one read's worth; `resume` continues without loss. Both may be repeated.
 * T6 `bufferedBytes` counts what was sent and not yet taken by the operating system.
 * T7 after `bufferedBytes` was more than 0 when `send` returned, `drained` is called once it is 0 again.
 * T8 `silent` is called when nothing, not even an answer to a ping, came from the peer for the
 *    heartbeat's timeout; time in which the link was paused does not count.
 * T9 the first message of the peer reaches the listener even if it came together with the handshake.
 */
export interface Transport {
  /** Sends one text message, given as a string or as the UTF-8 bytes of one. */
  send(message: string | Uint8Array): void;
  /** Ends the link politely. `reason` is cut to 123 bytes on a code point. */
  close(code: number, reason: string): void;
  /** Ends the link at once; the peer sees 1006. */
  terminate(): void;
  /** Stops reading from the peer, so that the peer's writes come to a halt. */
  pause(): void;
  /** Reads again. */
  resume(): void;
  /** Bytes that wait in this process for the peer to take them. */
  readonly bufferedBytes: number;
}

/** What a transport tells about its peer. */
export interface TransportListener {
  /**
   * The peer sent a message: a string for text, bytes for binary.
   *
   * @param bytes its size on the wire.
   */
  message(message: string | Uint8Array, bytes: number): void;
  /** Everything sent was taken by the operating system. */
  drained(): void;
  /** Nothing was heard of the peer for too long; it is probably gone. */
  silent(): void;
  /** The link has ended. `code` is 1006 when nobody said goodbye. */
  closed(code: number, reason: string): void;
}

/** What is known of a peer before its first message. Nothing in it is trustworthy but `ip`. */
export interface Handshake {
  /** Address of the peer. */
  readonly ip: string;
  /** Path and query as requested, percent-encoding kept. */
  readonly url: string;
  /** Request headers, names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Who it is, if the handshake has settled that already. */
  readonly authentication?: Authentication;
  /** Whether a subprotocol was negotiated; then the connection has to say `hello`. */
  readonly negotiated: boolean;
}

/** Whoever is behind a connection. Applications extend it with what their verifier returns. */
export interface RealtimeUser {
  /** Stable and unique. All devices of a user have the same. */
  readonly id: string;
}

/** What a verifier found out about credentials. */
export interface Authentication {
  readonly user: RealtimeUser;
  /** When the credentials run out; milliseconds since 1970. Absent: never. */
  readonly expiresAt?: number;
  /** When they were issued; milliseconds since 1970. Absent: not known. */
  readonly issuedAt?: number;
  /** Name of the token (`jti`), to revoke it by. Absent: it has none. */
  readonly tokenId?: string;
  /** Whether nobody in particular is behind it: let in, but only to handlers marked `@Public()`. */
  readonly isAnonymous?: boolean;
}

/**
 * Turns credentials into a user.
 *
 * V1 resolves to an authentication exactly if the credentials are good; to `undefined` if they are not.
 * V2 rejects with a {@link RealtimeError} `forbidden` for somebody who is known but not welcome.
 * V3 any other rejection means that it could not be found out; the peer is not let in (fail closed)
 *    and told to come back.
 * V4 decides anew on every call: it may be asked twice about the same token.
 */
export interface TokenVerifier {
  /** `token` is absent when the peer showed none; whether that is enough is the verifier's business. */
  verify(token: string | undefined, handshake: Handshake): Promise<Authentication | undefined>;
}

/** A message on its way into a room. */
export interface Publication {
  /** Unique name of the message. */
  readonly id: string;
  readonly event: string;
  /** Milliseconds since 1970, by the publishing node's clock. */
  readonly timestamp: number;
  /** JSON text of the payload. Absent: no payload. */
  readonly payload?: string;
  /** Connections that do not get it live, by id. Absent: everyone gets it. */
  readonly except?: readonly string[];
}

/** A publication with its place in the room. */
export interface StoredPublication extends Publication {
  readonly position: Position;
}

/** What a broker answers to a publish. */
export interface PublishReceipt {
  readonly position: Position;
  /** What the message survives from now on. */
  readonly durability: Durability;
}

/** An authenticated connection: who is behind it, by which credentials, until when. */
export interface Session extends Authentication {
  /** The id of its connection. */
  readonly id: string;
  /** When it began; milliseconds since 1970. */
  readonly since: number;
}

/** Which sessions are revoked. All given fields have to apply; a rule without any applies to none. */
export interface RevocationRule {
  /** Sessions of this user. */
  readonly userId?: string;
  /** This session: the id of its connection. */
  readonly sessionId?: string;
  /** Sessions that were authenticated by this token (`jti`). */
  readonly tokenId?: string;
  /**
   * Sessions whose token was issued before this moment; milliseconds since 1970. Tokens that do not
   * say when count as older.
   */
  readonly issuedBefore?: number;
}

/** Something every node has to do to its own connections. */
export type ControlCommand =
  | { readonly kind: 'to-user'; readonly userId: string; readonly publication: Publication }
  | { readonly kind: 'to-all'; readonly publication: Publication }
  | {
      /** Ends sessions and keeps their tokens out. */
      readonly kind: 'revoke';
      readonly rule: RevocationRule;
    }
  | {
      /** Asks the room classes again what a user may. */
      readonly kind: 'reauthorize';
      readonly userId: string;
    }
  | {
      readonly kind: 'disconnect';
      readonly target: { readonly connectionId: string } | { readonly userId: string };
      readonly code: number;
      readonly reason: string;
    };

/** Something that every node is asked about its own connections. */
export interface NodeQuestion {
  readonly kind: 'sessions';
  readonly userId: string;
}

/** What one node knows: the sessions of the user asked about. */
export type NodeAnswer = readonly Session[];

/** Where a broker puts what arrives for this node. No method throws. */
export interface BrokerListener {
  /** A message of a room this node is subscribed to. */
  message(room: string, publication: StoredPublication): void;
  /** A command for this node. */
  command(command: ControlCommand): void;
  /** A question to this node. */
  answer(question: NodeQuestion): NodeAnswer;
}

/**
 * Carries messages between nodes, in order, and knows every room's position.
 *
 * B1 `publish` gives the message the offset after the room's top, in the room's epoch; the first
 *    offset of an epoch is 1. Two publishes never get the same position.
 * B2 every subscribed node's listener gets each message of the room once, offsets rising by 1,
 *    the publishing node included; volatile publications excepted, none is left out.
 * B3 publishes of one node into one room keep the order of their calls.
 * B4 `subscribe` resolves with the room's top at a moment after which every message reaches the
 *    listener; a message may reach it before the promise resolves.
 * B5 after `unsubscribe` resolves, no message of the room reaches the listener; subscribe and
 *    unsubscribe of one room take effect in the order of their calls.
 * B6 an epoch names one stream: the same (epoch, offset) is never given to two messages. A room
 *    whose position was forgotten starts a new epoch.
 * B7 `top` of a room nobody published to is offset 0 of an epoch that the first message will have.
 * B8 `command` reaches every node's listener once, the caller's own included.
 * B9 rooms do not see each other, whatever their names (`__proto__`, `constructor`).
 * B10 `ask` resolves with the answer of every node that lives, the caller's own included.
 * B11 after `close` resolves, the listener is not called; publishing rejects with `unavailable`.
 */
export interface Broker {
  /** Has to be called once, before anything else. */
  start(listener: BrokerListener): Promise<void>;
  /** Puts a message into a room (B1, B2, B3). */
  publish(room: string, publication: Publication): Promise<PublishReceipt>;
  /** Wants the messages of a room for this node, and tells its top (B4). */
  subscribe(room: string): Promise<Position>;
  /** Wants the messages of a room no longer (B5). */
  unsubscribe(room: string): Promise<void>;
  /** The position of a room's last message (B7). */
  top(room: string): Promise<Position>;
  /** Has every node do something (B8). */
  command(command: ControlCommand): Promise<void>;
  /** Asks every node (B10). */
  ask(question: NodeQuestion): Promise<NodeAnswer[]>;
  /** Ends it (B11). */
  close(): Promise<void>;
}

/** What a client's publish turns into once the room's policy has looked at it. */
export type PublishDecision =
  | { readonly allowed: true; readonly payload: string | undefined }
  | {
      readonly allowed: false;
      readonly code: string;
      readonly message: string;
      readonly details?: unknown;
    };

/**
 * What the application allows in one room.
 *
 * P1 answers for the user as it is at the time of the call; the core asks again for every subscribe
 *    and publish.
 * P2 what fails means no.
 */
export interface RoomRights {
  /** Whether sessions that are anonymous may be here at all. */
  readonly isPublic: boolean;
  /** Whether this user may get the room's messages. */
  canSubscribe(user: RealtimeUser): Promise<boolean>;
  /** Whether this user may know who is in the room. */
  canSeePresence(user: RealtimeUser): Promise<boolean>;
  /** Whether this user may put this into the room, and what exactly. */
  decidePublish(
    user: RealtimeUser,
    event: string,
    payload: Payload | undefined,
  ): Promise<PublishDecision>;
}

/** Finds the rights of a room by its name. P3 `undefined` for a room that nobody declares. */
export interface RoomDirectory {
  find(room: string): RoomRights | undefined;
}

/** Told what goes wrong, and how often what is ignored happens. Must not throw. */
export interface Observer {
  /** Something of the application's or ours failed. `where` is a constant text, never wire input. */
  failed(where: string, error: unknown): void;
  /** Something was ignored on purpose. */
  ignored(what: 'cancel-of-unknown-id' | 'message-for-unknown-room' | 'revocation-forgotten'): void;
}
