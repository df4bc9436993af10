import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { follows, isGap, type Position } from '../../lib/protocol/index.js';

const position: fc.Arbitrary<Position> = fc.record({
  epoch: fc.constantFrom('e1', 'e2'),
  offset: fc.nat(20),
});

describe('position', () => {
  it('follows when it is the next offset of the same epoch', () => {
    expect(follows({ epoch: 'e', offset: 0 }, { epoch: 'e', offset: 1 })).toBe(true);
    expect(follows({ epoch: 'e', offset: 1 }, { epoch: 'e', offset: 3 })).toBe(false);
    expect(follows({ epoch: 'e', offset: 1 }, { epoch: 'e', offset: 1 })).toBe(false);
    expect(follows({ epoch: 'e', offset: 1 }, { epoch: 'f', offset: 2 })).toBe(false);
  });

  it('leaves a gap when an offset is skipped', () => {
    expect(isGap({ epoch: 'e', offset: 1 }, { epoch: 'e', offset: 3 })).toBe(true);
    expect(isGap({ epoch: 'e', offset: 1 }, { epoch: 'e', offset: 2 })).toBe(false);
  });

  it('leaves a gap when the epoch changes, whatever the offsets', () => {
    expect(isGap({ epoch: 'e', offset: 1 }, { epoch: 'f', offset: 2 })).toBe(true);
    expect(isGap({ epoch: 'e', offset: 5 }, { epoch: 'f', offset: 1 })).toBe(true);
  });

  it('leaves no gap when a message comes twice', () => {
    expect(isGap({ epoch: 'e', offset: 5 }, { epoch: 'e', offset: 5 })).toBe(false);
    expect(isGap({ epoch: 'e', offset: 5 }, { epoch: 'e', offset: 2 })).toBe(false);
  });

  it('is of two positions next, old or behind a gap, and never two of these', () => {
    fc.assert(
      fc.property(position, position, (current, next) => {
        const isOld = current.epoch === next.epoch && next.offset <= current.offset;
        const kinds = [follows(current, next), isGap(current, next), isOld];
        expect(kinds.filter(Boolean)).toHaveLength(1);
      }),
    );
  });
});
