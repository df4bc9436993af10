import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isGap, type Position } from '../../lib/protocol/index.js';

const position: fc.Arbitrary<Position> = fc.record({
  epoch: fc.constantFrom('e1', 'e2'),
  offset: fc.nat(20),
});

describe('a gap', () => {
  it('is there when an offset is skipped', () => {
    expect(isGap({ epoch: 'e', offset: 1 }, { epoch: 'e', offset: 3 })).toBe(true);
    expect(isGap({ epoch: 'e', offset: 1 }, { epoch: 'e', offset: 2 })).toBe(false);
  });

  it('is there when the epoch changes, whatever the offsets', () => {
    expect(isGap({ epoch: 'e', offset: 1 }, { epoch: 'f', offset: 2 })).toBe(true);
    expect(isGap({ epoch: 'e', offset: 5 }, { epoch: 'f', offset: 1 })).toBe(true);
  });

  it('is not there when a message comes twice', () => {
    expect(isGap({ epoch: 'e', offset: 5 }, { epoch: 'e', offset: 5 })).toBe(false);
    expect(isGap({ epoch: 'e', offset: 5 }, { epoch: 'e', offset: 2 })).toBe(false);
  });

  it('lies between two positions unless the second is the next one or an old one', () => {
    fc.assert(
      fc.property(position, position, (current, next) => {
        const isSame = current.epoch === next.epoch;
        const isNextOrOld = isSame && next.offset <= current.offset + 1;
        expect(isGap(current, next)).toBe(!isNextOrOld);
      }),
    );
  });
});
