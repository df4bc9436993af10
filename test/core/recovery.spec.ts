import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { judge } from '../../lib/core/recovery.js';

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

describe('recovery', () => {
  it('finds nothing missed exactly at the top, also when the room is empty (R-08, R-09)', () => {
    expect(judge(top, top)).toEqual({ recovered: true, replayed: 0 });
    const empty = { epoch: 'e1', offset: 0 };
    expect(judge(empty, empty)).toEqual({ recovered: true, replayed: 0 });
  });

  it('says evicted where something was missed that no history holds', () => {
    expect(judge({ epoch: 'e1', offset: 4 }, top)).toEqual({ recovered: false, reason: 'evicted' });
    expect(judge({ epoch: 'e1', offset: 0 }, top)).toEqual({ recovered: false, reason: 'evicted' });
  });

  it('says epoch-changed whatever the offset of another epoch', () => {
    for (const offset of [0, 5, 6, -1, NaN]) {
      expect(judge({ epoch: 'e0', offset }, top)).toEqual({
        recovered: false,
        reason: 'epoch-changed',
      });
    }
  });

  it('says position-unknown for half a position', () => {
    for (const claimed of [{}, { epoch: 'e1' }, { offset: 5 }]) {
      expect(judge(claimed, top)).toEqual({ recovered: false, reason: 'position-unknown' });
    }
  });

  it.each([NaN, Infinity, -Infinity, -1, 0.5, 4.999, 6, 2 ** 53, 2 ** 53 + 2])(
    'P-15 says position-unknown for the offset %p, which cannot be',
    (offset) => {
      expect(judge({ epoch: 'e1', offset }, top)).toEqual({
        recovered: false,
        reason: 'position-unknown',
      });
    },
  );

  it('never says recovered unless the claim is the top', () => {
    fc.assert(
      fc.property(claim, position, (claimed, present) => {
        const { recovered } = judge(claimed, present);
        const isTop = claimed.epoch === present.epoch && claimed.offset === present.offset;
        expect(recovered).toBe(isTop);
      }),
      { numRuns: 2_000 },
    );
  });
});
