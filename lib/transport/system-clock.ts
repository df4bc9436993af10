import type { Clock } from '../core/index.js';

/** The machine's clock. Wall time at the start, monotonic from then on: it never goes back. */
export class SystemClock implements Clock {
  readonly #origin = Date.now() - performance.now();

  now(): number {
    return Math.floor(this.#origin + performance.now());
  }

  after(delayMs: number, callback: () => void): () => void {
    // `unref`: a timer of ours must not keep a process alive that has nothing else to do.
    const timer = setTimeout(callback, delayMs).unref();
    return () => {
      clearTimeout(timer);
    };
  }
}
