import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { runtimeEnvironment } from '../../lib/client/environment.js';

interface PageEvent {
  readonly persisted?: boolean;
  readonly hidden?: boolean;
}

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

  it('does without events where there are none', () => {
    const { onChange } = runtimeEnvironment();
    const off = onChange(() => undefined);
    expect(off).not.toThrow();
  });

  describe('of a page', () => {
    const page = new EventTarget();
    const document = { hidden: false };

    beforeEach(() => {
      const addEventListener = page.addEventListener.bind(page);
      const removeEventListener = page.removeEventListener.bind(page);
      Object.assign(globalThis, { addEventListener, removeEventListener, document });
    });
    afterEach(() => {
      for (const name of ['addEventListener', 'removeEventListener', 'document'])
        Reflect.deleteProperty(globalThis, name);
    });

    it.each([
      ['online', {}, 'wake'],
      ['resume', {}, 'wake'],
      ['pageshow', { persisted: true }, 'wake'],
      ['pageshow', { persisted: false }, undefined],
      ['visibilitychange', { hidden: false }, 'wake'],
      ['visibilitychange', { hidden: true }, undefined],
      ['offline', {}, 'offline'],
      ['pagehide', { persisted: false }, 'hide'],
    ])(
      'tells what %s with %j means',
      (name, { persisted, hidden = false }: PageEvent, expected) => {
        document.hidden = hidden;
        const callback = jest.fn();
        const off = runtimeEnvironment().onChange(callback);
        page.dispatchEvent(Object.assign(new Event(name), { persisted }));
        off();
        page.dispatchEvent(Object.assign(new Event(name), { persisted }));
        expect(callback.mock.calls).toEqual(expected === undefined ? [] : [[expected]]);
      },
    );
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
