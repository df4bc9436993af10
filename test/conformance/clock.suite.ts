/** The contract of `Clock` (lib/core/ports), to be run over every implementation. */
import { expect } from '@jest/globals';

import type { Clock } from '../../lib/core/index.js';
import { check, type Check } from './suite.js';

/** A clock, and what makes its time pass. */
export interface ClockWorld {
  readonly clock: Clock;
  /** Lets at least so many milliseconds pass. */
  pass(ms: number): Promise<void> | void;
  dispose(): void;
}

/** How much earlier than asked a machine's timer may come: the event loop counts whole milliseconds. */
const EARLY_MS = 1;

function timers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
}

export const clockChecks: readonly Check<ClockWorld>[] = [
  check('C1', 'never goes back', async ({ clock, pass }) => {
    let last = clock.now();
    for (let look = 0; look < 200; look += 1) {
      if (look % 50 === 0) await pass(2);
      const now = clock.now();
      expect(now).toBeGreaterThanOrEqual(last);
      last = now;
    }
  }),

  check('C1', 'counts whole milliseconds since 1970', ({ clock }) => {
    expect(Number.isSafeInteger(clock.now())).toBe(true);
    expect(new Date(clock.now()).getUTCFullYear()).toBeGreaterThanOrEqual(2026);
    return Promise.resolve();
  }),

  check('C2', 'calls back once, not before the delay is over', async ({ clock, pass }) => {
    const calls: number[] = [];
    const start = clock.now();
    clock.after(20, () => calls.push(clock.now() - start));
    await pass(5);
    expect(calls).toEqual([]);
    await pass(60);
    expect(calls).toHaveLength(1);
    expect(calls[0]).toBeGreaterThanOrEqual(20 - EARLY_MS);
    await pass(60);
    expect(calls).toHaveLength(1);
  }),

  check('C2', 'never calls back inside the call itself', async ({ clock, pass }) => {
    for (const delayMs of [0, -5]) {
      let called = false;
      clock.after(delayMs, () => {
        called = true;
      });
      expect(called).toBe(false);
      await pass(20);
      expect(called).toBe(true);
    }
  }),

  check('C2', 'waits for a delay that is longer than a timer of the machine can', async (world) => {
    let called = false;
    const cancel = world.clock.after(2 ** 31 + 5, () => {
      called = true;
    });
    await world.pass(20);
    expect(called).toBe(false);
    cancel();
  }),

  check('C3', 'never calls back what was cancelled', async ({ clock, pass }) => {
    let called = 0;
    const cancel = clock.after(5, () => {
      called += 1;
    });
    cancel();
    cancel();
    await pass(30);
    expect(called).toBe(0);
  }),

  check('C3', 'ignores a cancel that comes late', async ({ clock, pass }) => {
    const calls: string[] = [];
    const cancel = clock.after(1, () => calls.push('first'));
    await pass(20);
    clock.after(1, () => calls.push('second'));
    cancel();
    await pass(20);
    expect(calls).toEqual(['first', 'second']);
  }),

  check('C4', 'keeps no process alive', ({ clock }) => {
    const before = timers();
    const cancel = clock.after(60_000, () => undefined);
    expect(timers()).toBe(before);
    cancel();
    return Promise.resolve();
  }),
];
