import { isRetryable, type ErrorCode } from '../protocol/index.js';

/** What a {@link RealtimeError} may carry besides its code and message. */
export interface RealtimeErrorOptions {
  /** Milliseconds after which a retry makes sense. Absent: not known. */
  readonly retryAfterMs?: number;
  /** More for programs; sent to the client as it is. Absent: nothing. */
  readonly details?: unknown;
  /** The error behind this one. Only logged, never sent. */
  readonly cause?: unknown;
}

/**
 * An error with a stable code. Thrown in a handler, a policy or a hook it is what the client gets;
 * thrown by this package's own methods it tells what was expected and what came.
 */
export class RealtimeError extends Error {
  override readonly name = 'RealtimeError';
  /** Whether the same call may succeed later without being changed. Follows from the code. */
  readonly retryable: boolean;
  /** Milliseconds after which a retry makes sense. */
  readonly retryAfterMs: number | undefined;
  /** More for programs. */
  readonly details: unknown;

  /**
   * @param code one of `ErrorCode`, or a code of the application (kebab-case by convention).
   * @param message for developers, in English. Sent to the client: no secrets, no echo of its input.
   */
  constructor(
    readonly code: ErrorCode | (string & {}),
    message: string,
    options: RealtimeErrorOptions = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.retryable = isRetryable(code);
    this.retryAfterMs = options.retryAfterMs;
    this.details = options.details;
  }
}
