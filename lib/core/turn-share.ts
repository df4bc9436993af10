import type { Clock } from './ports/index.js';

/** Items that may go out before the rest of the process gets its turn. */
const ITEMS_PER_TURN = 128;

/**
 * What a connection's streams may take of one turn of the event loop, all together. A generator that
 * always has its next item ready, for a peer that always reads, waits for nothing but microtasks:
 * without this nothing else in the process would ever run again.
 */
export class TurnShare {
  #items = 0;
  #pause: Promise<void> | undefined;
  #resume: () => void = () => undefined;

  constructor(private readonly clock: Clock) {}

  /** Takes one item's share. `undefined`: go on; otherwise a promise that settles in a later turn. */
  take(): Promise<void> | undefined {
    if (this.#pause !== undefined) return this.#pause;
    this.#items += 1;
    if (this.#items < ITEMS_PER_TURN) return undefined;
    this.#pause = new Promise((resolve) => {
      const cancel = this.clock.after(0, () => {
        this.#resume();
      });
      this.#resume = () => {
        cancel();
        this.#items = 0;
        this.#pause = undefined;
        resolve();
      };
    });
    return this.#pause;
  }

  /** Lets go whoever waits. */
  close(): void {
    this.#resume();
  }
}
