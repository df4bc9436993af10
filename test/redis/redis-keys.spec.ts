/** Names in Redis: of the catalogue of faults, as properties; slots as a real server has them. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Redis } from 'ioredis';

import { keySlot } from '../../lib/redis/key-slot.js';
import { PresenceKeys } from '../../lib/redis/presence-keys.js';
import { RedisKeys } from '../../lib/redis/redis-keys.js';
import { ReplyKeys } from '../../lib/redis/reply-keys.js';
import { startRedis, type RedisServer } from '../support/redis-server.js';

/** Whatever somebody may call something: also what has a meaning in keys, and what is no whole character. */
const anyName = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom(...'{}:%*?/.au7B\n\0é', '\u0301', '\ud83d', '\ude00', '😀') }),
  fc.constantFrom('{', '}', '{}', '{a}', '%', '%7b', 'é', 'e\u0301', '../a', '__proto__', ''),
);
const prefix = fc.stringMatching(/^[a-z:%7]{1,8}$/);

/** The keys of a thing, and its channel. */
function valuesOf(keys: object): string[] {
  return Object.values(keys).map(String);
}

/** What is kept in Redis under a name, besides what a client has of its own in it. */
const KINDS: readonly ((prefix: string, name: string) => readonly string[])[] = [
  (of, name) => valuesOf(new RedisKeys(of).room(name)),
  (of, name) => valuesOf(new RedisKeys(of).control(name)),
  (of, name) => valuesOf(new PresenceKeys(of).room(name)),
  (of, name) => valuesOf(new ReplyKeys(of).client(name)),
  (of, name) => [new RedisKeys(of).rate(name)],
];
const kind = fc.constantFrom(...KINDS);

/** A name from the way that it is written in keys. */
function decode(text: string): string {
  return text.replace(/(?:%u[\da-f]{4})|(?:%[\da-f]{2})+/g, (encoded) =>
    encoded.startsWith('%u')
      ? String.fromCharCode(Number.parseInt(encoded.slice(2), 16))
      : Buffer.from(encoded.replaceAll('%', ''), 'hex').toString('utf8'),
  );
}

function tagOf(key: string): string {
  return /\{([^{}]*)\}/.exec(key)?.[1] ?? '';
}

describe('keys', () => {
  it('R-01 can be read back: no two names have the same one', () => {
    fc.assert(
      fc.property(kind, anyName, (keysOf, name) => {
        for (const key of keysOf('realtime', name)) {
          const tag = tagOf(key);
          expect(tag === '%' ? '' : decode(tag)).toBe(name);
          expect(key).toMatch(/^[\w.~@:\-/%{}]+$/);
        }
      }),
    );
  });

  it('R-01 R-03 are different for whatever is different: prefix, kind, name, or what it is of', () => {
    const thing = fc.tuple(prefix, kind, anyName);
    fc.assert(
      fc.property(thing, thing, ([aPrefix, aKind, a], [bPrefix, bKind, b]) => {
        const [ofA, ofB] = [aKind(aPrefix, a), bKind(bPrefix, b)];
        expect(new Set(ofA).size).toBe(ofA.length);
        const isSame = aPrefix === bPrefix && aKind === bKind && a === b;
        const shared = ofA.filter((key) => ofB.includes(key));
        expect(shared).toEqual(isSame ? ofA : []);
      }),
    );
    const [ofLong, ofShort] = [new RedisKeys('a:b').room('c'), new RedisKeys('a').room('b:c')];
    expect(ofLong.meta).not.toBe(ofShort.meta);
  });

  it('R-03 keep the clients of a room apart from each other and from those of other rooms', () => {
    const keys = new RedisKeys();
    const place = fc.tuple(anyName, anyName);
    fc.assert(
      fc.property(place, place, ([aRoom, a], [bRoom, b]) => {
        const ofA = keys.operations(keys.room(aRoom), { client: a });
        const ofB = keys.operations(keys.room(bRoom), { client: b });
        const all = new Set([...ofA, ...ofB]);
        expect(all.size).toBe(aRoom === bRoom && a === b ? 2 : 4);
      }),
    );
  });
});

describe('slots', () => {
  let server: RedisServer;
  let client: Redis;

  beforeAll(async () => {
    server = await startRedis(['--cluster-enabled', 'yes']);
    client = server.client();
  });

  afterAll(() => server.stop());

  const slotOf = (key: string): Promise<number> => client.cluster('KEYSLOT', key);

  it('R-02 are decided by us alone, and by the whole name: braces in it steer nothing', async () => {
    await fc.assert(
      fc.asyncProperty(kind, anyName, async (keysOf, name) => {
        const keys = keysOf('realtime', name);
        for (const key of keys) expect(key.replace(`{${tagOf(key)}}`, '')).not.toMatch(/[{}]/);
        const slots = await Promise.all(keys.map(slotOf));
        // One for all that a script touches together, and the one that we expect.
        expect(new Set(slots)).toEqual(new Set([keySlot(`{${tagOf(keys[0]!)}}`)]));
      }),
    );
  });

  it('are for every key what the server says', async () => {
    const { stream, channel } = new RedisKeys('shop').room('chat/general');
    for (const key of [stream, channel, 'no tag', 'a{b}c{d}', 'é{ü}', '😀', 'open{brace']) {
      expect(keySlot(key)).toBe(await slotOf(key));
    }
  });
});
