import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  decodeClientFrame,
  decodeServerFrame,
  encodeClientFrame,
  encodeServerFrame,
  Payload,
  ProtocolError,
  type ServerFrame,
} from '../../lib/protocol/index.js';
import { clientFrame, jsonText, serverFrame } from './support/arbitraries.js';

/** The frame as a server holds it: its payload as text. */
function withPayloadText(frame: ServerFrame): ServerFrame<Payload> {
  if (!('payload' in frame)) return frame as ServerFrame<Payload>;
  const { payload, ...rest } = frame;
  return { ...rest, payload: Payload.of(payload) } as ServerFrame<Payload>;
}

describe('encodeClientFrame', () => {
  it('writes what decodeClientFrame reads back, for every frame', () => {
    fc.assert(
      fc.property(clientFrame, (frame) => {
        const { payload, ...rest } = frame as typeof frame & { readonly payload?: unknown };
        expect(decodeClientFrame(encodeClientFrame(frame))).toEqual(
          'payload' in frame ? { ...rest, payload: Payload.of(payload) } : rest,
        );
      }),
      { numRuns: 500 },
    );
  });

  it('leaves a payload of undefined out', () => {
    const text = encodeClientFrame({ type: 'request', id: '1', event: 'e', payload: undefined });
    expect(text).toBe('{"type":"request","id":"1","event":"e"}');
  });
});

describe('encodeServerFrame', () => {
  it('writes what decodeServerFrame reads back, for every frame', () => {
    fc.assert(
      fc.property(serverFrame, (frame) => {
        expect(decodeServerFrame(encodeServerFrame(withPayloadText(frame)))).toEqual(frame);
      }),
      { numRuns: 500 },
    );
  });

  it('leaves an absent payload out', () => {
    expect(encodeServerFrame({ type: 'response', id: '1' })).toBe('{"type":"response","id":"1"}');
  });

  it('writes a payload that is only text', () => {
    const text = encodeServerFrame({ type: 'next', id: '1', payload: { text: '[ 1.0 ]' } });
    expect(text).toBe('{"type":"next","id":"1","payload":[ 1.0 ]}');
  });

  it('puts the text of a payload in as it came, character by character', () => {
    const [before, after] = ['{"type":"publish","room":"a","payload":', ',"event":"e"}'];
    fc.assert(
      fc.property(jsonText, (text) => {
        const came = decodeClientFrame(before + text + after);
        if (came instanceof ProtocolError || came.type !== 'publish') throw new Error('no publish');
        expect(came.payload?.text).toBe(text);
        const { event, room, payload } = came;
        const sent = { type: 'message', room, event, id: 'm', timestamp: 1 } as const;
        const encoded = encodeServerFrame(payload ? { ...sent, payload } : sent);
        expect(encoded.endsWith(`,"payload":${text}}`)).toBe(true);
        const read = decodeServerFrame(encoded) as { payload: unknown };
        expect(JSON.stringify(read.payload)).toBe(JSON.stringify(JSON.parse(text)));
      }),
      { numRuns: 500 },
    );
  });

  it('never parses or serialises a payload: numbers and escapes keep their spelling', () => {
    const text = '{"a":1.0,"b":9007199254740993,"c":"\\u00fc\\/","a":2e0, "\\ud800":-0}';
    const came = decodeClientFrame(`{"type":"request","id":"1","event":"e","payload":${text}}`);
    expect(came).toMatchObject({ payload: { text } });
  });
});
