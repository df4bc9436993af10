import { describe, expect, it } from '@jest/globals';
import { decodeServerFrame, ProtocolError } from '../../lib/protocol/index.js';
import { brokenFrames } from './support/broken-fields.js';
import { goldenServerFrames } from './support/golden-frames.js';

/** The error that an input gives; fails if it gives none. */
function errorOf(input: unknown): ProtocolError {
  const decoded = decodeServerFrame(input);
  if (!(decoded instanceof ProtocolError)) throw new Error(`decoded as ${decoded.type}`);
  return decoded;
}

describe('decodeServerFrame', () => {
  it.each(goldenServerFrames.map((frame) => [frame.type, frame] as const))(
    'reads %s with every field',
    (_type, frame) => {
      expect(decodeServerFrame(JSON.stringify(frame))).toEqual(frame);
    },
  );

  it.each<[string, unknown]>([
    ['empty text', ''],
    ['a word', 'hello'],
    ['null', 'null'],
    ['an array', '[]'],
    ['a number', '7'],
    ['a byte order mark', '\uFEFF{"type":"pong"}'],
    ['a frame that is cut off', '{"type":"pong"'],
    ['an object without a type', '{}'],
    ['a type of 7', '{"type":7}'],
    ['a type in the prototype', '{"__proto__":{"type":"pong"}}'],
    ['bytes', new TextEncoder().encode('{"type":"pong"}')],
    ['a buffer', new ArrayBuffer(2)],
    ['nothing', undefined],
    ['an object', { type: 'pong' }],
  ])('finds %s to be no frame', (_what, input) => {
    expect(errorOf(input)).toMatchObject({ code: 'bad-frame', fatal: true, id: undefined });
  });

  it('calls a type of a later version unknown, which a client ignores', () => {
    for (const type of ['weather', 'ping', '__proto__', 'constructor']) {
      const error = errorOf(JSON.stringify({ type, id: '7' }));
      expect(error).toMatchObject({ code: 'unknown-type', fatal: false, id: '7' });
    }
  });

  it.each(brokenFrames(5, goldenServerFrames).map((broken) => [broken.title, broken] as const))(
    'refuses %s',
    (_title, { type, field, frame }) => {
      const error = errorOf(JSON.stringify(frame));
      expect(error.code).toBe('invalid-field');
      expect(error.message).toBe(`${type}.${field}`);
    },
  );

  it('gives the id of a broken answer back, and never that of a request of the server', () => {
    const answer = '{"type":"published","id":"7","durability":1}';
    expect(errorOf(answer)).toMatchObject({ code: 'invalid-field', id: '7' });
    const request = '{"type":"request","id":"7","event":1}';
    expect(errorOf(request)).toMatchObject({ code: 'invalid-field', id: undefined });
  });

  it('reads a receipt without a position, and presence without members', () => {
    for (const text of [
      '{"type":"published","id":"7","durability":"none"}',
      '{"type":"presence","id":"7","room":"a","total":5000}',
      '{"type":"presence-change","room":"a","total":5001}',
    ]) {
      expect(decodeServerFrame(text)).toEqual(JSON.parse(text));
    }
  });

  it.each([
    ['presence', 'members', [{ userId: 'a', connections: 2 }]],
    ['presence', 'members', [{ userId: 'a', connections: [{ info: 1 }] }]],
    ['presence', 'members', [{ connections: [] }]],
    ['presence-change', 'joined', [{ userId: 'a' }]],
    ['presence-change', 'left', [7]],
    ['history', 'messages', [{ event: 'e', id: 'm', timestamp: 1 }]],
    ['history', 'messages', [{ event: 'e', id: 'm', timestamp: 1, offset: -1 }]],
  ])('refuses %s whose %s are %j', (type, field, value) => {
    const good = goldenServerFrames.find((frame) => frame.type === type);
    const error = errorOf(JSON.stringify({ ...good, [field]: value }));
    expect(error.message).toBe(`${type}.${field}`);
  });

  it.each(['-1', '0.5', '9007199254740993', '1e400'])('refuses %s for an offset', (offset) => {
    const text = `{"type":"gap","room":"a","epoch":"e","reason":"evicted","offset":${offset}}`;
    expect(errorOf(text).message).toBe('gap.offset');
  });

  it('refuses a broken part of a part', () => {
    const [connected] = goldenServerFrames;
    const error = errorOf(JSON.stringify({ ...connected, limits: { frameBytes: 1, rooms: -1 } }));
    expect(error.message).toBe('connected.limits');
  });

  it('reads reasons and codes of later versions', () => {
    const text = '{"type":"gap","room":"a","epoch":"e","offset":1,"reason":"of-a-later-version"}';
    expect(decodeServerFrame(text)).toMatchObject({ reason: 'of-a-later-version' });
  });
});
