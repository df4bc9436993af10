import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import type { HistoryPage } from '../../lib/core/index.js';
import { judge, positionOf, whyNot } from '../../lib/core/recovery.js';
import { publication } from '../support/fakes.js';

const top = { epoch: 'e1', offset: 5 };

const number = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.constantFrom(NaN, Infinity, -Infinity, -0, -1, 0.5, 2 ** 53, 2 ** 53 + 2, 1e308),
);
const position = fc.record({
  epoch: fc.constantFrom('e1', 'e2', '', '__proto__'),
  offset: fc.nat(10),
});
const claim = fc.record(
  { epoch: fc.constantFrom('e1', 'e2', '', '__proto__'), offset: fc.oneof(number, fc.nat(10)) },
  { requiredKeys: [] },
);

const LIMIT = 10;
const lost = (reason: string): object => ({ recovered: false, reason });

/** A page read forwards; `held` are the offsets that are in it. */
function page(offset: number, held: readonly number[], epoch = 'e1'): HistoryPage {
  const messages = held.map((one) => ({
    ...publication('m'),
    position: { epoch, offset: one },
  }));
  return { top: { epoch, offset }, oldest: held[0] ?? offset + 1, messages };
}

describe('judging what a client claims', () => {
  it('finds nothing missed exactly at the top, also when the room is empty (R-08, R-09)', () => {
    expect(judge(top, top, LIMIT)).toEqual({ recovered: true, replayed: 0 });
    const empty = { epoch: 'e1', offset: 0 };
    expect(judge(empty, empty, LIMIT)).toEqual({ recovered: true, replayed: 0 });
    expect(judge({ epoch: 'e1', offset: -0 }, empty, LIMIT)).toMatchObject({ recovered: true });
  });

  it('leaves it to history where something was missed', () => {
    for (const offset of [0, 4]) {
      expect(judge({ epoch: 'e1', offset }, top, LIMIT)).toEqual({ epoch: 'e1', offset });
    }
  });

  it('leaves it to history where another node may have been ahead', () => {
    const ahead = { epoch: 'e1', offset: 6 };
    expect(judge(ahead, top, LIMIT)).toEqual(ahead);
    expect(judge(ahead, top, 0)).toEqual(ahead);
  });

  it('says limit where more was missed than is replayed', () => {
    const far = { epoch: 'e1', offset: 100 };
    expect(judge({ epoch: 'e1', offset: 90 }, far, LIMIT)).toEqual({ epoch: 'e1', offset: 90 });
    expect(judge({ epoch: 'e1', offset: 89 }, far, LIMIT)).toEqual(lost('limit'));
    expect(judge({ epoch: 'e1', offset: 100 }, far, 0)).toMatchObject({ recovered: true });
    expect(judge({ epoch: 'e1', offset: 99 }, far, 0)).toEqual(lost('limit'));
  });

  it('says epoch-changed whatever the offset of another epoch', () => {
    for (const offset of [0, 5, 6, -1, NaN]) {
      expect(judge({ epoch: 'e0', offset }, top, LIMIT)).toEqual(lost('epoch-changed'));
    }
  });

  it('says position-unknown for half a position', () => {
    for (const claimed of [{}, { epoch: 'e1' }, { offset: 5 }]) {
      expect(judge(claimed, top, LIMIT)).toEqual(lost('position-unknown'));
    }
  });

  it.each([NaN, Infinity, -Infinity, -1, 0.5, 4.999, 2 ** 53, 2 ** 53 + 2, 1e308])(
    'P-15 says position-unknown for the offset %p, which cannot be',
    (offset) => {
      expect(judge({ epoch: 'e1', offset }, top, LIMIT)).toEqual(lost('position-unknown'));
      expect(positionOf({ epoch: 'e1', offset })).toBeUndefined();
    },
  );

  it('never says recovered unless the claim is the top, nor asks history for what cannot be', () => {
    fc.assert(
      fc.property(claim, position, fc.nat(10), (claimed, present, limit) => {
        const verdict = judge(claimed, present, limit);
        const isTop = claimed.epoch === present.epoch && claimed.offset === present.offset;
        if ('recovered' in verdict) return verdict.recovered === isTop;
        const asked = positionOf(claimed);
        const isTheClaim = asked?.epoch === verdict.epoch && asked.offset === verdict.offset;
        const isWithin = present.offset - verdict.offset <= limit;
        return isTheClaim && verdict.epoch === present.epoch && isWithin;
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('judging a page of history', () => {
  const from = { epoch: 'e1', offset: 4 };

  it('finds that it goes on where its first message is the next one, or nothing was missed', () => {
    expect(whyNot(from, page(6, [5, 6]))).toBeUndefined();
    expect(whyNot(from, page(4, []))).toBeUndefined();
  });

  it('says why it does not', () => {
    expect(whyNot(from, page(6, [6]))).toBe('evicted');
    expect(whyNot(from, page(6, []))).toBe('evicted');
    expect(whyNot(from, page(3, []))).toBe('position-unknown');
    expect(whyNot(from, page(6, [5, 6], 'e2'))).toBe('epoch-changed');
  });

  it('takes a page that has nothing, and says that there is something, for a loss', () => {
    expect(whyNot(from, { ...page(6, []), oldest: 1 })).toBe('evicted');
  });
});
