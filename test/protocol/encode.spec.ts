import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  decodeClientFrame,
  decodeServerFrame,
  encodeServerFrame,
  Payload,
  ProtocolError,
  type EncodedPayload,
  type EncodedServerFrame,
  type ServerFrame,
} from '../../lib/protocol/index.js';
import { clientFrame, jsonText, serverFrame } from './support/arbitraries.js';

/** The frame as a server holds it: what is the application's as text. */
function asHeld(frame: ServerFrame): EncodedServerFrame {
  const texts = Object.entries(frame).map(([name, value]: [string, unknown]) => {
    if (name === 'messages') return [name, (value as unknown[]).map(textOf)];
    return [name, name === 'payload' || name === 'snapshot' ? textOf(value) : value];
  });
  return Object.fromEntries(texts) as EncodedServerFrame;
}

function textOf(value: unknown): EncodedPayload {
  return { text: JSON.stringify(value) };
}

describe('decodeClientFrame', () => {
  it('reads back what JSON.stringify writes, for every frame', () => {
    fc.assert(
      fc.property(clientFrame, (frame) => {
        const { payload, ...rest } = frame as typeof frame & { readonly payload?: unknown };
        expect(decodeClientFrame(JSON.stringify(frame))).toEqual(
          'payload' in frame ? { ...rest, payload: Payload.of(payload) } : rest,
        );
      }),
      { numRuns: 500 },
    );
  });
});

describe('encodeServerFrame', () => {
  it('writes what decodeServerFrame reads back, for every frame', () => {
    fc.assert(
      fc.property(serverFrame, (frame) => {
        expect(decodeServerFrame(encodeServerFrame(asHeld(frame)))).toEqual(frame);
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

  it('writes a snapshot and the messages of a page that are only text', () => {
    const position = { epoch: 'e', offset: 2 };
    const snapshot = { text: '{ "a": 1.0 }' };
    expect(encodeServerFrame({ type: 'subscribed', room: 'a', ...position, snapshot })).toBe(
      '{"type":"subscribed","room":"a","epoch":"e","offset":2,"snapshot":{ "a": 1.0 }}',
    );
    const messages = [{ text: '{"event":"x", "payload":1e2}' }, { text: '{"event":"y"}' }];
    const page = { type: 'history', id: '1', room: 'a', ...position, complete: true } as const;
    expect(encodeServerFrame({ ...page, messages })).toBe(
      '{"type":"history","id":"1","room":"a","epoch":"e","offset":2,"complete":true,' +
        '"messages":[{"event":"x", "payload":1e2},{"event":"y"}]}',
    );
  });

  it('writes a page without messages', () => {
    const page = { type: 'history', id: '1', room: 'a', epoch: 'e', offset: 0 } as const;
    expect(encodeServerFrame({ ...page, messages: [], complete: true })).toBe(
      '{"type":"history","id":"1","room":"a","epoch":"e","offset":0,"complete":true,"messages":[]}',
    );
  });

  it('puts the text of a snapshot and of each message in as it came, character by character', () => {
    const position = { epoch: 'e', offset: 1 };
    fc.assert(
      fc.property(jsonText, fc.array(jsonText, { maxLength: 3 }), (snapshot, payloads) => {
        const entered = encodeServerFrame({
          type: 'subscribed',
          room: 'a',
          ...position,
          snapshot: { text: snapshot },
        });
        expect(entered.endsWith(`,"snapshot":${snapshot}}`)).toBe(true);
        const texts = payloads.map(
          (text, index) => `{"offset":${String(index)},"payload":${text}}`,
        );
        const messages = texts.map((text) => ({ text }));
        const page = { type: 'history', id: '1', room: 'a', ...position, complete: true } as const;
        const written = encodeServerFrame({ ...page, messages });
        expect(written.endsWith(`,"messages":[${texts.join(',')}]}`)).toBe(true);
        expect(JSON.parse(entered)).toMatchObject(position);
        expect(JSON.parse(written)).toMatchObject(position);
      }),
      { numRuns: 300 },
    );
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
