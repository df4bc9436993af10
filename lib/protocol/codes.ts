/**
 * Stable codes of `error` frames. The string is the contract; messages may change.
 * Every code has a row in PROTOCOL.md, which a test compares with this table.
 */
export const ErrorCode = {
  /** The bytes are no frame: not JSON, not an object, no `type`, too deep, or binary. The connection closes with 4400. */
  BadFrame: 'bad-frame',
  /** The frame's `type` is none the server knows. */
  UnknownType: 'unknown-type',
  /** A field is missing or has the wrong type or shape. */
  InvalidField: 'invalid-field',
  /** No handler answers to the request's `event`. */
  UnknownEvent: 'unknown-event',
  /** The `id` belongs to a request that is not answered yet. */
  DuplicateId: 'duplicate-id',
  /** The server knows the type but does not offer it. */
  Unsupported: 'unsupported',
  /** No valid credentials. */
  Unauthorized: 'unauthorized',
  /** The credentials do not allow this. */
  Forbidden: 'forbidden',
  /** The handler says that what was asked for does not exist. */
  NotFound: 'not-found',
  /** The handler says that the request contradicts the present state. */
  Conflict: 'conflict',
  /** The handler cannot accept the request as it is. */
  BadRequest: 'bad-request',
  /** The payload breaks the handler's or the room's schema; `details` lists the rules. */
  ValidationFailed: 'validation-failed',
  /** The payload is larger than this handler allows. */
  PayloadTooLarge: 'payload-too-large',
  /** Too many requests; `retryAfterMs` tells when to come back. */
  RateLimited: 'rate-limited',
  /** The handler did not finish in its time. The effect is unknown. */
  Timeout: 'timeout',
  /** The server cannot do it now. */
  Unavailable: 'unavailable',
  /** The handler failed; what happened is only in the server's log. */
  Internal: 'internal',
  /** The handler refused by a `WsException` without a code of its own. */
  Rejected: 'rejected',
  /** The request was cancelled by the client. */
  Cancelled: 'cancelled',
  /** No room class declares this room. */
  UnknownRoom: 'unknown-room',
  /** The connection is in as many rooms as it may. */
  TooManyRooms: 'too-many-rooms',
  /**
   * The request was sent before on a connection that broke, and its handler may not run twice.
   * Whether it took effect is unknown.
   */
  NotIdempotent: 'not-idempotent',
  /** The client takes the items of a stream more slowly than a source that cannot wait makes them. */
  StreamOverflow: 'stream-overflow',
  /** The connection is not in this room. */
  NotSubscribed: 'not-subscribed',
} as const;

/** One of {@link ErrorCode}'s strings. */
export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

// Written out, here and below, so that a client's bundle does not carry the tables.
const RETRYABLE: readonly string[] = [
  'rate-limited',
  'timeout',
  'unavailable',
] satisfies readonly ErrorCode[];

/** Whether the same request may succeed later without being changed. Unknown codes are not retryable. */
export function isRetryable(code: string): boolean {
  return RETRYABLE.includes(code);
}

/**
 * Codes a connection is closed with. Ranges tell the client what to do, see {@link closeAction}.
 * Every code has a row in PROTOCOL.md, which a test compares with this table.
 */
export const CloseCode = {
  /** The client said goodbye. */
  Normal: 1000,
  /** The server shuts down or sheds load: reconnect at once, elsewhere. */
  GoingAway: 1001,
  /** A frame was larger than the server accepts (sent by the WebSocket layer). */
  MessageTooBig: 1009,
  /** A connect hook or the server itself failed. */
  InternalError: 1011,
  /** The client reads too slowly: what waited for it grew beyond the outbox, or too old. Reconnect and recover. */
  SlowConsumer: 4100,
  /** Nothing was heard from the client for the heartbeat's timeout. */
  HeartbeatTimeout: 4101,
  /** The application disconnected this connection or user. */
  Disconnected: 4300,
  /** Nobody used the connection for the idle timeout: connect again when there is a use for it. */
  Idle: 4301,
  /** The peer sent something that is no frame. */
  BadFrame: 4400,
  /** No valid credentials, or they have run out. */
  Unauthorized: 4401,
  /** The credentials do not admit to this server. */
  Forbidden: 4403,
  /** None of the offered subprotocols is spoken here. */
  UnsupportedProtocol: 4406,
  /** No `hello` arrived in time. */
  HelloTimeout: 4408,
  /** A newer connection of the same client took this one's place. */
  Replaced: 4409,
  /** Too many connections or frames. */
  TooManyRequests: 4429,
} as const;

/** One of {@link CloseCode}'s numbers. */
export type CloseCode = (typeof CloseCode)[keyof typeof CloseCode];

/**
 * What a client does after its connection closed.
 *
 * - `reconnect`: with backoff.
 * - `reconnect-now`: at once (spread by a little jitter); another node will answer.
 * - `refresh`: get a fresh token first, then reconnect.
 * - `stop`: never again by itself.
 */
export type CloseAction = 'reconnect' | 'reconnect-now' | 'refresh' | 'stop';

/**
 * What codes mean, by the code or by its hundred; 44xx mirror the HTTP status with the same last two
 * digits.
 */
const ACTIONS: Readonly<Record<number, CloseAction>> = {
  1000: 'stop',
  1001: 'reconnect-now',
  1012: 'reconnect-now',
  40: 'reconnect-now',
  42: 'refresh',
  43: 'stop',
  44: 'stop',
  4401: 'refresh',
  4408: 'reconnect',
  4429: 'reconnect',
};

/**
 * What to do after a close with `code`, by range, so that codes of later versions work too:
 * 4000–4099 reconnect at once, 4100–4199 reconnect with backoff, 4200–4299 refresh credentials,
 * 4300–4399 stop, 4400–4499 as the HTTP status. Everything else that is not
 * 1000 (stop), 1001 or 1012 (at once) reconnects with backoff: a broken link explains nothing.
 */
export function closeAction(code: number): CloseAction {
  return ACTIONS[code] ?? ACTIONS[Math.floor(code / 100)] ?? 'reconnect';
}
