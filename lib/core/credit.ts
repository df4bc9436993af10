import { MAX_CREDIT } from '../protocol/index.js';

/** Most items that a client may have allowed and not got yet: a hundred of the largest credits. */
const MAX_OUTSTANDING = MAX_CREDIT * 100;

/** How many items of a stream its client still takes. */
export class Credit {
  #left: number;
  #waiters: (() => void)[] = [];

  /** @param items how many it takes at first. Absent: any number, for ever. */
  constructor(items = Infinity) {
    this.#left = items;
  }

  /** Items that it still takes. */
  get left(): number {
    return this.#left;
  }

  /**
   * It takes that many more. Beyond a million that are allowed and not sent the rest is cut off: a sum
   * that only grows would stop to be a bound, and to be exact.
   */
  add(items: number): void {
    if (this.#left < MAX_OUTSTANDING) this.#left = Math.min(this.#left + items, MAX_OUTSTANDING);
    this.#wake();
  }

  /** One item is sent. */
  spend(): void {
    this.#left -= 1;
  }

  /** `undefined` while it takes one more item; otherwise a promise that settles when it may. */
  ready(): Promise<void> | undefined {
    if (this.#left > 0) return undefined;
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** Lets go whoever waits. */
  close(): void {
    this.#wake();
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const resolve of waiters) resolve();
  }
}
