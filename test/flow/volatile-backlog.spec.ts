import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { MAX_LATEST_KEYS, VolatileBacklog } from '../../lib/core/volatile-backlog.js';

const message = (room: string, latest?: string, size = 10) => ({
  room,
  latest,
  bytes: new Uint8Array(size),
});

/** Everything that a backlog gives back. */
function empty(backlog: VolatileBacklog): { skipped: unknown[]; latest: unknown[] } {
  const skipped = [];
  const latest = [];
  for (let next = backlog.takeSkipped(); next !== undefined; next = backlog.takeSkipped()) {
    skipped.push([next.room, next.count]);
  }
  for (let next = backlog.takeLatest(); next !== undefined; next = backlog.takeLatest()) {
    latest.push([next.room, next.latest, next.bytes.byteLength]);
  }
  expect(backlog.isEmpty).toBe(true);
  return { skipped, latest };
}

describe('volatile messages of a peer that is behind', () => {
  it('are counted for each room', () => {
    const backlog = new VolatileBacklog(1_000);
    const skipped = ['a', 'b', 'a'].map((room) => backlog.put(message(room)));
    expect(skipped).toEqual([1, 1, 1]);
    expect(empty(backlog)).toEqual({
      skipped: [
        ['a', 2],
        ['b', 1],
      ],
      latest: [],
    });
  });

  it('wait as the latest of their room and key, and take the place of the one before', () => {
    const backlog = new VolatileBacklog(1_000);
    const skipped = [
      message('a', 'x', 1),
      message('a', 'y', 2),
      message('b', 'x', 3),
      message('a', 'x', 4),
    ].map((each) => backlog.put(each));
    expect(skipped).toEqual([0, 0, 0, 1]);
    expect(empty(backlog)).toEqual({
      skipped: [['a', 1]],
      latest: [
        ['a', 'y', 2],
        ['b', 'x', 3],
        ['a', 'x', 4],
      ],
    });
  });

  it('are skipped beyond the bound of bytes; the older one of the key is of no use either', () => {
    const backlog = new VolatileBacklog(100);
    const skipped = [
      message('a', 'x', 60),
      message('a', 'y', 40),
      message('a', 'z', 1),
      message('a', 'x', 61),
    ].map((each) => backlog.put(each));
    expect(skipped).toEqual([0, 0, 1, 2]);
    expect(empty(backlog)).toEqual({ skipped: [['a', 3]], latest: [['a', 'y', 40]] });
  });

  it('are skipped beyond the bound of keys', () => {
    const backlog = new VolatileBacklog(1_000_000);
    for (let key = 0; key < MAX_LATEST_KEYS; key += 1) {
      expect(backlog.put(message('a', String(key)))).toBe(0);
    }
    expect([backlog.put(message('a', 'new')), backlog.put(message('a', '0'))]).toEqual([1, 1]);
    expect(empty(backlog).latest).toHaveLength(MAX_LATEST_KEYS);
  });

  it('are forgotten with their room', () => {
    const backlog = new VolatileBacklog(1_000);
    for (const room of ['a', 'b']) {
      backlog.put(message(room));
      backlog.put(message(room, 'x'));
    }
    backlog.leave('a');
    expect(empty(backlog)).toEqual({ skipped: [['b', 1]], latest: [['b', 'x', 10]] });
  });

  it('never wait beyond the bound, and none is neither sent nor counted', () => {
    const puts = fc.array(
      fc.record({
        room: fc.constantFrom('a', 'b'),
        latest: fc.option(fc.constantFrom('x', 'y', 'z'), { nil: undefined }),
        size: fc.integer({ min: 1, max: 60 }),
      }),
    );
    fc.assert(
      fc.property(puts, (all) => {
        const backlog = new VolatileBacklog(100);
        let skips = 0;
        for (const { room, latest, size } of all) skips += backlog.put(message(room, latest, size));
        const { skipped, latest } = empty(backlog);
        const counted = skipped.reduce<number>(
          (sum, each) => sum + (each as [string, number])[1],
          0,
        );
        const bytes = latest.reduce<number>(
          (sum, each) => sum + (each as [string, string, number])[2],
          0,
        );
        expect(counted).toBe(skips);
        expect(counted + latest.length).toBe(all.length);
        expect(bytes).toBeLessThanOrEqual(100);
      }),
    );
  });
});
