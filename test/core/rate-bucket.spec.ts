import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { RateBucket } from '../../lib/core/rate-bucket.js';
import type { Rate } from '../../lib/core/index.js';

const START = 1_767_225_600_000;

/** Takes what may pass; gives the wait of what may not. */
function ask(bucket: RateBucket, now: number, cost = 1): number {
  const waitMs = bucket.waitMs(now, cost);
  if (waitMs === 0) bucket.take(now, cost);
  return waitMs;
}

/** What one call after the other brings: how many pass at a time. */
function passing(bucket: RateBucket, now: number, most: number): number {
  let passed = 0;
  while (passed < most && ask(bucket, now) === 0) passed += 1;
  return passed;
}

/** The limit in the plainest words: every span that ends now, with all that passed in it. */
class Log {
  readonly #passed: { at: number; cost: number }[] = [];

  constructor(private readonly rate: Rate) {}

  allows(now: number, cost: number): boolean {
    const { limit, perMs, burst } = this.rate;
    let sum = Math.min(cost, burst);
    const spans = [...this.#passed].reverse();
    // In units of `1 / perMs`, as whole numbers: the model must not round either.
    const fits = (from: number): boolean => sum * perMs <= burst * perMs + (now - from) * limit;
    if (!fits(now)) return false;
    for (const { at, cost: taken } of spans) {
      sum += taken;
      if (!fits(at)) return false;
    }
    return true;
  }

  take(at: number, cost: number): void {
    this.#passed.push({ at, cost: Math.min(cost, this.rate.burst) });
  }
}

const rates = fc.record({
  limit: fc.integer({ min: 1, max: 50 }),
  perMs: fc.oneof(fc.integer({ min: 1, max: 2_000 }), fc.constantFrom(7, 60_000)),
  burst: fc.integer({ min: 1, max: 20 }),
});
const calls = fc.array(
  fc.record({
    afterMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 300 }), fc.constant(3_600_000)),
    cost: fc.integer({ min: 0, max: 25 }),
  }),
  { maxLength: 60 },
);

describe('a rate bucket', () => {
  it('R-16 lets the burst pass at once and not one more', () => {
    const bucket = new RateBucket({ limit: 3, perMs: 1_000, burst: 5 });
    expect(passing(bucket, START, 10)).toBe(5);
    expect(bucket.waitMs(START, 1)).toBe(334);
  });

  it('R-16 allows the next at the very millisecond it said, and not the one before', () => {
    const bucket = new RateBucket({ limit: 3, perMs: 1_000, burst: 5 });
    passing(bucket, START, 10);
    expect(bucket.waitMs(START + 333, 1)).toBe(1);
    expect(bucket.waitMs(START + 334, 1)).toBe(0);
  });

  it.each([
    { limit: 1, perMs: 1, burst: 1 },
    { limit: 2, perMs: 100, burst: 2 },
    { limit: 7, perMs: 333, burst: 2 },
    { limit: 1_000, perMs: 999, burst: 10 },
  ])('R-16 keeps a window below a second to its number: %j', (rate) => {
    const bucket = new RateBucket(rate);
    let passed = 0;
    for (let ms = 0; ms <= 10_000; ms += 1) passed += passing(bucket, START + ms, 10_000);
    expect(passed).toBe(Math.floor(rate.burst + (rate.limit * 10_000) / rate.perMs));
  });

  it('counts what is beyond the burst as the burst', () => {
    const bucket = new RateBucket({ limit: 1, perMs: 10, burst: 4 });
    expect(ask(bucket, START, 1_000)).toBe(0);
    expect(ask(bucket, START, 1_000)).toBe(40);
    expect(ask(bucket, START + 40, 1_000)).toBe(0);
  });

  it('is rested when nothing that passed makes a difference', () => {
    const bucket = new RateBucket({ limit: 1, perMs: 10, burst: 4 });
    expect(bucket.isRested(START)).toBe(true);
    ask(bucket, START, 4);
    expect([bucket.isRested(START + 39), bucket.isRested(START + 40)]).toEqual([false, true]);
  });

  it('decides as a log of everything that ever passed, for any rate and calls', () => {
    fc.assert(
      fc.property(rates, calls, (rate, asked) => {
        const bucket = new RateBucket(rate);
        const log = new Log(rate);
        let now = START;
        for (const { afterMs, cost } of asked) {
          now += afterMs;
          const waitMs = bucket.waitMs(now, cost);
          // Allowed when it says, which may be now, and not a millisecond before.
          const isTooEarly = waitMs === 0 || !log.allows(now + waitMs - 1, cost);
          expect([log.allows(now + waitMs, cost), isTooEarly]).toEqual([true, true]);
          if (waitMs > 0) continue;
          bucket.take(now, cost);
          log.take(now, cost);
        }
      }),
    );
  });
});
