import { describe, expect, it } from '@jest/globals';

import { presenceOf } from '../../lib/core/presence.js';
import type { Member } from '../../lib/core/rooms.js';

const of = (...ids: (string | undefined)[]): Member[] =>
  ids.map((id) => ({ user: id === undefined ? undefined : { id } }) as Member);

describe('presence', () => {
  it('counts a user with three devices once, in the order in which users came', () => {
    expect(presenceOf(of('ada', 'bob', 'ada', 'ada'))).toEqual({
      total: 2,
      members: [
        { userId: 'ada', connections: 3 },
        { userId: 'bob', connections: 1 },
      ],
    });
  });

  it('lists a thousand users and says how many there are', () => {
    const { total, members } = presenceOf(of(...Array.from({ length: 1_001 }, (_, n) => `u${n}`)));
    expect([total, members.length, members[0]]).toEqual([
      1_001,
      1_000,
      { userId: 'u0', connections: 1 },
    ]);
  });

  it('takes dangerous names for names', () => {
    const { members } = presenceOf(of('__proto__', 'constructor', '__proto__'));
    expect(members).toEqual([
      { userId: '__proto__', connections: 2 },
      { userId: 'constructor', connections: 1 },
    ]);
  });

  it('leaves out who is not known yet', () => {
    expect(presenceOf(of(undefined))).toEqual({ total: 0, members: [] });
  });
});
