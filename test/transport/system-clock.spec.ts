import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';

import { SystemClock } from '../../lib/transport/index.js';

const DAY_MS = 86_400_000;

describe('the system clock', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });

  afterEach(() => {
    jest.useRealTimers();
  });

  it('C2 waits for longer than one timer of Node can, to the end', () => {
    const clock = new SystemClock();
    let calls = 0;
    clock.after(60 * DAY_MS, () => {
      calls += 1;
    });
    jest.advanceTimersByTime(60 * DAY_MS - 1);
    expect(calls).toBe(0);
    jest.advanceTimersByTime(1);
    expect(calls).toBe(1);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('C3 cancels a wait that is longer than one timer, at any time', () => {
    const clock = new SystemClock();
    let calls = 0;
    const cancel = clock.after(60 * DAY_MS, () => {
      calls += 1;
    });
    jest.advanceTimersByTime(40 * DAY_MS);
    cancel();
    jest.advanceTimersByTime(40 * DAY_MS);
    expect([calls, jest.getTimerCount()]).toEqual([0, 0]);
  });
});
