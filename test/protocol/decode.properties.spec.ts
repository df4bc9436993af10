import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  decodeClientFrame,
  decodeServerFrame,
  ErrorCode,
  Payload,
  ProtocolError,
} from '../../lib/protocol/index.js';
import { clientFrameRules } from '../../lib/protocol/client-frame-rules.js';
import { serverFrameRules } from '../../lib/protocol/server-frame-rules.js';
import { jsonObjectText, jsonText, mutated } from './support/arbitraries.js';
import { goldenClientFrames, goldenServerFrames } from './support/golden-frames.js';

const golden = [...goldenClientFrames, ...goldenServerFrames];
const goldenText = fc.constantFrom(...golden.map((frame) => JSON.stringify(frame)));
const bomb = fc
  .tuple(fc.constantFrom('[', '{"a":', '[[],{"b":[', '{"type":'), fc.nat(3_000), fc.boolean())
  .map(([open, levels, asPayload]) =>
    asPayload
      ? `{"type":"request","id":"1","event":"e","payload":${open.repeat(levels)}`
      : open.repeat(levels),
  );

const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.string({ maxLength: 200 }),
  jsonText,
  jsonObjectText,
  mutated(jsonObjectText),
  goldenText,
  mutated(goldenText),
  bomb,
);

const CODES: readonly string[] = [
  ErrorCode.BadFrame,
  ErrorCode.UnknownType,
  ErrorCode.InvalidField,
];

const TO_SERVER = [...clientFrameRules.keys(), ...CODES];
const TO_CLIENT = [...serverFrameRules.keys(), ...CODES];

/** The type of a frame, or the code of an error. */
function outcome(decoded: ProtocolError | { readonly type: string }): string {
  return decoded instanceof ProtocolError ? decoded.code : decoded.type;
}

/** Everything that can be seen of what was decoded. */
function seen(decoded: object): unknown {
  if (decoded instanceof ProtocolError) return { ...decoded, message: decoded.message };
  return Object.fromEntries(
    Object.entries(decoded).map(([name, value]: [string, unknown]) => [
      name,
      value instanceof Payload ? { text: value.text, value: value.value } : value,
    ]),
  );
}

