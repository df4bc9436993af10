import { describe, expect, it } from '@jest/globals';
import { closeAction, CloseCode, ErrorCode, isRetryable } from '../../lib/protocol/index.js';
import { documentTable } from './support/document.js';

describe('error codes', () => {
  const rows = documentTable('error-codes');

  it('have a row in PROTOCOL.md each, and no row is left over', () => {
    expect(rows.map(([code]) => code).sort()).toEqual(Object.values(ErrorCode).sort());
  });

  it.each(rows)('%s: is retryable as PROTOCOL.md says', (code = '', retryable = '') => {
    expect(['yes', 'no']).toContain(retryable);
    expect(isRetryable(code)).toBe(retryable === 'yes');
  });

  it('are kebab-case', () => {
    for (const code of Object.values(ErrorCode)) expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
  });

  it('are not retryable when they are unknown, whatever their name', () => {
    for (const code of ['out-of-stock', '', '__proto__', 'constructor']) {
      expect(isRetryable(code)).toBe(false);
    }
  });
});

describe('close codes', () => {
  const rows = documentTable('close-codes');

  it('have a row in PROTOCOL.md each, and no row is left over', () => {
    expect(rows.map(([code]) => Number(code)).sort()).toEqual(Object.values(CloseCode).sort());
  });

  it.each(rows)('%s: has the action that PROTOCOL.md says, %s', (code, action) => {
    expect(closeAction(Number(code))).toBe(action);
  });

  it('are codes that an application may send or that the WebSocket layer sends', () => {
    for (const code of Object.values(CloseCode)) {
      expect([1000, 1001, 1009, 1011].includes(code) || (code >= 4000 && code <= 4999)).toBe(true);
    }
  });
});

describe('closeAction', () => {
  const ranges = documentTable('close-ranges').map(([range = '', action = '']) => {
    const [first = '', last = first] = range.split('–');
    return { first: Number(first), last: Number(last), action };
  });

  it('has a range of PROTOCOL.md for every code', () => {
    expect(ranges[0]?.first).toBe(1000);
    for (const [index, { first, last }] of ranges.entries()) {
      expect(last).toBeGreaterThanOrEqual(first);
      expect(ranges[index + 1]?.first ?? 5000).toBe(last + 1);
    }
  });

  it('does what the code range says, but for the codes that PROTOCOL.md names', () => {
    const named = new Map(
      documentTable('close-codes').map(([code, action]) => [Number(code), action]),
    );
    for (const { first, last, action } of ranges) {
      for (let code = first; code <= last; code += 1) {
        expect([code, closeAction(code)]).toEqual([code, named.get(code) ?? action]);
      }
    }
  });

  it('reconnects with backoff after what is no close code at all', () => {
    for (const code of [0, -1, 999, 5000, 1e9, Number.NaN])
      expect(closeAction(code)).toBe('reconnect');
  });
});
