import { describe, expect, it } from '@jest/globals';
import { fill, loadVectors, match, type Bindings } from './vectors.js';

describe('match', () => {
  const matches = (actual: unknown, expected: unknown, bindings: Bindings = new Map()) =>
    match(actual, expected, bindings);

  it('finds equal values equal', () => {
    const value = { a: [1, 'b', null, { c: false }], d: {} };
    expect(matches(structuredClone(value), value)).toBeUndefined();
  });

  it('says where values differ', () => {
    expect(matches({ a: { b: [1, 2] } }, { a: { b: [1, 3] } })).toBe('$.a.b[1]: expected 3, got 2');
    expect(matches({ a: 1 }, { a: '1' })).toBe('$.a: expected "1", got 1');
    expect(matches([1], [1, 2])).toBe('$: expected [1,2], got [1]');
    expect(matches('a', [1])).toBe('$: expected [1], got "a"');
    expect(matches([], {})).toBe('$: expected {}, got []');
    expect(matches(undefined, 1)).toBe('$: expected 1, got undefined');
  });

  it('finds a field that is missing, and one too many', () => {
    expect(matches({}, { a: 1 })).toBe('$.a: expected 1, got nothing');
    expect(matches({ a: 1, b: 2 }, { a: 1 })).toBe('$.b: expected no such field');
  });

  it('is not misled by inherited names', () => {
    expect(matches({}, { constructor: '$any' })).toMatch(/got nothing$/);
    expect(matches(JSON.parse('{"__proto__":1}'), {})).toMatch(/no such field$/);
  });

  it('takes a string that is not empty for $any-string', () => {
    expect(matches('x', '$any-string')).toBeUndefined();
    for (const bad of ['', 1, null, ['x']]) expect(matches(bad, '$any-string')).toBeDefined();
  });

  it('takes a safe integer from 0 for $any-integer', () => {
    for (const good of [0, 5]) expect(matches(good, '$any-integer')).toBeUndefined();
    for (const bad of [-1, 0.5, '1', null, 2 ** 60]) {
      expect(matches(bad, '$any-integer')).toBeDefined();
    }
  });

  it('takes anything that is there for $any', () => {
    expect(matches({ a: null }, { a: '$any' })).toBeUndefined();
    expect(matches({}, { a: '$any' })).toBeDefined();
  });

  it('takes an absent field, but no wrong one, for $optional', () => {
    expect(matches({}, { a: '$optional-string', b: '$optional-any' })).toBeUndefined();
    expect(
      matches({ a: 'x', b: null }, { a: '$optional-string', b: '$optional-any' }),
    ).toBeUndefined();
    expect(matches({ a: 1 }, { a: '$optional-string' })).toBeDefined();
  });

  it('binds $same at its first appearance and compares at the next', () => {
    const bindings: Bindings = new Map();
    expect(
      matches({ id: '7', at: 3 }, { id: '$same:id', at: '$same:at' }, bindings),
    ).toBeUndefined();
    expect([...bindings]).toEqual([
      ['id', '7'],
      ['at', 3],
    ]);
    expect(matches('7', '$same:id', bindings)).toBeUndefined();
    expect(matches('8', '$same:id', bindings)).toBe('$: expected "7", got "8"');
    expect(matches(['a', 'b'], ['$same:x', '$same:x'])).toBe('$[1]: expected "a", got "b"');
  });

  it('binds $same only to texts and integers', () => {
    for (const bad of [null, '', 0.5, {}]) expect(matches(bad, '$same:a')).toBeDefined();
  });

  it('binds nothing when the whole does not match', () => {
    const bindings: Bindings = new Map();
    expect(matches({ a: 'x', b: 1 }, { a: '$same:a', b: 2 }, bindings)).toBeDefined();
    expect(bindings.size).toBe(0);
  });

  it('does not take a misspelt matcher for a string', () => {
    expect(() => matches('x', '$any-sting')).toThrow('unknown matcher');
  });
});

describe('fill', () => {
  it('leaves plain values alone', () => {
    const value = { a: [1, 'b', null, { c: false }] };
    expect(fill(value, new Map())).toEqual(value);
  });

  it('puts values that match in the place of matchers', () => {
    const expected = { a: '$any-string', b: ['$any-integer'], c: '$any', d: '$same:id' };
    const filled = fill(expected, new Map());
    expect(match(filled, expected, new Map())).toBeUndefined();
  });

  it('leaves optional fields out', () => {
    expect(fill({ a: '$optional-string', b: '$optional-any' }, new Map())).toEqual({});
  });

  it('puts what $same is bound to, and binds it otherwise', () => {
    const bindings: Bindings = new Map([['a', '7']]);
    expect(fill(['$same:a', '$same:b', '$same:b'], bindings)).toEqual(['7', 'b', 'b']);
    expect(bindings.get('b')).toBe('b');
  });

  it('does not take a misspelt matcher for a string', () => {
    expect(() => fill('$any-sting', new Map())).toThrow('no sample');
  });
});

describe('loadVectors', () => {
  it('gives each side the dialogues that it can replay', () => {
    const all = loadVectors();
    const server = loadVectors('server');
    const client = loadVectors('client');
    expect(server.length).toBeLessThan(all.length);
    expect(client.length).toBeLessThan(all.length);
    const names = new Set([...server, ...client].map(({ name }) => name));
    expect(names.size).toBe(all.length);
  });

  it('gives them in the order of their numbers', () => {
    const numbers = loadVectors().map(({ documented }) => documented);
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
  });
});
