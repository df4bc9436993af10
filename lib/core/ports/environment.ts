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

/** Told what goes wrong, and how often what is ignored happens. Must not throw. */
export interface Observer {
  /** Something of the application's or ours failed. `where` is a constant text, never wire input. */
  failed(where: string, error: unknown): void;
  /** Something was ignored on purpose. */
  ignored(
    what:
      | 'cancel-of-unknown-id'
      | 'credit-for-unknown-id'
      | 'answer-to-unknown-id'
      | 'message-for-unknown-room'
      | 'revocation-forgotten'
      | 'volatile-skipped',
  ): void;
}
