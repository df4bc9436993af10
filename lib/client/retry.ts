import { backoffDelay } from './backoff.js';
import type { Settings } from './options.js';

/** Asks again after a refusal, later with every one. */
export class Retry {
  readonly #settings: Settings;
  readonly #again: () => void;
  #refusals = 0;
  #stop: (() => void) | undefined;

  constructor(settings: Settings, again: () => void) {
    this.#settings = settings;
    this.#again = again;
  }

  /** Asks again after a delay. */
  postpone(atLeastMs = 0): void {
    const { environment, reconnect } = this.#settings;
    this.#refusals += 1;
    const delayMs = backoffDelay(this.#refusals, reconnect, environment.random());
    this.stop();
    this.#stop = environment.after(Math.max(delayMs, atLeastMs), this.#again);
  }

  /** Does not ask again. */
  stop(): void {
    this.#stop?.();
  }

  /** It was granted: the delays start from the shortest again. */
  succeeded(): void {
    this.stop();
    this.#refusals = 0;
  }
}
