import type { Rate } from './ports/index.js';

/**
 * The arithmetic of a rate limit, known as GCRA: a bucket that fills with what passes and empties with
 * time. In any time `t` at most `burst + limit * t / perMs` passes. Two numbers are all its state.
 *
 * It counts in units of which a cost of 1 is `perMs`, and a millisecond takes away `limit`: every number
 * is whole, nothing is rounded, and the edge is sharp.
 */
export class RateBucket {
  #level = 0;
  #at = 0;

  constructor(private readonly rate: Rate) {}

  /**
   * Milliseconds until something of this cost could pass, if nothing else does meanwhile. 0: now.
   *
   * @param now in milliseconds of a clock that does not go back.
   * @param cost a whole number. What is beyond the burst counts as the burst, or it could never pass.
   */
  waitMs(now: number, cost: number): number {
    const { limit, perMs, burst } = this.rate;
    const excess = this.#levelAt(now) + (Math.min(cost, burst) - burst) * perMs;
    return excess <= 0 ? 0 : Math.ceil(excess / limit);
  }

  /** Notes that something has passed. */
  take(now: number, cost: number): void {
    const { perMs, burst } = this.rate;
    this.#level = this.#levelAt(now) + Math.min(cost, burst) * perMs;
    this.#at = now;
  }

  /** Whether what has passed makes no difference any more. */
  isRested(now: number): boolean {
    return this.#levelAt(now) === 0;
  }

  #levelAt(now: number): number {
    return Math.max(0, this.#level - (now - this.#at) * this.rate.limit);
  }
}
