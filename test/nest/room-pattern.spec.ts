import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';

import { RoomPattern } from '../../lib/nest/rooms/room-pattern.js';

const match = (pattern: string, name: string) => new RoomPattern(pattern).match(name);
const compare = (a: string, b: string) => Math.sign(new RoomPattern(a).compare(new RoomPattern(b)));

describe('RoomPattern', () => {
  describe('refuses', () => {
    it.each([
      ['', 'a segment is'],
      ['/', 'a segment is'],
      ['a/', 'a segment is'],
      ['/a', 'a segment is'],
      ['a//b', 'a segment is'],
      ['a b', 'a segment is'],
      ['ä', 'a segment is'],
      ['a/:', 'a segment is'],
      ['a/:1', 'a segment is'],
      ['a/:a-b', 'a segment is'],
      ['a*', 'a segment is'],
      ['**', 'a segment is'],
      ['a/{b}', 'a segment is'],
      ['*/a', '"*" may only be the last segment'],
      ['a/*/*', '"*" may only be the last segment'],
      ['a/:x/:x', 'a parameter name occurs twice'],
    ])('%j: %s', (source, rule) => {
      expect(() => new RoomPattern(source)).toThrow(
        `@RealtimeRoom(${JSON.stringify(source)}): ${rule}`,
      );
    });
  });

  describe('matches', () => {
    it.each<[string, string, Record<string, string>]>([
      ['lobby', 'lobby', {}],
      ['a/b', 'a/b', {}],
      ['chat/:room', 'chat/general', { room: 'general' }],
      ['chat/:room', 'chat/:room', { room: ':room' }],
      [':a/:b', 'x/y', { a: 'x', b: 'y' }],
      ['chat/:room/typing', 'chat/x/typing', { room: 'x' }],
      ['files/*', 'files/a', { '*': 'a' }],
      ['files/*', 'files/a/b/c', { '*': 'a/b/c' }],
      [':org/*', 'acme/a/b', { org: 'acme', '*': 'a/b' }],
      ['*', 'anything/at/all', { '*': 'anything/at/all' }],
      ['user@host:1', 'user@host:1', {}],
    ])('%s with %s', (pattern, name, params) => {
      expect(match(pattern, name)).toEqual(params);
    });

    it('a name of things that every object has, as a value and as a parameter', () => {
      expect(match('chat/:room', 'chat/__proto__')).toEqual({ room: '__proto__' });
      const params = match('chat/:__proto__', 'chat/x');
      expect(Object.entries(params ?? {})).toEqual([['__proto__', 'x']]);
      expect(match('chat/:constructor', 'chat/x')).toEqual({ constructor: 'x' });
    });
  });

  describe('does not match', () => {
    it.each([
      ['lobby', 'lobby2'],
      ['lobby', 'Lobby'],
      ['lobby', 'lobby/x'],
      ['a.c', 'abc'],
      ['chat/:room', 'chat'],
      ['chat/:room', 'chat/a/b'],
      ['chat/:room', 'other/a'],
      ['files/*', 'files'],
      ['files/*', 'filesystem/a'],
    ])('%s with %s', (pattern, name) => {
      expect(match(pattern, name)).toBeUndefined();
    });
  });

  describe('compares', () => {
    it.each([
      ['chat/news', 'chat/:room'],
      ['chat/:room', 'chat/*'],
      ['chat/news', 'chat/*'],
      ['chat/:room', ':a/news'],
      ['chat/:room/typing', 'chat/:room'],
      ['chat/:room/typing', 'chat/*'],
      [':a/:b', '*'],
      [':a/:b', ':a/*'],
    ])('%s as more specific than %s', (specific, general) => {
      expect(compare(specific, general)).toBe(-1);
      expect(compare(general, specific)).toBe(1);
    });

    it.each([
      ['a', 'a'],
      ['chat/:room', 'chat/:name'],
      ['files/*', 'files/*'],
      [':a/:b/*', ':x/:y/*'],
    ])('%s and %s as equal', (a, b) => {
      expect(compare(a, b)).toBe(0);
    });
  });

  const segment = fc.constantFrom('a', 'b', ':x', ':y');
  const source = fc
    .tuple(fc.array(segment, { minLength: 1, maxLength: 4 }), fc.boolean())
    .filter(([segments]) => {
      const params = segments.filter((part) => part.startsWith(':'));
      return new Set(params).size === params.length;
    })
    .map(([segments, rest]) => [...segments, ...(rest ? ['*'] : [])].join('/'));
  const name = fc
    .array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 5 })
    .map((parts) => parts.join('/'));

  it('orders patterns totally', () => {
    fc.assert(
      fc.property(source, source, source, (a, b, c) => {
        expect(compare(a, b)).toBe(-compare(b, a) + 0);
        expect(compare(a, a)).toBe(0);
        const isOrdered = compare(a, b) <= 0 && compare(b, c) <= 0;
        expect(isOrdered && compare(a, c) > 0).toBe(false);
      }),
    );
  });

  it('calls two patterns equal exactly if they match the same names', () => {
    const unnamed = (pattern: string): string => pattern.replaceAll(/:\w+/g, ':');
    fc.assert(
      fc.property(source, source, (a, b) => {
        expect(compare(a, b) === 0).toBe(unnamed(a) === unnamed(b));
      }),
    );
  });

  it('has the more specific of two patterns that match a name differ from the left by kind alone', () => {
    const rank = (part: string | undefined): number =>
      part === undefined ? 3 : part === '*' ? 2 : part.startsWith(':') ? 1 : 0;
    fc.assert(
      fc.property(source, source, name, (a, b, room) => {
        fc.pre(match(a, room) !== undefined && match(b, room) !== undefined && compare(a, b) !== 0);
        const [left, right] = [a.split('/'), b.split('/')];
        const at = left.findIndex((part, index) => rank(part) !== rank(right[index]));
        expect(compare(a, b)).toBe(Math.sign(rank(left[at]) - rank(right[at])));
      }),
    );
  });

  it('gives parameters from which the name can be made again', () => {
    fc.assert(
      fc.property(source, name, (pattern, room) => {
        const params = match(pattern, room);
        fc.pre(params !== undefined);
        const made = pattern
          .split('/')
          .map((part) =>
            part === '*' ? params['*'] : part.startsWith(':') ? params[part.slice(1)] : part,
          );
        expect(made.join('/')).toBe(room);
      }),
    );
  });
});
