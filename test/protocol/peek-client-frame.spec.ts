import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { decodeClientFrame, peekClientFrame } from '../../lib/protocol/index.js';
import { clientFrame, jsonObjectText } from './support/arbitraries.js';

describe('a peek at a frame', () => {
  it('finds the type and id that decoding finds, for every frame', () => {
    fc.assert(
      fc.property(clientFrame, (frame) => {
        const text = JSON.stringify(frame);
        const decoded = decodeClientFrame(text);
        const { type, id } = { id: undefined, ...(decoded as { type: string; id?: string }) };
        expect({ id: undefined, ...peekClientFrame(text) }).toEqual({ type, id });
      }),
    );
  });

  it.each<[string, string | Uint8Array, object]>([
    [
      'a name that is not the last of two',
      '{"id":"1","type":"a","id":"2"}',
      { type: 'a', id: '2' },
    ],
    ['an id with escapes', String.raw`{"type":"ping","id":"\u0061"}`, { type: 'ping', id: 'a' }],
    ['an id of no use', '{"type":"ping","id":""}', { type: 'ping' }],
    ['an id that is too long', `{"id":"${'x'.repeat(65)}"}`, {}],
    ['values that are no strings', '{"type":1,"id":[]}', {}],
    ['a broken value', String.raw`{"type":"\x"}`, {}],
    ['a payload that nobody parses', '{"id":"1","payload":{x}}', { id: '1' }],
    ['no JSON', 'nothing', {}],
    ['bytes', new Uint8Array([123, 125]), {}],
  ])('sees of %s what can be read', (_, message, seen) => {
    expect(peekClientFrame(message)).toEqual(seen);
  });

  it('is total: any text gives a type and an id that are strings, or nothing', () => {
    const texts = fc.oneof(fc.string({ unit: 'binary' }), jsonObjectText);
    fc.assert(
      fc.property(texts, (text) => {
        for (const [name, value] of Object.entries(peekClientFrame(text))) {
          expect([name, typeof value]).toEqual([name === 'id' ? 'id' : 'type', 'string']);
        }
      }),
    );
  });
});
