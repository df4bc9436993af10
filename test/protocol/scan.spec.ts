import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseJson } from '../../lib/protocol/parse-json.js';
import { scanObject } from '../../lib/protocol/scan.js';
import { jsonObjectText, jsonText, mutated } from './support/arbitraries.js';

const DEPTH = 32;

/** The fields with their texts, or why there are none. */
function texts(text: string, maxDepth = DEPTH): [string, string][] | string {
  const fields = scanObject(text, maxDepth);
  if (typeof fields === 'string') return fields;
  return fields.map(({ key, start, end }) => [key, text.slice(start, end)]);
}

/** What scanning and then parsing each field accepts, in a form that can be compared; else `undefined`. */
function scanAndParse(text: string): string | undefined {
  const fields = scanObject(text, DEPTH);
  if (typeof fields === 'string') return undefined;
  const values = new Map<string, unknown>();
  for (const { key, start, end } of fields) {
    const value = parseJson(text.slice(start, end));
    if (value === undefined) return undefined;
    values.set(key, value);
  }
  return comparable([...values]);
}

/** What `JSON.parse` accepts, as far as it is an object that is not too deep. */
function parseWhole(text: string): string | undefined {
  const value = parseJson(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  if (depthOf(value) > DEPTH) return undefined;
  return comparable(Object.entries(value));
}

function comparable(entries: [string, unknown][]): string {
  return JSON.stringify(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

/** A text that counts how often it is looked at. */
class CountedText {
  looks = 0;

  constructor(private readonly text: string) {}

  get length(): number {
    return this.text.length;
  }

  charCodeAt(index: number): number {
    this.looks += 1;
    return this.text.charCodeAt(index);
  }

  slice(start: number, end: number): string {
    this.looks += end - start;
    return this.text.slice(start, end);
  }
}

function looksAt(text: string): number {
  const counted = new CountedText(text);
  scanObject(counted as unknown as string, DEPTH);
  return counted.looks;
}

describe('scanObject', () => {
  it('finds the fields of an object in order', () => {
    expect(texts('{"a":1,"b":"two","c":[3,{"d":4}],"e":null}')).toEqual([
      ['a', '1'],
      ['b', '"two"'],
      ['c', '[3,{"d":4}]'],
      ['e', 'null'],
    ]);
  });

  it('finds no fields in an empty object', () => {
    expect(texts('{}')).toEqual([]);
    expect(texts(' { } ')).toEqual([]);
  });

  it('leaves white space around a value out of its text', () => {
    expect(texts(' {\n"a" :\t 1 \r, "b": [ 2 ] } ')).toEqual([
      ['a', '1'],
      ['b', '[ 2 ]'],
    ]);
  });

  it('lists a key that occurs twice twice', () => {
    expect(texts('{"a":1,"a":2}')).toEqual([
      ['a', '1'],
      ['a', '2'],
    ]);
  });

  it('reads the escapes of a key', () => {
    expect(texts('{"\\u0074ype":1,"a\\"b":2}')).toEqual([
      ['type', '1'],
      ['a"b', '2'],
    ]);
  });

  it('is not misled by brackets, quotes and backslashes in strings', () => {
    expect(texts('{"a":"}\\"]\\\\","b":["}{]["],"c":1}')).toEqual([
      ['a', '"}\\"]\\\\"'],
      ['b', '["}{]["]'],
      ['c', '1'],
    ]);
  });

  it('treats __proto__ as a key like any other', () => {
    expect(texts('{"__proto__":{"type":"ping"}}')).toEqual([['__proto__', '{"type":"ping"}']]);
  });

  it.each(['', ' ', 'null', '[]', '1', '"{}"', '\uFEFF{}', 'x{}'])(
    'finds no object in %j',
    (text) => {
      expect(texts(text)).toBe('not-an-object');
    },
  );

  it.each([
    '{',
    '{"',
    '{"a',
    '{"a"',
    '{"a":',
    '{"a":}',
    '{"a":,"b":1}',
    '{"a" 1}',
    '{"a":1',
    '{"a":1 2}',
    '{"a":1,}',
    '{,}',
    '{a:1}',
    "{'a':1}",
    '{"a":1}}',
    '{"a":1}x',
    '{}x',
    '{"a":"b}',
    '{"a":"b\n"}',
    '{"a\\x":1}',
    '{"a":[1',
    '{"a":["b}',
    '{"a":1\u0001}',
    '{"a":"b"\u00A0}',
  ])('finds %j malformed, as JSON.parse does', (text) => {
    expect(texts(text)).toBe('malformed');
    expect(() => JSON.parse(text) as unknown).toThrow(SyntaxError);
  });

  it.each(['{"a":[1}}', '{"a":tru}', '{"a":01}', '{"a":[1,]}', '{"a":"\\x"}', '{"a":1\u00A0}'])(
    'leaves what is wrong inside a field, as in %j, to JSON.parse of that field',
    (text) => {
      expect(texts(text)).toHaveLength(1);
      expect(scanAndParse(text)).toBeUndefined();
      expect(() => JSON.parse(text) as unknown).toThrow(SyntaxError);
    },
  );

  it('counts the outer object as one level of nesting', () => {
    expect(texts('{"a":1}', 1)).toEqual([['a', '1']]);
    expect(texts('{"a":[]}', 1)).toBe('too-deep');
    expect(texts('{"a":[]}', 2)).toEqual([['a', '[]']]);
    expect(texts('{"a":[{}]}', 2)).toBe('too-deep');
    expect(texts('{"a":[[],[],{}]}', 3)).toEqual([['a', '[[],[],{}]']]);
  });

  it('gives a depth bomb up at the level that is too deep', () => {
    const bomb = new CountedText(`{"a":${'['.repeat(1_000_000)}`);
    expect(scanObject(bomb as unknown as string, DEPTH)).toBe('too-deep');
    expect(bomb.looks).toBeLessThan(100);
  });

  it('accepts exactly what JSON.parse accepts', () => {
    fc.assert(
      fc.property(fc.oneof(jsonObjectText, mutated(jsonObjectText)), (text) => {
        expect(scanAndParse(text)).toBe(parseWhole(text));
      }),
      { numRuns: 3_000 },
    );
  });

  it('accepts exactly the objects among all JSON texts', () => {
    fc.assert(
      fc.property(fc.oneof(jsonText, fc.string({ unit: 'binary' })), (text) => {
        expect(scanAndParse(text)).toBe(parseWhole(text));
      }),
      { numRuns: 1_000 },
    );
  });

  it('agrees with JSON.parse about every depth around the limit', () => {
    for (let levels = 28; levels <= 36; levels += 1) {
      const text = `{"a":${'[{"b":'.repeat(levels / 2)}1${'}]'.repeat(levels / 2)}}`;
      expect(scanAndParse(text)).toBe(parseWhole(text));
    }
  });

  it.each<[string, (size: number) => string]>([
    ['many fields', (size) => `{${'"a":1,'.repeat(size)}"b":2}`],
    ['many equal keys with escapes', (size) => `{${'"\\u0061":1,'.repeat(size)}"b":2}`],
    ['a long string', (size) => `{"a":"${'x'.repeat(size)}"}`],
    ['a string of backslashes', (size) => `{"a":"${'\\\\'.repeat(size)}"}`],
    ['a string that never ends', (size) => `{"a":"${'\\"'.repeat(size)}`],
    ['a wide array', (size) => `{"a":[${'[],'.repeat(size)}1]}`],
    ['an array that never ends', (size) => `{"a":[${'"x",'.repeat(size)}`],
    ['white space', (size) => `{"a"${' '.repeat(size)}:${'\n'.repeat(size)}1}`],
    ['a long number', (size) => `{"a":${'1'.repeat(size)}}`],
  ])('looks at each character a bounded number of times in %s', (_what, make) => {
    const small = make(1_000);
    const large = make(10_000);
    expect(looksAt(small)).toBeLessThanOrEqual(small.length * 4);
    expect(looksAt(large)).toBeLessThanOrEqual(large.length * 4);
  });
});
