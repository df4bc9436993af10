import type { ErrorFrame } from '../protocol/index.js';

/**
 * Codes of errors that arise in the client itself. Errors that the server sent carry one of the
 * protocol's `ErrorCode`s or a code of the application. `timeout`, `cancelled`, `unauthorized`,
 * `forbidden` and `payload-too-large` mean the same whichever side found out.
 *
 * The client's own code writes these strings out, checked by `clientError`, so that a bundle
 * does not carry this table unless the application uses it.
 */
export const ClientErrorCode = {
  /** The client was closed, by the application or for good by the server; `details` has the close code. */
  Closed: 'closed',
  /**
   * The connection broke before the answer came, and the call could not be repeated: it is a stream,
   * its handler may not run twice, or it was too long ago. The effect is unknown.
   */
  ConnectionLost: 'connection-lost',
  /** Too much waits to be sent or answered already; the request was not sent. */
  SendBufferFull: 'send-buffer-full',
  /** The stream's items came faster than they were read; it was cancelled. */
  StreamOverflow: 'stream-overflow',
  /** `request()` met a handler that answers with a stream; use `stream()`. */
  UnexpectedStream: 'unexpected-stream',
  /** The event has a handler for the server's requests already. */
  DuplicateHandler: 'duplicate-handler',
  /** The payload has no JSON text: a cycle or a BigInt. `cause` is the engine's error. */
  InvalidPayload: 'invalid-payload',
  /** The room name breaks the grammar of room names. */
  InvalidRoom: 'invalid-room',
  /** An option is missing, of the wrong kind or out of its range; the message says which, and its rule. */
  InvalidOption: 'invalid-option',
  /** The disk did not keep what it was to keep, or could not be read; `cause` is its error. */
  OutboxFailed: 'outbox-failed',
  /** Another page has opened the outbox. */
  OutboxInUse: 'outbox-in-use',
  /** The runtime has no `WebSocket`, and none was given: Node 20 needs `{ WebSocket }` from `ws`. */
  NoWebSocket: 'no-websocket',
  /** The runtime refused the URL; `cause` is its error. */
  InvalidUrl: 'invalid-url',
  /** The token function threw; `cause` is what it threw. The client tries again. */
  TokenFailed: 'token-failed',
  /** `reconnect.maxAttempts` attempts in a row did not lead to a lasting connection. */
  AttemptsExhausted: 'attempts-exhausted',
} as const;

/** One of {@link ClientErrorCode}'s strings. */
export type ClientErrorCode = (typeof ClientErrorCode)[keyof typeof ClientErrorCode];

/** What a {@link RealtimeClientError} may carry besides code and message. */
export interface RealtimeClientErrorDetails {
  /** Whether the same call may succeed later. Default `false`. */
  readonly retryable?: boolean | undefined;
  /** Milliseconds to wait before a retry, if the server said so. */
  readonly retryAfterMs?: number | undefined;
  /** More for programs, such as the rules that a payload broke. */
  readonly details?: unknown;
  /** The error behind this one. */
  readonly cause?: unknown;
}

/**
 * Every error of the client. Branch on {@link code}; the message is for developers and may change.
 *
 * Security note: `message` and `details` of errors that the server sent are the server's words.
 */
export class RealtimeClientError extends Error {
  /** A protocol `ErrorCode`, a {@link ClientErrorCode}, or a code of the application. */
  readonly code: string;
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;
  /** Milliseconds to wait before a retry; absent when the server did not say. */
  readonly retryAfterMs: number | undefined;
  /** More for programs; absent when there is nothing more. */
  readonly details: unknown;

  constructor(code: string, message: string, more: RealtimeClientErrorDetails = {}) {
    super(message, more);
    this.name = 'RealtimeClientError';
    this.code = code;
    this.retryable = more.retryable ?? false;
    this.retryAfterMs = more.retryAfterMs;
    this.details = more.details;
  }
}

/**
 * Thrown by a token function to say that there are no credentials and will be none, so that the
 * client stops for good instead of trying again. Any error with the code `unauthorized` does the same.
 */
export class UnauthorizedError extends RealtimeClientError {
  constructor(message = 'No valid credentials.', more: RealtimeClientErrorDetails = {}) {
    super('unauthorized', message, more);
    this.name = 'UnauthorizedError';
  }
}

/** An error of the client itself. The code says it all, unless there is more: pages carry every word. */
export const clientError = (
  code:
    | ClientErrorCode
    | 'cancelled'
    | 'forbidden'
    | 'payload-too-large'
    | 'timeout'
    | 'unauthorized'
    | 'unsupported',
  more?: RealtimeClientErrorDetails,
  message: string = code,
): RealtimeClientError => new RealtimeClientError(code, message, more);

/** An error that the server sent, as the client's. */
export const fromErrorFrame = (
  frame: Pick<ErrorFrame, 'code' | 'message'> & RealtimeClientErrorDetails,
): RealtimeClientError => new RealtimeClientError(frame.code, frame.message, frame);
