import type { CloseAction, GoingAwayFrame } from '../protocol/index.js';
import type { Environment } from './environment.js';

/** Bounds of the delay between attempts, in milliseconds. */
export interface DelayBounds {
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
}

/**
 * The delay before attempt `attempt` (1 is the first retry): random between `minDelayMs` and
 * `min(maxDelayMs, minDelayMs * 2^attempt)`, so that clients that lost the same server spread out.
 *
 * @param random from 0 up to, not including, 1.
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ ("full jitter")
 */
export function backoffDelay(
  attempt: number,
  { minDelayMs, maxDelayMs }: DelayBounds,
  random: number,
): number {
  const ceiling = Math.min(maxDelayMs, minDelayMs * 2 ** attempt);
  return minDelayMs + random * (ceiling - minDelayMs);
}

/** Bounds of the delays, and when to give up. */
export interface ReconnectPolicy extends DelayBounds {
  readonly stableAfterMs: number;
  readonly maxAttempts: number;
}

/** Decides how long to wait before the next attempt. Has no timer of its own. */
export class Backoff {
  readonly #policy: ReconnectPolicy;
  readonly #environment: Pick<Environment, 'now' | 'random'>;
  #attempts = 0;
  /** When the present connection counts as lasting; never while there is none. */
  #stableAt = Infinity;
  /** Whether fresh credentials were tried since the last lasting connection. */
  #refreshed = false;
  #goingAway: { readonly earliest: number; readonly windowMs: number } | undefined;
  /** When the server wants to hear of us again at the earliest. */
  #notBefore = 0;

  constructor(policy: ReconnectPolicy, environment: Pick<Environment, 'now' | 'random'>) {
    this.#policy = policy;
    this.#environment = environment;
  }

  /** The connection is up. */
  connected(): void {
    this.#stableAt = this.#environment.now() + this.#policy.stableAfterMs;
    this.#goingAway = undefined;
  }

  /** The server announced its end and when to come back. */
  announced({ afterMs, windowMs }: GoingAwayFrame): void {
    this.#goingAway = { earliest: this.#environment.now() + afterMs, windowMs };
  }

  /** The server said how long to stay away. */
  hinted(retryAfterMs: number): void {
    this.#notBefore = this.#environment.now() + retryAfterMs;
  }

  /** Milliseconds until the next attempt; `undefined` when there were enough. */
  next(action: CloseAction): number | undefined {
    const now = this.#environment.now();
    const random = this.#environment.random();
    const announced = this.#goingAway;
    // A server that accepts and drops at once must not be hammered: only a lasting connection resets.
    if (now >= this.#stableAt) {
      this.#attempts = 0;
      this.#refreshed = false;
    }
    this.#stableAt = Infinity;
    this.#goingAway = undefined;
    this.#attempts += 1;
    if (this.#attempts > this.#policy.maxAttempts) return undefined;
    if (announced) {
      return Math.max(0, announced.earliest + random * announced.windowMs - now);
    }
    // The server is there and answers: fresh credentials need not wait. Once, they may be no better.
    const isFresh = action === 'refresh' && !this.#refreshed;
    this.#refreshed ||= isFresh;
    // The second "at once" in a row is no longer one: every node may be going away.
    const delayMs =
      isFresh || (action === 'reconnect-now' && this.#attempts === 1)
        ? random * this.#policy.minDelayMs
        : backoffDelay(this.#attempts, this.#policy, random);
    return Math.max(delayMs, this.#notBefore - now);
  }
}
