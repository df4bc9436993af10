import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { cutCloseReason } from '../../lib/transport/close-reason.js';

describe('a close reason', () => {
  it('stays as it is up to 123 bytes', () => {
    expect(cutCloseReason('x'.repeat(123))).toBe('x'.repeat(123));
    expect(cutCloseReason('')).toBe('');
  });

  it('C-14 is cut to 123 bytes, never within a code point', () => {
    expect(cutCloseReason('x'.repeat(200))).toBe('x'.repeat(123));
    expect(cutCloseReason('€'.repeat(60))).toBe('€'.repeat(41));
    expect(cutCloseReason('😀'.repeat(60))).toBe('😀'.repeat(30));
    expect(cutCloseReason(`${'x'.repeat(122)}é`)).toBe('x'.repeat(122));
  });

  it('C-14 fits, and is a beginning of what was asked for, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), (reason) => {
        const cut = cutCloseReason(reason);
        expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(123);
        expect(reason.startsWith(cut)).toBe(true);
        const next = [...reason.slice(cut.length)][0];
        const isLongest = next === undefined || Buffer.byteLength(cut + next) > 123;
        expect(isLongest).toBe(true);
      }),
    );
  });
});
