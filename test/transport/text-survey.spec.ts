import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { parseJson } from '../../lib/protocol/parse-json.js';
import { TextSurvey } from '../../lib/transport/text-survey.js';
import { jsonText, mutated } from '../protocol/support/arbitraries.js';

const DEPTH = 31;

function isGood(text: string, maxDepth = DEPTH): boolean {
  return new TextSurvey(text, maxDepth, 8).plan({ start: 0, end: text.length }) !== undefined;
}

function mostFields(text: string): number {
  const survey = new TextSurvey(text, DEPTH);
  survey.plan({ start: 0, end: text.length });
  return survey.mostFields;
}

/** Texts that are nearly JSON, made of what its grammar cares about. */
const nearlyJson = fc
  .array(
    fc.constantFrom(
      ...['[', ']', '{', '}', ',', ':', '"', '\\', '"a"', '"\\u00e', '"\\u00E9"', '\\n', '\\x'],
      ...[' ', '\t', '\n', '\r', '\v', '\u00a0', '\ufeff', '\u0000', '\u001f', '\u007f', '\u2028'],
      ...['0', '1', '-', '+', '.', 'e', 'E', 'true', 'false', 'null', 'tru', 'NaN', 'Infinity'],
      ...['-0', '1.5', '01', '1e5', '1E-5', '{"a":', '[1,', '"\ud800"'],
    ),
    { maxLength: 6 },
  )
  .map((parts) => parts.join(''));

const anyText = fc.oneof(
  jsonText,
  mutated(jsonText),
  nearlyJson,
  nearlyJson.map((text) => `[${text}]`),
  nearlyJson.map((text) => `{"a":${text}}`),
  nearlyJson.map((text) => `{"${text}":1}`),
  fc.string({ unit: 'binary', maxLength: 20 }),
);

describe('a survey of a text', () => {
  it('finds good exactly what JSON.parse takes', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(isGood(text)).toBe(parseJson(text) !== undefined);
      }),
      { numRuns: 20_000 },
    );
  });

  it.each([
    ...[
      '-',
      '01',
      '-01',
      '1.',
      '.5',
      '1e',
      '1e+',
      '1.e1',
      '0x1',
      '+1',
      '--1',
      '1 2',
      'nul',
      'True',
    ],
    ...['"', '"\\"', '"\\', '"\\u12', '"\\u12G4"', '"\\v"', '"\u0000"', '"\n"', "'a'"],
    ...['[', ']', '[,]', '[1,]', '[,1]', '[1 2]', '[1}', '{', '{]', '{,}', '{"a"}', '{"a":}'],
    ...['{"a":1,}', '{a:1}', '{1:1}', '{"a" 1}', '{"a":1 "b":2}', '', ' ', '\u00a01'],
  ])('finds no good in %j', (text) => {
    expect(parseJson(text)).toBeUndefined();
    expect(isGood(text)).toBe(false);
  });

  it.each([
    ...['0', '-0', '10', '-1.5e+10', '1E5', '0.0', '0e0', ' \t\r\n1\n', 'true', 'null', 'false'],
    ...['""', '"\\u00e9\\"\\\\\\/\\b\\f\\n\\r\\t"', '"\u007f\u2028\ud800"', '[]', '[ ]', '{ }'],
    ...['[[],{}]', ' { "a" : [ 1 , 2 ] , "" : { } } '],
  ])('finds %j good', (text) => {
    expect(isGood(text)).toBe(true);
  });

  it('finds no good in what is nested too deeply', () => {
    const nested = (levels: number): string => '[{"a":'.repeat(levels) + '1' + '}]'.repeat(levels);
    expect([isGood(nested(2), 4), isGood(nested(2), 3), isGood('1', 0), isGood('[]', 0)]).toEqual([
      true,
      false,
      true,
      false,
    ]);
    expect(isGood('['.repeat(1_000_000))).toBe(false);
  });

  it('looks at the values between two places and at nothing else', () => {
    const text = '{"a": [1] ,"b":2}';
    const survey = new TextSurvey(text, DEPTH);
    expect(survey.plan({ start: 5, end: 10 })).toEqual({ start: 6, end: 9 });
    expect(survey.plan({ start: 5, end: 8 })).toBeUndefined();
    expect(survey.plan({ start: 5, end: 11 })).toBeUndefined();
  });

  it('counts the fields of the object that has the most of them', () => {
    expect(mostFields('{"a":{"b":":{,","c":2},"d":[{"e":1,"f":1,"g":{"x":1}}],"h":0}')).toBe(3);
    expect(mostFields('[1,"{:::",[]]')).toBe(0);
    expect(mostFields('[{},{"a":1,"a":2}]')).toBe(2);
  });
});
