import { describe, expect, it } from '@jest/globals';
import { decodeClientFrame, Payload, ProtocolError } from '../../lib/protocol/index.js';
import { brokenFrames } from './support/broken-fields.js';
import { goldenClientFrames } from './support/golden-frames.js';

/** Frames whose id is that of a stream, or of a request of the server's: no error goes under it. */
const UNANSWERABLE = ['cancel', 'credit', 'response', 'error'];

/** The error that an input gives; fails if it gives none. */
function errorOf(input: string | Uint8Array): ProtocolError {
  const decoded = decodeClientFrame(input);
  if (!(decoded instanceof ProtocolError)) throw new Error(`decoded as ${decoded.type}`);
  return decoded;
}

describe('decodeClientFrame', () => {
  it.each(goldenClientFrames.map((frame) => [frame.type, frame] as const))(
    'reads %s with every field',
    (_type, frame) => {
      const { payload, ...rest } = frame as typeof frame & { readonly payload?: unknown };
      const text = JSON.stringify(payload);
      const decoded = decodeClientFrame(JSON.stringify(frame));
      expect(decoded).toEqual(
        'payload' in frame ? { ...rest, payload: Payload.parsed(text, payload) } : rest,
      );
      // Not compared above: the text is no field, it is looked for when it is wanted.
      expect(decoded).toMatchObject('payload' in frame ? { payload: { text } } : {});
    },
  );

  it('reads the shortest frames', () => {
    expect(decodeClientFrame('{"type":"hello"}')).toEqual({ type: 'hello' });
    expect(decodeClientFrame(' {"type":"ping"}\n')).toEqual({ type: 'ping' });
  });

  it('ignores fields it does not know', () => {
    expect(decodeClientFrame('{"type":"ping","later":[1,{"type":"hello"}]}')).toEqual({
      type: 'ping',
    });
  });

  it("ignores another frame type's fields, whatever they hold", () => {
    expect(decodeClientFrame('{"type":"ping","room":7,"payload":1}')).toEqual({ type: 'ping' });
  });

  it('lets the last of two equal keys count, also for the payload', () => {
    const text =
      '{"type":"hello","type":"request","id":"1","event":"e","payload":1,"payload":[ 2 ]}';
    expect(decodeClientFrame(text)).toMatchObject({
      type: 'request',
      id: '1',
      event: 'e',
      payload: { text: '[ 2 ]', value: [2] },
    });
  });

  it('tells a payload of null from none', () => {
    const withNull = decodeClientFrame('{"type":"request","id":"1","event":"e","payload":null}');
    expect(withNull).toMatchObject({ payload: { text: 'null', value: null } });
    expect(decodeClientFrame('{"type":"request","id":"1","event":"e"}')).not.toHaveProperty(
      'payload',
    );
  });

  it('reads what a client tells of itself as a value, not as text', () => {
    const text = '{"type":"presence","id":"1","room":"a","action":"update","info":{"a":[1.0]}}';
    expect(decodeClientFrame(text)).toMatchObject({ info: { a: [1] } });
  });

  it('reads a refusal without words', () => {
    const text = '{"type":"error","id":"1","code":"no","message":""}';
    expect(decodeClientFrame(text)).toMatchObject({ type: 'error', message: '' });
  });

  it('reads offsets that cannot be: the verdict speaks about those', () => {
    for (const type of ['subscribe', 'history']) {
      for (const offset of ['-1', '0.5', '1e400', '9007199254740993']) {
        const text = `{"type":"${type}","id":"1","room":"a","epoch":"e","offset":${offset}}`;
        expect(decodeClientFrame(text)).toMatchObject({ type, offset: Number(offset) });
      }
    }
  });

  it.each<[string, string | Uint8Array]>([
    ['empty text', ''],
    ['white space', ' \n '],
    ['a word', 'hello'],
    ['null', 'null'],
    ['an array', '[]'],
    ['an array of frames', '[{"type":"ping"}]'],
    ['a number', '7'],
    ['a string', '"{}"'],
    ['a byte order mark', '\uFEFF{"type":"ping"}'],
    ['a NUL', '\u0000'],
    ['a lone surrogate', '\uD800'],
    ['a frame that is cut off', '{"type":"ping"'],
    ['two frames', '{"type":"ping"}{"type":"ping"}'],
    ['a single-quoted frame', "{'type':'ping'}"],
    ['a comment', '{"type":"ping"/**/}'],
    ['a broken unknown field', '{"type":"ping","later":[1,}'],
    ['a raw line feed in a string', '{"type":"ping","id":"\n"}'],
    ['an empty object', '{}'],
    ['a type of null', '{"type":null}'],
    ['a type of 7', '{"type":7}'],
    ['a type in an array', '{"type":["ping"]}'],
    ['a type in the prototype', '{"__proto__":{"type":"ping"}}'],
    ['a depth bomb', '['.repeat(60_000) + ']'.repeat(60_000)],
    ['a depth bomb as a field', `{"type":"ping","a":${'['.repeat(60_000)}${']'.repeat(60_000)}}`],
    ['a depth bomb of objects', `${'{"a":'.repeat(60_000)}1${'}'.repeat(60_000)}`],
    ['no bytes', new Uint8Array()],
    ['the bytes of a frame', new TextEncoder().encode('{"type":"ping"}')],
    ['bytes that are no UTF-8', Uint8Array.of(0xff, 0xfe, 0x00)],
  ])('finds %s to be no frame', (_what, input) => {
    const error = errorOf(input);
    expect(error.code).toBe('bad-frame');
    expect(error.fatal).toBe(true);
    expect(error.id).toBeUndefined();
    expect(error.message).toMatch(/expected /);
  });

  it.each(['teleport', '', 'Ping', ' ping', '__proto__', 'constructor', 'toString', 'connected'])(
    'does not know the type %j',
    (type) => {
      const error = errorOf(JSON.stringify({ type, id: '7' }));
      expect(error.code).toBe('unknown-type');
      expect(error.fatal).toBe(false);
      expect(error.id).toBe('7');
    },
  );

  it.each<[string, unknown]>([
    ['no id', undefined],
    ['an empty id', ''],
    ['an id that is too long', 'x'.repeat(65)],
    ['a number for an id', 7],
    ['null for an id', null],
    ['a list for an id', ['7']],
  ])('gives no id back when there is %s', (_what, id) => {
    expect(errorOf(JSON.stringify({ type: 'teleport', id })).id).toBeUndefined();
    expect(errorOf(JSON.stringify({ type: 'request', event: 7, id })).id).toBeUndefined();
  });

  it.each(brokenFrames(4, goldenClientFrames).map((broken) => [broken.title, broken] as const))(
    'refuses %s',
    (_title, { type, field, frame }) => {
      const error = errorOf(JSON.stringify(frame));
      expect(error.code).toBe('invalid-field');
      expect(error.fatal).toBe(false);
      expect(error.message).toMatch(new RegExp(`^${type}\\.${field}: expected .*, got `));
      const hasAnswer = field !== 'id' && !UNANSWERABLE.includes(type);
      expect(error.id).toBe(hasAnswer ? frame['id'] : undefined);
    },
  );

  it('gives no id back of a frame whose id is that of something else', () => {
    for (const type of UNANSWERABLE) {
      const error = errorOf(JSON.stringify({ type, id: '7'.repeat(65), code: 7, count: 0 }));
      expect(error).toMatchObject({ code: 'invalid-field', id: undefined });
    }
    const credit = errorOf('{"type":"credit","id":"7","count":0}');
    expect(credit).toMatchObject({ code: 'invalid-field', id: undefined });
    const refusal = errorOf('{"type":"error","id":"7","code":"no"}');
    expect(refusal).toMatchObject({ code: 'invalid-field', id: undefined });
  });

  it.each([
    [{ type: 'subscribe', id: '1', room: 'a//b' }, 'room'],
    [{ type: 'subscribe', id: '1', room: '' }, 'room'],
    [{ type: 'subscribe', id: '1', room: 'a', epoch: '' }, 'epoch'],
    [{ type: 'request', id: '1', event: '' }, 'event'],
    [{ type: 'hello', token: '' }, 'token'],
    [{ type: 'hello', rooms: [{ room: 'a' }, { room: 'a b' }] }, 'rooms'],
    [{ type: 'hello', rooms: [{ room: 'a', offset: '1' }] }, 'rooms'],
    [{ type: 'hello', rooms: [null] }, 'rooms'],
    [{ type: 'hello', rooms: ['a'] }, 'rooms'],
    [{ type: 'hello', rooms: [{ room: 'a', snapshot: 1 }] }, 'rooms'],
    [{ type: 'request', id: '1', event: 'e', credit: 0 }, 'credit'],
    [{ type: 'request', id: '1', event: 'e', credit: 1.5 }, 'credit'],
    [{ type: 'request', id: '1', event: 'e', credit: -1 }, 'credit'],
    [{ type: 'credit', id: '1', count: 0 }, 'count'],
    [{ type: 'history', id: '1', room: 'a', limit: 0 }, 'limit'],
    [{ type: 'history', id: '1', room: 'a', direction: 'sideways' }, 'direction'],
    [{ type: 'presence', id: '1', room: 'a', action: 'Watch' }, 'action'],
    [{ type: 'error', id: '1', code: '', message: 'm' }, 'code'],
  ])('refuses a value of the right type but the wrong shape: %j', (frame, field) => {
    const error = errorOf(JSON.stringify(frame));
    expect(error.code).toBe('invalid-field');
    expect(error.message).toMatch(new RegExp(`^${frame.type}\\.${field}: `));
  });

  it('takes dangerous names for ordinary ones', () => {
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      const frame = { type: 'publish', id: name, room: `chat/${name}`, event: name };
      expect(decodeClientFrame(JSON.stringify(frame))).toEqual(frame);
    }
  });

  it('touches no prototype', () => {
    const text =
      '{"type":"request","id":"1","event":"e","__proto__":{"polluted":1},"payload":{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}}';
    const decoded = decodeClientFrame(text);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype);
    expect(decoded).not.toHaveProperty('polluted');
  });
});
