/** The contract of `Random` (lib/core/ports), to be run over every implementation. */
import { expect } from '@jest/globals';

import type { Random } from '../../lib/core/index.js';
import { check, type Check } from './suite.js';

/** Randomness to look at. */
export interface RandomWorld {
  readonly random: Random;
  dispose(): void;
}

const DRAWS = 20_000;

/** Bits of an id's alphabet that differ between draws, as far as so many draws can show. */
function entropyBits(ids: readonly string[]): number {
  const length = Math.min(...ids.map((id) => id.length));
  let bits = 0;
  for (let at = 0; at < length; at += 1) {
    const counts = new Map<string, number>();
    for (const id of ids) counts.set(id[at] ?? '', (counts.get(id[at] ?? '') ?? 0) + 1);
    for (const count of counts.values())
      bits -= (count / ids.length) * Math.log2(count / ids.length);
  }
  return bits;
}

export const randomChecks: readonly Check<RandomWorld>[] = [
  check('R1', 'gives no id twice, and draws each from at least 2^60', ({ random }) => {
    const ids = Array.from({ length: DRAWS }, () => random.id());
    expect(new Set(ids).size).toBe(DRAWS);
    expect(entropyBits(ids)).toBeGreaterThan(60);
    return Promise.resolve();
  }),

  check('R2', 'writes ids in 1 to 64 characters that are safe everywhere', ({ random }) => {
    for (let draw = 0; draw < 2_000; draw += 1) {
      expect(random.id()).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
    }
    return Promise.resolve();
  }),

  check('R3', 'spreads fractions evenly from 0 up to, not including, 1', ({ random }) => {
    const buckets = Array.from({ length: 10 }, () => 0);
    for (let draw = 0; draw < DRAWS; draw += 1) {
      const fraction = random.fraction();
      expect(fraction >= 0 && fraction < 1).toBe(true);
      const bucket = Math.floor(fraction * 10);
      buckets[bucket] = (buckets[bucket] ?? 0) + 1;
    }
    // Ten standard deviations: 42 each.
    for (const count of buckets) expect(Math.abs(count - DRAWS / 10)).toBeLessThan(420);
    return Promise.resolve();
  }),
];
