/** Options of one call. */
export interface CallOptions {
  /** Longest time to the answer. Milliseconds, from 1. Absent means the client's `requestTimeoutMs`. */
  readonly timeoutMs?: number | undefined;
  /** Cancels the call. */
  readonly signal?: AbortSignal | undefined;
}
