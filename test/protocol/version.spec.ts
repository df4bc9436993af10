import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { negotiate, SUBPROTOCOL, SUBPROTOCOLS } from '../../lib/protocol/index.js';
import { protocolDocument } from './support/document.js';

describe('negotiate', () => {
  it('agrees on our subprotocol', () => {
    expect(negotiate([SUBPROTOCOL])).toEqual({ outcome: 'agreed', protocol: SUBPROTOCOL });
  });

  it('agrees wherever ours stands among the offers', () => {
    const offers = ['realtime.v9.json', 'graphql-ws', SUBPROTOCOL];
    expect(negotiate(offers)).toEqual({ outcome: 'agreed', protocol: SUBPROTOCOL });
  });

  it('lets a client without offers speak plainly', () => {
    expect(negotiate([])).toEqual({ outcome: 'plain' });
  });

  it('refuses unknown subprotocols and echoes the first', () => {
    expect(negotiate(['one', 'two'])).toEqual({ outcome: 'refused', protocol: 'one' });
  });

  it('never echoes a credential', () => {
    expect(negotiate(['bearer.secret', 'one'])).toEqual({ outcome: 'refused', protocol: 'one' });
    expect(negotiate(['bearer.secret'])).toEqual({ outcome: 'refused' });
    expect(negotiate(['bearer.secret', SUBPROTOCOL])).toEqual({
      outcome: 'agreed',
      protocol: SUBPROTOCOL,
    });
  });

  it('takes the Set that a WebSocket library hands over', () => {
    expect(negotiate(new Set(['one', SUBPROTOCOL]))).toEqual({
      outcome: 'agreed',
      protocol: SUBPROTOCOL,
    });
  });

  it('compares names exactly', () => {
    for (const name of ['realtime.v1', 'REALTIME.V1.JSON', 'realtime.v1.json2', '__proto__']) {
      expect(negotiate([name])).toEqual({ outcome: 'refused', protocol: name });
    }
  });

  it('echoes nothing but what was offered and is no credential', () => {
    const name = fc.oneof(fc.string(), fc.constantFrom(SUBPROTOCOL, 'bearer.', 'bearer.secret'));
    fc.assert(
      fc.property(fc.array(name), (offers) => {
        const choice = negotiate(offers);
        expect(choice.outcome === 'plain').toBe(offers.length === 0);
        expect(choice.outcome === 'agreed').toBe(offers.includes(SUBPROTOCOL));
        if (!('protocol' in choice)) return;
        expect(offers).toContain(choice.protocol);
        expect(choice.protocol).not.toMatch(/^bearer\./);
      }),
    );
  });

  it('knows one subprotocol, which PROTOCOL.md is about', () => {
    expect(SUBPROTOCOLS).toEqual([SUBPROTOCOL]);
    expect(protocolDocument).toMatch(new RegExp(`^# The protocol \`${SUBPROTOCOL}\``));
  });
});
