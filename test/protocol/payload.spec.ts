import { describe, expect, it } from '@jest/globals';
import { Payload } from '../../lib/protocol/index.js';

describe('Payload', () => {
  it('has the JSON text of a value', () => {
    const payload = Payload.of({ a: [1, null, 'ü'] });
    expect(payload?.text).toBe('{"a":[1,null,"ü"]}');
    expect(payload?.value).toEqual({ a: [1, null, 'ü'] });
  });

  it('can be null, which is a value', () => {
    expect(Payload.of(null)?.text).toBe('null');
  });

  it.each([undefined, () => 1, Symbol('s')])('is none for what JSON leaves out', (value) => {
    expect(Payload.of(value)).toBeUndefined();
  });

  it('throws for what JSON cannot hold', () => {
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    expect(() => Payload.of(cycle)).toThrow(TypeError);
    expect(() => Payload.of(1n)).toThrow(TypeError);
  });

  it('keeps the text that was parsed as it is', () => {
    const payload = Payload.parsed('{ "a" : 1.0 }', { a: 1 });
    expect(payload.text).toBe('{ "a" : 1.0 }');
    expect(payload.value).toEqual({ a: 1 });
  });
});
