import { describe, expect, it } from '@jest/globals';
import {
  anyNumber,
  anything,
  count,
  describe as describeValue,
  findBroken,
  flag,
  integer,
  list,
  may,
  must,
  oneOf,
  record,
  room,
  shortText,
  text,
} from '../../lib/protocol/validate.js';

describe('the description of a value', () => {
  it.each([
    [null, 'null'],
    [[1, 2], 'an array of 2'],
    ['secret', 'a string of 6'],
    [{ secret: 1 }, 'an object'],
    [7, 'an integer'],
    [0.5, 'a fraction'],
    [true, 'a boolean'],
    [undefined, 'a undefined'],
  ])('says of %j only its type and size', (value, words) => {
    expect(describeValue(value)).toBe(words);
  });
});

describe('checks', () => {
  it('text takes strings from 1 character to the limit', () => {
    const check = text(3);
    for (const good of ['a', 'abc']) expect(check(good)).toBeUndefined();
    for (const bad of ['', 'abcd', 1, null, ['a'], undefined]) {
      expect(check(bad)).toBe('a string of 1 to 3 characters');
    }
  });

  it('count takes safe integers from 0', () => {
    for (const good of [0, 1, Number.MAX_SAFE_INTEGER]) expect(count(good)).toBeUndefined();
    for (const bad of [-1, 0.5, Number.MAX_SAFE_INTEGER + 1, Infinity, NaN, '1', null]) {
      expect(count(bad)).toBe('an integer from 0 to 2^53-1');
    }
  });

  it('anyNumber takes numbers that no offset can have: the verdict speaks about those', () => {
    for (const good of [0, -1, 0.5, Infinity]) expect(anyNumber(good)).toBeUndefined();
    expect(anyNumber('1')).toBe('a number');
  });

  it('flag takes only booleans, anything everything', () => {
    expect(flag(false)).toBeUndefined();
    expect(flag(0)).toBe('true or false');
    expect(anything(undefined)).toBeUndefined();
  });

  it('room takes room names', () => {
    expect(room('chat/general')).toBeUndefined();
    expect(room('chat//general')).toMatch(/^a room name/);
    expect(room(['chat'])).toMatch(/^a room name/);
  });

  it('record says which of its fields is broken', () => {
    const check = record([must('a', flag), may('b', count)]);
    expect(check({ a: true })).toBeUndefined();
    expect(check({ a: true, b: 1, c: 'whatever' })).toBeUndefined();
    expect(check({ a: true, b: -1 })).toBe('an object whose b is an integer from 0 to 2^53-1');
    expect(check({})).toBe('an object whose a is true or false');
    for (const bad of [null, [], 'a', 1]) expect(check(bad)).toBe('an object');
  });

  it('shortText takes the empty string too', () => {
    const check = shortText(3);
    for (const good of ['', 'abc']) expect(check(good)).toBeUndefined();
    for (const bad of ['abcd', 1, null, undefined]) {
      expect(check(bad)).toBe('a string of at most 3 characters');
    }
  });

  it('integer takes whole numbers of its range', () => {
    const check = integer(1, 3);
    for (const good of [1, 3]) expect(check(good)).toBeUndefined();
    for (const bad of [0, 4, 1.5, NaN, Infinity, '1', null, undefined]) {
      expect(check(bad)).toBe('an integer from 1 to 3');
    }
  });

  it('oneOf takes its words and nothing that looks like them', () => {
    const check = oneOf('get', 'watch');
    expect(check('watch')).toBeUndefined();
    for (const bad of ['Watch', '', 'toString', ['get'], 1, undefined]) {
      expect(check(bad)).toBe('one of get, watch');
    }
  });

  it('list may have no limit', () => {
    const check = list(flag);
    expect(check(Array.from({ length: 5_000 }, () => true))).toBeUndefined();
    expect(check('no list')).toBe('an array');
  });

  it('list looks at its length first and then at every item', () => {
    const check = list(flag, 2);
    for (const good of [[], [true], [true, false]]) expect(check(good)).toBeUndefined();
    expect(check([1, 2, 3])).toBe('an array of at most 2');
    expect(check({ length: 0 })).toBe('an array of at most 2');
    expect(check([true, 1])).toBe('an array of true or false');
  });
});

describe('findBroken', () => {
  const rules = [must('a', flag), must('b', anything), may('c', flag)];
  const broken = (value: Record<string, unknown>) => findBroken(rules, (name) => value[name]);

  it('finds nothing in what obeys the rules', () => {
    expect(broken({ a: true, b: null })).toBeUndefined();
    expect(broken({ a: true, b: 1, c: false, d: 'nobody asks' })).toBeUndefined();
  });

  it('finds the first field that breaks its rule', () => {
    expect(broken({ a: 1, b: 1, c: 1 })).toEqual({
      name: 'a',
      expected: 'true or false',
      came: 'an integer',
    });
    expect(broken({ a: true, b: 1, c: null })).toEqual({
      name: 'c',
      expected: 'true or false',
      came: 'null',
    });
  });

  it('finds a field that has to be there and is not, even if it may hold anything', () => {
    expect(broken({ b: 1 })).toEqual({ name: 'a', expected: 'true or false', came: 'nothing' });
    expect(broken({ a: true })).toEqual({ name: 'b', expected: 'present', came: 'nothing' });
  });
});
