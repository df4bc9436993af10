import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { withDeadline, type Clock } from '../../lib/core/index.js';
import { Deadlines } from '../../lib/core/deadlines.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import { deferred, turn } from '../support/turns.js';

const GRAIN_MS = 100;

function make(clock = new ManualClock()): {
  clock: ManualClock;
  deadlines: Deadlines<string>;
  due: [string, number][];
} {
  const due: [string, number][] = [];
  const start = clock.now();
  const deadlines = new Deadlines<string>(clock, (item) => due.push([item, clock.now() - start]));
  return { clock, deadlines, due };
}

describe('deadlines', () => {
  it('come at their moment or a grain later, never before', () => {
    const { clock, deadlines, due } = make();
    const start = clock.now();
    deadlines.set('a', start + 250);
    deadlines.set('b', start + 1_000);
    clock.advance(249);
    expect(due).toEqual([]);
    clock.advance(10_000);
    expect(due).toEqual([
      ['a', 300],
      ['b', 1_000],
    ]);
    expect([deadlines.size, clock.waiting]).toEqual([0, 0]);
  });

  it('share one timer, and need none when nothing waits', () => {
    const { clock, deadlines } = make();
    for (let n = 0; n < 1_000; n += 1) deadlines.set(String(n), clock.now() + n * 10);
    expect(clock.waiting).toBe(1);
    for (let n = 0; n < 1_000; n += 1) deadlines.delete(String(n));
    expect([deadlines.size, clock.waiting]).toEqual([0, 0]);
  });

  it('come once for an item whose moment was changed', () => {
    const { clock, deadlines, due } = make();
    deadlines.set('a', clock.now() + 100);
    deadlines.set('a', clock.now() + 500);
    clock.advance(1_000);
    expect(due).toEqual([['a', 500]]);
  });

  it('come in the next grain when their moment is over', () => {
    const { clock, deadlines, due } = make();
    deadlines.set('a', clock.now() - 5_000);
    clock.advance(GRAIN_MS);
    expect(due).toEqual([['a', 100]]);
  });

  it('ignore an item that they do not know', () => {
    const { deadlines } = make();
    deadlines.delete('nobody');
    expect(deadlines.size).toBe(0);
  });

  it('may be set and deleted from within a callback', () => {
    const clock = new ManualClock();
    const start = clock.now();
    const due: [string, number][] = [];
    const deadlines: Deadlines<string> = new Deadlines(clock, (item) => {
      due.push([item, clock.now() - start]);
      if (item === 'again' && due.length < 4) deadlines.set('again', clock.now() + 200);
      if (item === 'first') {
        deadlines.delete('forgotten');
        deadlines.set('moved', clock.now() + 1_000);
      }
    });
    for (const item of ['first', 'forgotten', 'moved']) deadlines.set(item, start + 100);
    deadlines.set('again', start + 200);
    clock.advance(5_000);
    expect(due).toEqual([
      ['first', 100],
      ['again', 200],
      ['again', 400],
      ['again', 600],
      ['moved', 1_100],
    ]);
    expect([deadlines.size, clock.waiting]).toEqual([0, 0]);
  });

  it('come after a long sleep of the process, all at once', () => {
    let now = 1_000_000;
    const alarms: (() => void)[] = [];
    const sleepy: Clock = {
      now: () => now,
      after: (_, callback) => {
        alarms.push(callback);
        return () => undefined;
      },
    };
    const due: string[] = [];
    const deadlines = new Deadlines<string>(sleepy, (item) => due.push(item));
    deadlines.set('a', now + 100);
    deadlines.set('b', now + 60_000);
    deadlines.set('c', now + 3_600_000);
    now += 120_000;
    alarms.shift()?.();
    expect(due).toEqual(['a', 'b']);
    expect(deadlines.size).toBe(1);
  });

  it('come for each item once and on time, whatever is set and deleted', () => {
    const step = fc.record({
      kind: fc.constantFrom('set', 'set', 'delete', 'advance'),
      item: fc.constantFrom('a', 'b', 'c', '__proto__'),
      ms: fc.integer({ min: -200, max: 3_000 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { clock, deadlines, due } = make();
        const start = clock.now();
        const model = new Map<string, number>();
        const faults: string[] = [];
        for (const { kind, item, ms } of steps) {
          const now = clock.now() - start;
          if (kind === 'set') {
            deadlines.set(item, clock.now() + ms);
            model.set(item, Math.max(now, now + ms));
          } else if (kind === 'delete') {
            deadlines.delete(item);
            model.delete(item);
          } else {
            due.length = 0;
            clock.advance(Math.abs(ms));
            for (const [name, at] of due) {
              const late = at - (model.get(name) ?? NaN);
              if (!(late >= 0 && late <= 2 * GRAIN_MS))
                faults.push(`${name} late by ${String(late)}`);
              model.delete(name);
            }
            const overdueAt = clock.now() - start - 2 * GRAIN_MS;
            for (const [name, at] of model) if (at <= overdueAt) faults.push(`${name} never came`);
          }
          expect(faults).toEqual([]);
          expect(deadlines.size).toBe(model.size);
          expect(clock.waiting).toBe(model.size === 0 ? 0 : 1);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('a deadline of work', () => {
  const late = (): Error => new Error('late');

  it('passes on what the work gives in time, and leaves no timer', async () => {
    const clock = new ManualClock();
    await expect(withDeadline(clock, 100, Promise.resolve(7), late)).resolves.toBe(7);
    const failed = Promise.reject(new Error('failed'));
    await expect(withDeadline(clock, 100, failed, late)).rejects.toThrow('failed');
    expect(clock.waiting).toBe(0);
  });

  it('rejects at the limit, and drops what the work still gives', async () => {
    const clock = new ManualClock();
    for (const end of ['resolve', 'reject'] as const) {
      const work = deferred();
      const outcome = withDeadline(clock, 100, work.promise, late);
      clock.advance(99);
      await turn();
      clock.advance(1);
      await expect(outcome).rejects.toThrow('late');
      if (end === 'resolve') work.resolve();
      else work.reject(new Error('later still'));
      await turn();
    }
    expect(clock.waiting).toBe(0);
  });
});
