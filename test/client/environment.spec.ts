import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { runtimeEnvironment } from '../../lib/client/environment.js';

describe('the runtime', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
    jest.restoreAllMocks();
  });

  it('makes a new key of 128 bits each time', () => {
    const { randomKey } = runtimeEnvironment();
    expect(randomKey()).toMatch(/^[0-9a-f]{32}$/);
    expect(randomKey()).not.toBe(randomKey());
  });

  it('calls back after the delay, unless that is taken back', () => {
    const { after } = runtimeEnvironment();
    const heard: string[] = [];
    after(100, () => heard.push('a'));
    after(100, () => heard.push('b'))();
    jest.advanceTimersByTime(100);
    expect(heard).toEqual(['a']);
  });

  it('does not take a delay beyond what setTimeout can do for none', () => {
    const heard: string[] = [];
    runtimeEnvironment().after(Infinity, () => heard.push('a'));
    jest.advanceTimersByTime(1_000_000);
    expect(heard).toEqual([]);
  });

  it('has a clock that rises and a chance between 0 and 1', () => {
    const { now, date, random } = runtimeEnvironment();
    expect(now()).toBeLessThanOrEqual(now());
    expect(date()).toBeGreaterThan(now());
    expect(random()).toBeGreaterThanOrEqual(0);
    expect(random()).toBeLessThan(1);
  });

  it('does without online events where there are none', () => {
    const { onOnline } = runtimeEnvironment();
    const off = onOnline(() => undefined);
    expect(off).not.toThrow();
  });

  it('hears of the network where it can', () => {
    const target = new EventTarget();
    const names = ['addEventListener', 'removeEventListener'] as const;
    for (const name of names) Object.assign(globalThis, { [name]: target[name].bind(target) });
    try {
      const callback = jest.fn();
      const off = runtimeEnvironment().onOnline(callback);
      target.dispatchEvent(new Event('online'));
      off();
      target.dispatchEvent(new Event('online'));
      expect(callback).toHaveBeenCalledTimes(1);
    } finally {
      for (const name of names) Reflect.deleteProperty(globalThis, name);
    }
  });

  it('reports errors to reportError, or to the console where that is missing', () => {
    const log = jest.spyOn(console, 'error').mockImplementation(() => undefined);
    const error = new Error('x');
    runtimeEnvironment().reportError(error);
    expect(log.mock.calls).toEqual([[error]]);
    const report = jest.fn();
    Object.assign(globalThis, { reportError: report });
    try {
      runtimeEnvironment().reportError(error);
      expect(report.mock.calls).toEqual([[error]]);
    } finally {
      Reflect.deleteProperty(globalThis, 'reportError');
    }
  });
});
