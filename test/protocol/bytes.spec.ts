import fc from 'fast-check';

import { binaryJson } from '../../lib/client/index.js';
import { jsonWithBytes, Payload, withBytes } from '../../lib/protocol/index.js';

/** What a server reads of a text. */
const read = (text: string): unknown => withBytes(text, JSON.parse(text));

const bytes = fc.uint8Array({ maxLength: 40 });

/** JSON values with bytes at any depth; some are Node's `Buffer`. */
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.jsonValue({ maxDepth: 1 }).map((json) => JSON.parse(JSON.stringify(json)) as unknown),
    bytes,
    bytes.map((array) => Buffer.from(array)),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', '0', 'type', '__proto__'), tie('value'), { maxKeys: 3 }),
  ),
}));

/** The value with all bytes as plain lists, so that kinds of arrays do not matter. */
function plain(found: unknown): unknown {
  if (found instanceof Uint8Array) return { bytes: [...found] };
  if (Array.isArray(found)) return found.map(plain);
  if (typeof found !== 'object' || found === null) return found;
  return Object.fromEntries(Object.entries(found).map(([key, field]) => [key, plain(field)]));
}

describe('bytes in payloads', () => {
  it('stand in the text as the one field $bytes, in base64', () => {
    const text = '{"file":{"$bytes":"AP/+"}}';
    const file = Uint8Array.of(0, 255, 254);
    expect(jsonWithBytes({ file })).toBe(text);
    expect(binaryJson.stringify({ file })).toBe(text);
    expect(jsonWithBytes(file)).toBe('{"$bytes":"AP/+"}');
    expect(jsonWithBytes({ deep: [{ file: Buffer.from(file) }] })).toBe(
      '{"deep":[{"file":{"$bytes":"AP/+"}}]}',
    );
  });

  it('come out of the server as they went in, and out of the client', () => {
    fc.assert(
      fc.property(value, (sent) => {
        const text = jsonWithBytes(sent) ?? '';
        expect(binaryJson.stringify(sent)).toBe(text);
        expect(plain(read(text))).toEqual(plain(sent));
        expect(plain(binaryJson.parse(text))).toEqual(plain(sent));
      }),
      { numRuns: 1_000 },
    );
  });

  it('are a Buffer to the server, and a part of a larger memory is sent alone', () => {
    const part = Uint8Array.from({ length: 10 }, (_, n) => n).subarray(3, 6);
    const found = read(jsonWithBytes([part]) ?? '') as unknown[];
    expect(found).toEqual([Buffer.from([3, 4, 5])]);
    expect(Buffer.isBuffer(found[0])).toBe(true);
  });

  it('are read once, also where the value is loaded by several at the same time', async () => {
    const text = '{"$bytes":"AAECAwQ="}';
    const payload = Payload.later(text, () => Promise.resolve(JSON.parse(text)));
    const [first, second] = await Promise.all([payload.load(), payload.load()]);
    expect(first).toEqual(Buffer.from([0, 1, 2, 3, 4]));
    expect(second).toBe(first);
    expect(payload.value).toBe(first);
  });

  it.each([
    ['another field beside it', { $bytes: 'AA==', more: 1 }],
    ['no text', { $bytes: 5 }],
    ['no base64', { $bytes: 'what?' }],
    ['base64 without its padding', { $bytes: 'AA' }],
    ['base64 with white space', { $bytes: 'AP/+ AP/' }],
    ['base64 with something in its middle', { $bytes: 'AA==AAAA' }],
    ['nothing but padding', { $bytes: '====' }],
    ['nothing but the name in a text', ['"$bytes"']],
  ])('are not made of %s', (_case, own) => {
    const text = JSON.stringify(own);
    expect(read(text)).toEqual(own);
    expect(binaryJson.parse(text)).toEqual(own);
  });

  it('are found behind much else, and in what an object makes of itself', () => {
    const file = Uint8Array.of(5);
    const tag = { $bytes: 'BQ==' };
    const rows = Array.from({ length: 2_000 }, (_, n) => n);
    for (const late of [file, Buffer.from(file)]) {
      expect(JSON.parse(jsonWithBytes([...rows, late, { late }]) ?? '')).toEqual([
        ...rows,
        tag,
        { late: tag },
      ]);
      expect(jsonWithBytes({ toJSON: () => ({ late }) })).toBe(JSON.stringify({ late: tag }));
    }
    expect(jsonWithBytes([...rows, new Uint8Array(0)])).toContain('{"$bytes":""}');
  });

  it('do not change what they are found in, nor take what it inherits', () => {
    const file = Uint8Array.of(5);
    const sent = { deep: { files: [file] }, other: {} };
    jsonWithBytes(sent);
    expect(sent).toEqual({ deep: { files: [file] }, other: {} });
    expect(jsonWithBytes(Object.create({ file }))).toBe('{}');
  });

  it('leave what an object makes of itself as it is', () => {
    const custom = { file: Uint8Array.of(1), toJSON: () => 'its own' };
    expect(jsonWithBytes(custom)).toBe('"its own"');
    expect(jsonWithBytes(undefined)).toBeUndefined();
    expect(() => jsonWithBytes({ n: 1n })).toThrow(TypeError);
  });

  it('may be many', () => {
    const many = new Uint8Array(1_000_000).map((_, n) => n % 251);
    // Not by toEqual(), which takes seconds for so many.
    const isSame = (found: unknown) => Buffer.compare(found as Uint8Array, many) === 0;
    expect(isSame(binaryJson.parse(binaryJson.stringify(many)))).toBe(true);
    expect(isSame((read(jsonWithBytes({ many }) ?? '') as { many: Buffer }).many)).toBe(true);
  });

  it('of any length are read, and so is what only looks like them', () => {
    const long = 'A'.repeat(2 ** 24);
    const found = read(`{"file":{"$bytes":"${long}"}}`) as { file: Buffer };
    expect(found.file.equals(Buffer.alloc(long.length * 0.75))).toBe(true);
    const own = { $bytes: `${long}!AAA` };
    const isKept = (kept: unknown): boolean => (kept as typeof own).$bytes === own.$bytes;
    expect([read(JSON.stringify(own)), binaryJson.parse(JSON.stringify(own))].map(isKept)).toEqual([
      true,
      true,
    ]);
  });
});
