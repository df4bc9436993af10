import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import type { HistoryPolicy, HistoryQuery, Publication } from '../../lib/core/index.js';
import { MESSAGE_OVERHEAD_BYTES, RoomStream, sizeOf } from '../../lib/memory/room-stream.js';
import { publication } from '../support/fakes.js';
import { turn } from '../support/turns.js';

const KEPT: HistoryPolicy = { size: 1_000, ttlMs: 1_000, bytes: 1e9 };
const ALL: HistoryQuery = { direction: 'forwards', limit: 1e9, bytes: 1e9 };

function offsets(stream: RoomStream, query: Partial<HistoryQuery> = {}): number[] {
  return stream.page({ ...ALL, ...query }).messages.map(({ position }) => position.offset);
}

function sized(bytes: number): Publication {
  return publication('m', { payload: JSON.stringify('x'.repeat(bytes - 2)) });
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as (options?: { type: 'minor' }) => void;

describe('a room’s stream', () => {
  it('counts what a message’s payload takes in UTF-8, and a constant for the rest', () => {
    const position = { epoch: 'e', offset: 1 };
    expect(sizeOf({ ...publication('m', { payload: '"äö€😀"' }), position })).toBe(
      MESSAGE_OVERHEAD_BYTES + 2 + 2 + 2 + 3 + 4,
    );
    expect(sizeOf({ id: 'm', event: 'e', timestamp: 1, position })).toBe(MESSAGE_OVERHEAD_BYTES);
  });

  it('holds up to the bytes of its policy, to the byte', () => {
    const stream = new RoomStream('e');
    const each = MESSAGE_OVERHEAD_BYTES + 100;
    for (let n = 0; n < 5; n += 1) stream.append(sized(100), { ...KEPT, bytes: each * 3 }, 0);
    expect([stream.bytes, offsets(stream)]).toEqual([each * 3, [3, 4, 5]]);
    stream.append(sized(100), { ...KEPT, bytes: each * 3 - 1 }, 0);
    expect([stream.bytes, offsets(stream)]).toEqual([each * 2, [5, 6]]);
  });

  it('holds a message until exactly its time is over', () => {
    const stream = new RoomStream('e');
    stream.append(sized(10), KEPT, 0);
    stream.append(sized(10), KEPT, 500);
    stream.expire(999);
    expect(offsets(stream)).toEqual([1, 2]);
    stream.expire(1_000);
    expect(offsets(stream)).toEqual([2]);
    stream.expire(1_500);
    expect([stream.bytes, stream.top.offset]).toEqual([0, 2]);
  });

  it('holds nothing where the time is 0', () => {
    const stream = new RoomStream('e');
    stream.append(sized(10), { ...KEPT, ttlMs: 0 }, 0);
    expect([stream.bytes, stream.top.offset]).toEqual([0, 1]);
  });

  it('goes by the last policy’s time for older messages as well', () => {
    const stream = new RoomStream('e');
    stream.append(sized(10), { ...KEPT, ttlMs: 100_000 }, 0);
    stream.append(sized(10), { ...KEPT, ttlMs: 1_000 }, 900);
    stream.expire(1_000);
    expect(offsets(stream)).toEqual([2]);
  });

  it('drops everything but the position', () => {
    const stream = new RoomStream('e');
    for (let n = 0; n < 100; n += 1) stream.append(sized(10), { ...KEPT, size: 40 }, 0);
    stream.drop();
    expect(stream.page(ALL)).toEqual({
      top: { epoch: 'e', offset: 100 },
      oldest: 101,
      messages: [],
    });
    stream.append(sized(10), KEPT, 0);
    expect(offsets(stream)).toEqual([101]);
  });

  it('lets go of what it drops at once', async () => {
    const stream = new RoomStream('e');
    const dropped: WeakRef<object>[] = [];
    for (let n = 0; n < 20; n += 1) {
      dropped.push(new WeakRef(stream.append(sized(10), { ...KEPT, size: 1 }, 0)));
    }
    // The references hold for the turn that made them.
    await turn();
    collectGarbage();
    const isHeld = dropped.map((reference) => reference.deref() !== undefined);
    expect(isHeld).toEqual([...Array.from({ length: 19 }, () => false), true]);
    expect(stream.top.offset).toBe(20);
  });

  it('leaves nothing that only a full collection would find, however long it is published to', () => {
    const stream = new RoomStream('e');
    const policy = { ...KEPT, size: 10 };
    collectGarbage();
    const before = getHeapStatistics().used_heap_size;
    let most = 0;
    // 100 MB in all. V8 learns in a few hundred rounds that much of what is made here lives on.
    for (let round = 0; round < 1_000; round += 1) {
      for (let n = 0; n < 10; n += 1) stream.append(sized(10_000), policy, 0);
      collectGarbage({ type: 'minor' });
      most = Math.max(most, getHeapStatistics().used_heap_size - before);
    }
    expect(most).toBeLessThan(10e6);
  });

  it('is an unbroken run that ends at the top, whatever happens to it', () => {
    const step = fc.oneof(
      fc.record({
        bytes: fc.integer({ min: 2, max: 300 }),
        policy: fc.record({
          size: fc.constantFrom(0, 1, 5, 40, 1_000),
          ttlMs: fc.constantFrom(0, 5, 50, 1_000),
          bytes: fc.constantFrom(0, 300, 2_000, 1e9),
        }),
      }),
      fc.constantFrom('expire' as const, 'drop' as const, 'append' as const),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(step, fc.nat(9)), { maxLength: 200 }), (steps) => {
        const stream = new RoomStream('e');
        let now = 0;
        let top = 0;
        for (const [action, ms] of steps) {
          now += ms;
          let limit = Infinity;
          if (action === 'expire') stream.expire(now);
          else if (action === 'drop') stream.drop();
          else {
            top += 1;
            const { bytes, policy } = action === 'append' ? { bytes: 50, policy: KEPT } : action;
            stream.append(sized(bytes), policy, now);
            limit = policy.bytes;
          }
          expect(stream.bytes).toBeLessThanOrEqual(limit);
          const page = stream.page(ALL);
          const held = page.messages.map(({ position }) => position.offset);
          const count = top - page.oldest + 1;
          expect(page.top).toEqual({ epoch: 'e', offset: top });
          expect(held).toEqual(Array.from({ length: count }, (_, n) => page.oldest + n));
          expect(offsets(stream, { direction: 'backwards' })).toEqual(held.toReversed());
          expect(stream.bytes).toBe(page.messages.reduce((sum, m) => sum + sizeOf(m), 0));
        }
      }),
      { numRuns: 300 },
    );
  });
});
