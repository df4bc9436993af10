import type { Clock } from '../core/index.js';

interface Alarm {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

/** Time that stands still until a test moves it. */
export class ManualClock implements Clock {
  readonly #alarms = new Set<Alarm>();
  #now: number;
  #order = 0;

  /** @param startMs what `now()` says at first. Default: a moment in 2026. */
  constructor(startMs = 1_767_225_600_000) {
    this.#now = startMs;
  }

  /** Callbacks that wait. */
  get waiting(): number {
    return this.#alarms.size;
  }

  now(): number {
    return this.#now;
  }

  after(delayMs: number, callback: () => void): () => void {
    this.#order += 1;
    const alarm = { at: this.#now + Math.max(0, delayMs), order: this.#order, callback };
    this.#alarms.add(alarm);
    return () => {
      this.#alarms.delete(alarm);
    };
  }

  /** Moves time on, and runs what falls due on the way, in order of time, then of call. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (let alarm = this.#next(end); alarm !== undefined; alarm = this.#next(end)) {
      this.#alarms.delete(alarm);
      this.#now = alarm.at;
      alarm.callback();
    }
    this.#now = end;
  }

  #next(end: number): Alarm | undefined {
    let first: Alarm | undefined;
    for (const alarm of this.#alarms) {
      if (alarm.at > end) continue;
      const isEarlier =
        first === undefined ||
        alarm.at < first.at ||
        (alarm.at === first.at && alarm.order < first.order);
      if (isEarlier) first = alarm;
    }
    return first;
  }
}
