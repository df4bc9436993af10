import { describe, expect, it } from '@jest/globals';

import { RevocationMemory } from '../../lib/redis/revocation-memory.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import { publication } from '../support/fakes.js';

const HOUR_MS = 3_600_000;

function remember(...names: string[]): [RevocationMemory, ManualClock] {
  const clock = new ManualClock();
  const memory = new RevocationMemory(clock, { size: 3, ttlMs: HOUR_MS });
  for (const name of names) memory.add(publication(name));
  return [memory, clock];
}

/** What a node would put back into a stream that has begun another epoch. */
function renewed(memory: RevocationMemory): string[] {
  memory.toRenew('first');
  return memory.toRenew('second').map(({ id }) => id);
}

describe('what a node knows of revocations', () => {
  it('takes each one once, however often it comes', () => {
    const [memory] = remember('a');
    expect(memory.add(publication('b'))).toBe(true);
    expect(memory.add(publication('a'))).toBe(false);
    expect(renewed(memory)).toEqual(['a', 'b']);
  });

  it('keeps no more than the store does, the latest ones', () => {
    const [memory] = remember('a', 'b', 'c', 'd', 'e');
    expect(memory.size).toBe(3);
    expect(renewed(memory)).toEqual(['c', 'd', 'e']);
  });

  it('keeps them no longer than the store does', () => {
    const [memory, clock] = remember('a', 'b');
    clock.advance(HOUR_MS - 1);
    memory.add(publication('c'));
    expect(memory.size).toBe(3);
    clock.advance(1);
    memory.add(publication('d'));
    expect(renewed(memory)).toEqual(['c', 'd']);
  });

  it('is put back once into each epoch but the first, which is where it came from', () => {
    const [memory] = remember('a');
    expect(memory.toRenew('first')).toEqual([]);
    expect(memory.toRenew('first')).toEqual([]);
    expect(memory.toRenew('second')).toHaveLength(1);
    expect(memory.toRenew('second')).toEqual([]);
    expect(memory.toRenew('third')).toHaveLength(1);
  });
});
