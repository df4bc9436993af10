import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { OperationWindow, type OperationWindowOptions } from '../../lib/memory/operation-window.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';

function make(options?: OperationWindowOptions): {
  clock: ManualClock;
  window: OperationWindow<number>;
} {
  const clock = new ManualClock();
  return { clock, window: new OperationWindow<number>(clock, options) };
}

const ada = (id: number): { client: string; id: string } => ({ client: 'ada', id: String(id) });

describe('the operation window', () => {
  it('remembers for two minutes and a thousand operations a client by default', () => {
    const { clock, window } = make();
    for (let n = 0; n < 1_000; n += 1) window.set(ada(n), n);
    expect([window.size, window.get(ada(0))]).toEqual([1_000, 0]);
    window.set(ada(1_000), 1_000);
    expect([window.size, window.get(ada(0)), window.get(ada(1))]).toEqual([1_000, undefined, 1]);
    clock.advance(119_999);
    expect(window.get(ada(1))).toBe(1);
    clock.advance(1);
    expect(window.get(ada(1))).toBeUndefined();
  });

  it('knows nothing of other clients and other ids', () => {
    const { window } = make();
    window.set({ client: '__proto__', id: 'constructor' }, 1);
    expect(window.get({ client: '__proto__', id: 'constructor' })).toBe(1);
    expect(window.get({ client: '__proto__', id: 'toString' })).toBeUndefined();
    expect(window.get({ client: 'constructor', id: 'constructor' })).toBeUndefined();
  });

  it('takes an operation that is set again for the latest one', () => {
    const { clock, window } = make({ perClient: 2, windowMs: 100 });
    window.set(ada(1), 1);
    window.set(ada(2), 2);
    clock.advance(60);
    window.set(ada(1), 10);
    window.set(ada(3), 3);
    expect([ada(1), ada(2), ada(3)].map((one) => window.get(one))).toEqual([10, undefined, 3]);
    clock.advance(60);
    expect([window.get(ada(1)), window.size]).toEqual([10, 2]);
  });

  it('forgets what it is told to, and clients of whom nothing is left', () => {
    const { window } = make();
    window.set(ada(1), 1);
    window.set(ada(2), 2);
    window.delete(ada(1));
    window.delete(ada(1));
    window.delete({ client: 'bob', id: '1' });
    expect([window.size, window.get(ada(1)), window.get(ada(2))]).toEqual([1, undefined, 2]);
    window.delete(ada(2));
    expect(window.size).toBe(0);
  });

  it('gives what it remembered when it is cleared', () => {
    const { window } = make();
    window.set(ada(1), 1);
    window.set({ client: 'bob', id: '1' }, 2);
    expect(window.clear()).toEqual([1, 2]);
    expect([window.size, window.get(ada(1))]).toEqual([0, undefined]);
  });

  it('forgets the clients that were quiet for longest beyond the total', () => {
    const { window } = make({ total: 4 });
    window.set({ client: 'ada', id: '1' }, 1);
    window.set({ client: 'bob', id: '1' }, 2);
    window.set({ client: 'bob', id: '2' }, 3);
    window.set({ client: 'ada', id: '2' }, 4);
    window.set({ client: 'eve', id: '1' }, 5);
    expect(window.size).toBe(3);
    expect(window.get({ client: 'bob', id: '2' })).toBeUndefined();
    expect(window.get({ client: 'ada', id: '1' })).toBe(1);
  });

  it('holds one client to the total as well', () => {
    const { window } = make({ total: 3 });
    for (let n = 0; n < 10; n += 1) window.set(ada(n), n);
    expect([window.size, window.get(ada(6)), window.get(ada(7))]).toEqual([3, undefined, 7]);
  });

  it('remembers nothing where the time is 0', () => {
    const { window } = make({ windowMs: 0 });
    window.set(ada(1), 1);
    expect([window.size, window.get(ada(1))]).toEqual([0, undefined]);
  });

  it('R-18 is as large with a hundred thousand clients as with those of one window', () => {
    const { clock, window } = make({ windowMs: 1_000 });
    let most = 0;
    for (let n = 0; n < 100_000; n += 1) {
      clock.advance(1);
      window.set({ client: `client-${String(n)}`, id: '1' }, n);
      most = Math.max(most, window.size);
    }
    expect(most).toBe(1_000);
  });

  it('R-18 is bounded where a hundred thousand clients come within one window', () => {
    const { window } = make({ total: 5_000 });
    for (let n = 0; n < 100_000; n += 1) window.set({ client: `client-${String(n)}`, id: '1' }, n);
    expect(window.size).toBe(5_000);
    expect(window.get({ client: 'client-99999', id: '1' })).toBe(99_999);
  });

  it('remembers at least what its bounds say, whatever comes', () => {
    const step = fc.record({
      client: fc.constantFrom('a', 'b', '__proto__'),
      id: fc.constantFrom('1', '2', '3', '4', 'constructor'),
      ms: fc.nat(40),
      kind: fc.constantFrom('set', 'set', 'set', 'delete'),
    });
    const bounds = { windowMs: 100, perClient: 3, total: 1_000 };
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { clock, window } = make(bounds);
        let log: { client: string; id: string; at: number; value: number }[] = [];
        for (const [value, { client, id, ms, kind }] of steps.entries()) {
          clock.advance(ms);
          log = log.filter((entry) => entry.client !== client || entry.id !== id);
          if (kind === 'delete') window.delete({ client, id });
          else {
            const others = log.filter((entry) => entry.client !== client);
            const own = log.filter((entry) => entry.client === client);
            log = [...others, ...own.slice(1 - bounds.perClient)];
            log.push({ client, id, at: clock.now(), value });
            window.set({ client, id }, value);
          }
          for (const name of ['a', 'b', '__proto__']) {
            for (const entry of log.filter((one) => one.client === name)) {
              const isOver = clock.now() - entry.at >= bounds.windowMs;
              expect(window.get(entry)).toBe(isOver ? undefined : entry.value);
            }
          }
          expect(window.size).toBeLessThanOrEqual(3 * bounds.perClient);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
