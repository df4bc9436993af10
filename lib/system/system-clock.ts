import type { Clock } from '../core/index.js';

/** Node's timers count in 31 bits; a longer delay would be over at once. */
const LONGEST_TIMER_MS = 2_147_483_647;

/** The machine's clock. Wall time at the start, monotonic from then on: it never goes back. */
export class SystemClock implements Clock {
  readonly #origin = Date.now() - performance.now();

  now(): number {
    return Math.floor(this.#origin + performance.now());
  }

  after(delayMs: number, callback: () => void): () => void {
    let timer: NodeJS.Timeout;
    const wait = (leftMs: number): void => {
      const stepMs = Math.min(leftMs, LONGEST_TIMER_MS);
      timer = setTimeout(() => {
        if (leftMs > stepMs) wait(leftMs - stepMs);
        else callback();
      }, stepMs);
      // A timer of ours must not keep a process alive that has nothing else to do.
      timer.unref();
    };
    wait(delayMs);
    return () => {
      clearTimeout(timer);
    };
  }
}
