import type { Clock } from '../../lib/core/index.js';
import type { ManualClock } from '../../lib/testing/manual-clock.js';

/**
 * Time as one process of several sees it. Cut, nothing of that process runs, as after SIGSTOP; what fell
 * due meanwhile runs when it goes on. What is never restored is dead.
 */
export class CutClock implements Clock {
  readonly #missed: (() => void)[] = [];
  #isCut = false;

  constructor(private readonly common: ManualClock) {}

  now(): number {
    return this.common.now();
  }

  after(delayMs: number, callback: () => void): () => void {
    let isCancelled = false;
    const run = (): void => {
      if (!isCancelled) callback();
    };
    const cancel = this.common.after(delayMs, () => {
      if (this.#isCut) this.#missed.push(run);
      else run();
    });
    return () => {
      isCancelled = true;
      cancel();
    };
  }

  /** The process stops. */
  cut(): void {
    this.#isCut = true;
  }

  /** The process goes on. */
  restore(): void {
    this.#isCut = false;
    for (const run of this.#missed.splice(0)) run();
  }
}
