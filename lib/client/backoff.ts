import type { CloseAction, GoingAwayFrame } from '../protocol/index.js';
import type { Environment } from './environment.js';
import type { ReconnectOptions } from './options.js';

const MIN_DELAY_MS = 1_000;

/**
 * The delay before attempt `attempt` (1 is the first retry): random between `minDelayMs` and
 * `min(maxDelayMs, minDelayMs * 2^attempt)`, so that clients that lost the same server spread out.
 *
 * @param random from 0 up to, not including, 1.
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ ("full jitter")
 */
export function backoffDelay(
  attempt: number,
  { minDelayMs = MIN_DELAY_MS, maxDelayMs = Math.max(30_000, minDelayMs) }: ReconnectOptions,
  random: number,
): number {
  const ceiling = Math.min(maxDelayMs, minDelayMs * 2 ** attempt);
  return minDelayMs + random * (ceiling - minDelayMs);
}

/** Decides how long to wait before the next attempt. Has no timer of its own. */
export class Backoff {
  readonly #policy: ReconnectOptions;
  readonly #environment: Pick<Environment, 'now' | 'random'>;
  #attempts = 0;
  /** When the present connection counts as lasting; never while there is none. */
  #stableAt = Infinity;
  /** Whether fresh credentials were tried since the last lasting connection. */
  #refreshed = false;
  /** When to come back, as the server announced its end; absent before it does. */
  #returnAt: number | undefined;
  /** When the server wants to hear of us again at the earliest, or the world around us may wake us again. */
  #notBefore = 0;

  constructor(policy: ReconnectOptions, environment: Pick<Environment, 'now' | 'random'>) {
    this.#policy = policy;
    this.#environment = environment;
  }

  /** The connection is up. */
  connected(): void {
    const { stableAfterMs = 5_000 } = this.#policy;
    this.#stableAt = this.#environment.now() + stableAfterMs;
    this.#returnAt = undefined;
  }

  /**
   * The server announced its end and when to come back. Returns how long until then: a random moment of the
   * window, so that not everybody comes at once. Milliseconds.
   */
  announced({ afterMs, windowMs }: GoingAwayFrame): number {
    const delayMs = afterMs + this.#environment.random() * windowMs;
    this.#returnAt = this.#environment.now() + delayMs;
    return delayMs;
  }

  /** The server said how long to stay away. */
  hinted(retryAfterMs: number): void {
    this.#notBefore = this.#environment.now() + retryAfterMs;
  }

  /**
   * Something around the client suggests to try now. Returns how long to wait all the same: until the server
   * wants it, and not twice within the shortest delay, for a network may come and go. Milliseconds.
   */
  woken(): number {
    const { minDelayMs = MIN_DELAY_MS } = this.#policy;
    const now = this.#environment.now();
    const delayMs = Math.max(0, this.#notBefore - now);
    if (!delayMs) this.#notBefore = now + minDelayMs;
    return delayMs;
  }

  /** Milliseconds until the next attempt; `undefined` when there were enough. */
  next(action: CloseAction): number | undefined {
    const { minDelayMs = MIN_DELAY_MS, maxAttempts = Infinity } = this.#policy;
    const now = this.#environment.now();
    const random = this.#environment.random();
    const returnAt = this.#returnAt;
    // A server that accepts and drops at once must not be hammered: only a lasting connection resets.
    if (now >= this.#stableAt) {
      this.#attempts = 0;
      this.#refreshed = false;
    }
    this.#stableAt = Infinity;
    this.#returnAt = undefined;
    this.#attempts += 1;
    if (this.#attempts > maxAttempts) return undefined;
    if (returnAt !== undefined) return Math.max(0, returnAt - now);
    // The server is there and answers: fresh credentials need not wait. Once, they may be no better.
    const isFresh = action === 'refresh' && !this.#refreshed;
    this.#refreshed ||= isFresh;
    // The second "at once" in a row is no longer one: every node may be going away.
    const delayMs =
      isFresh || (action === 'reconnect-now' && this.#attempts === 1)
        ? random * minDelayMs
        : backoffDelay(this.#attempts, this.#policy, random);
    return Math.max(delayMs, this.#notBefore - now);
  }
}
