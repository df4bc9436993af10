import { describe, expect, it } from '@jest/globals';
import { resolveOptions } from '../../lib/nest/options/resolve-options.js';
import * as protocol from '../../lib/protocol/index.js';
import { decodeClientFrame, ProtocolError } from '../../lib/protocol/index.js';
import { documentSection, documentTable } from './support/document.js';

const constants = Object.entries(protocol).filter(([name]) => /^(MAX|DEFAULT)_/.test(name));

/** The code of what is wrong with the frame; `undefined` if nothing. */
function codeOf(frame: unknown): string | undefined {
  const decoded = decodeClientFrame(JSON.stringify(frame));
  return decoded instanceof ProtocolError ? decoded.code : undefined;
}

function askHistory(limit: number): unknown {
  return { type: 'history', id: '1', room: 'a', limit };
}

function askWithCredit(credit: number): unknown {
  return { type: 'request', id: '1', event: 'e', credit };
}

describe('limits', () => {
  it('stand in PROTOCOL.md with the same numbers, each', () => {
    const documented = documentTable('limits').map(([, value = '', constant]) => [
      constant,
      Number(value.replaceAll(',', '')),
    ]);
    expect(documented.sort()).toEqual(constants.sort());
  });

  it("stand in PROTOCOL.md with the server's defaults, each option", () => {
    const documented = documentTable('server-limits').map(([, value = '', option]) => [
      option,
      Number(value.replaceAll(',', '')),
    ]);
    expect(documented.sort()).toEqual(Object.entries(resolveOptions({}).limits).sort());
  });

  it('give heartbeats the defaults that PROTOCOL.md says', () => {
    const { intervalMs, timeoutMs } = resolveOptions({}).heartbeat;
    const text = documentSection(11);
    expect(text).toContain(`\`heartbeat.intervalMs\` (default ${String(intervalMs / 1_000)} s)`);
    expect(text.replaceAll('\n', ' ')).toContain(
      `\`heartbeat.timeoutMs\` (default ${String(timeoutMs / 1_000)} s)`,
    );
  });

  it.each<[string, number, (size: number) => unknown]>([
    ['an id', protocol.MAX_ID_LENGTH, (size) => ({ type: 'cancel', id: 'x'.repeat(size) })],
    [
      'an event',
      protocol.MAX_EVENT_LENGTH,
      (size) => ({ type: 'request', id: '1', event: 'x'.repeat(size) }),
    ],
    [
      'a room name',
      protocol.MAX_ROOM_BYTES,
      (size) => ({ type: 'subscribe', id: '1', room: 'x'.repeat(size) }),
    ],
    [
      'an epoch',
      protocol.MAX_ID_LENGTH,
      (size) => ({ type: 'subscribe', id: '1', room: 'a', epoch: 'x'.repeat(size) }),
    ],
    ['a token', protocol.MAX_TOKEN_LENGTH, (size) => ({ type: 'hello', token: 'x'.repeat(size) })],
    [
      'a client key',
      protocol.MAX_CLIENT_KEY_LENGTH,
      (size) => ({ type: 'hello', clientKey: 'x'.repeat(size) }),
    ],
    [
      "a hello's list of rooms",
      protocol.MAX_HELLO_ROOMS,
      (size) => ({ type: 'hello', rooms: Array.from({ length: size }, () => ({ room: 'a' })) }),
    ],
    ["a page of history's messages", protocol.MAX_HISTORY_PAGE, askHistory],
    ['the credit of a request', protocol.MAX_CREDIT, askWithCredit],
    ['a credit', protocol.MAX_CREDIT, (size) => ({ type: 'credit', id: '1', count: size })],
    [
      "a refusal's code",
      protocol.MAX_CODE_LENGTH,
      (size) => ({ type: 'error', id: '1', code: 'x'.repeat(size), message: '' }),
    ],
    [
      "a refusal's message",
      protocol.MAX_MESSAGE_LENGTH,
      (size) => ({ type: 'error', id: '1', code: 'x', message: 'x'.repeat(size) }),
    ],
  ])('allow %s of just the limit and not one more', (_what, limit, make) => {
    expect(codeOf(make(limit))).toBeUndefined();
    expect(codeOf(make(limit + 1))).toBe('invalid-field');
  });

  it('allow nesting of just the limit and not one more', () => {
    const nested = (levels: number) =>
      `{"type":"request","id":"1","event":"e","payload":${'['.repeat(levels)}${']'.repeat(levels)}}`;
    expect(decodeClientFrame(nested(protocol.MAX_DEPTH - 1))).toMatchObject({ type: 'request' });
    expect(decodeClientFrame(nested(protocol.MAX_DEPTH))).toMatchObject({ code: 'bad-frame' });
  });
});
