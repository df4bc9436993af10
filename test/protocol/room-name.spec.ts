import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isRoomName, MAX_ROOM_BYTES, ROOM_NAME_RULE } from '../../lib/protocol/index.js';

describe('isRoomName', () => {
  it.each([
    'a',
    'chat/general',
    'a/b/c/d',
    'user:7@example.com',
    '~.-_',
    '...',
    '__proto__',
    'constructor',
  ])('accepts %j', (name) => {
    expect(isRoomName(name)).toBe(true);
  });

  it.each([
    '',
    '/',
    '/a',
    'a/',
    'a//b',
    'a b',
    'a\n',
    'a\u0000',
    'chat/*',
    'chat/{a}',
    'chät',
    'a%2Fb',
    '\u0430',
    'a\\b',
  ])('refuses %j', (name) => {
    expect(isRoomName(name)).toBe(false);
  });

  it('accepts a name of 200 bytes and refuses one of 201', () => {
    expect(isRoomName('a'.repeat(MAX_ROOM_BYTES))).toBe(true);
    expect(isRoomName('a'.repeat(MAX_ROOM_BYTES + 1))).toBe(false);
  });

  it('accepts exactly the segments of its alphabet, joined by one slash', () => {
    const alphabet = fc.constantFrom(...'azAZ09._~@:-/ *ä\n'.split(''));
    fc.assert(
      fc.property(fc.string({ unit: alphabet, maxLength: 12 }), (name) => {
        const isGood = name.split('/').every((part) => part !== '' && !/[^\w.~@:-]/.test(part));
        expect(isRoomName(name)).toBe(isGood);
      }),
    );
  });

  it('tells the same name from every other: it is ASCII, so bytes and characters agree', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        expect(!isRoomName(name) || Buffer.byteLength(name) === name.length).toBe(true);
      }),
    );
  });

  it('says its rule with the limit in it', () => {
    expect(ROOM_NAME_RULE).toContain(`at most ${String(MAX_ROOM_BYTES)} bytes`);
  });
});