describe('decoding', () => {
  it('gives a frame or an error for every text, and never throws', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(TO_SERVER).toContain(outcome(decodeClientFrame(text)));
        expect(TO_CLIENT).toContain(outcome(decodeServerFrame(text)));
      }),
      { numRuns: 3_000 },
    );
  });

  it('gives a frame of binary messages never', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(decodeClientFrame(bytes)).toMatchObject({ code: 'bad-frame' });
        expect(decodeServerFrame(bytes)).toMatchObject({ code: 'bad-frame' });
      }),
    );
  });

  it('gives an error for everything that is not even text', () => {
    fc.assert(
      fc.property(fc.anything(), (input) => {
        fc.pre(typeof input !== 'string');
        expect(decodeServerFrame(input)).toMatchObject({ code: 'bad-frame' });
      }),
    );
  });

  it('refuses a text that JSON.parse refuses, and reads one field by field as JSON.parse does', () => {
    fc.assert(
      fc.property(fc.oneof(mutated(goldenText), jsonObjectText), (text) => {
        const decoded = decodeClientFrame(text);
        if (decoded instanceof ProtocolError) return;
        const parsed = JSON.parse(text) as Record<string, unknown>;
        for (const [name, value] of Object.entries(decoded)) {
          expect(value instanceof Payload ? value.value : value).toEqual(parsed[name]);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('says the same of a frame whatever the white space and the order of its fields', () => {
    const shuffled = fc
      .constantFrom(...goldenClientFrames)
      .chain((frame) =>
        fc.tuple(
          fc.constant(frame),
          fc.shuffledSubarray(Object.entries(frame), { minLength: Object.keys(frame).length }),
          fc.constantFrom(undefined, 1, '\t'),
        ),
      );
    const values = (decoded: unknown) =>
      JSON.parse(
        JSON.stringify(decoded, (_, value: unknown) =>
          value instanceof Payload ? value.value : value,
        ),
      ) as unknown;
    fc.assert(
      fc.property(shuffled, ([frame, entries, space]) => {
        const text = JSON.stringify(Object.fromEntries(entries), undefined, space);
        expect(values(decodeClientFrame(text))).toEqual(frame);
      }),
    );
  });

  it('reads a request written as the SDK writes it as it reads any other', () => {
    const part = fc.oneof(
      fc.string({ maxLength: 10 }),
      fc.string({ unit: 'binary', maxLength: 10 }),
      fc.constantFrom('"', '\\', '\\u0061', '","event":"', '","payload":', '\n', 'x'.repeat(65)),
    );
    const value = fc.oneof(
      jsonText,
      fc.constantFrom('1,"id":"2"', '{"a":1},"retry":true', ' 1', ''),
    );
    const plain = fc
      .tuple(part, fc.string({ maxLength: 130 }), fc.option(value, { nil: undefined }))
      .map(([id, event, payload]) => {
        const end = payload === undefined ? '"}' : `","payload":${payload}}`;
        return `{"type":"request","id":"${id}","event":"${event}${end}`;
      });
    let frames = 0;
    fc.assert(
      fc.property(fc.oneof(plain, mutated(plain)), (text) => {
        // White space before it changes nothing but the way in which it is read.
        const [decoded, expected] = [decodeClientFrame(text), decodeClientFrame(` ${text}`)];
        expect(seen(decoded)).toEqual(seen(expected));
        if (!(decoded instanceof ProtocolError)) frames += 1;
      }),
      { numRuns: 5_000 },
    );
    expect(frames).toBeGreaterThan(1_000);
  });

  it('never says in an error what the peer sent, but for the id that the answer goes under', () => {
    const secret = fc.stringMatching(/^zq[0-9a-f]{16}$/);
    const name = fc.constantFrom(
      'type',
      'id',
      'room',
      'event',
      'payload',
      'rooms',
      'token',
      'epoch',
      'info',
      'action',
      'direction',
      'code',
      'message',
      'count',
      'messages',
      'members',
    );
    const hide = (value: string) =>
      fc.oneof(
        fc.constant(value),
        fc.constant([value]),
        fc.constant({ [value]: value }),
        fc.constant({ room: value, [value]: 1 }),
        fc.constant([{ room: value, offset: value }]),
        fc.constant(`${value} ${value.repeat(20)}`),
      );
    const text = secret.chain((value) =>
      fc
        .tuple(
          fc.constant(value),
          fc.constantFrom(...golden),
          fc.dictionary(fc.oneof(name, fc.constant(value)), hide(value), { minKeys: 1 }),
          fc.constantFrom('', value, '"', `"${value}`, '}', '\\'),
        )
        .map(
          ([, frame, hidden, tail]) =>
            [value, JSON.stringify({ ...frame, ...hidden }) + tail] as const,
        ),
    );
    let errors = 0;
    fc.assert(
      fc.property(text, ([value, input]) => {
        for (const decoded of [decodeClientFrame(input), decodeServerFrame(input)]) {
          if (!(decoded instanceof ProtocolError)) continue;
          errors += 1;
          expect(decoded.message).not.toContain(value);
          expect(decoded.code).not.toContain(value);
        }
      }),
      { numRuns: 1_000 },
    );
    expect(errors).toBeGreaterThan(100);
  });

  it('ends on a frame of a megabyte of every awkward kind', () => {
    const size = 1_000_000;
    for (const text of [
      '['.repeat(size),
      '{"a":'.repeat(size / 5),
      `{${'"a":1,'.repeat(size / 6)}"type":"ping"}`,
      `{"type":"ping","a":"${'\\"'.repeat(size / 2)}`,
      `{"type":"ping","a":${'9'.repeat(size)}}`,
      `{"type":"${'x'.repeat(size)}"}`,
      `{"type":"subscribe","id":"1","room":"${'a/'.repeat(size / 2)}"}`,
      `{"type":"hello","rooms":[${'{},'.repeat(size / 3)}{}]}`,
    ]) {
      expect(['ping', ...CODES]).toContain(outcome(decodeClientFrame(text)));
    }
  });
});
