/** How many milliseconds nothing may arrive before a measurement is given up. */
const STALL_MS = 15_000;

/** Counts what arrives, and tells when all of it is there. */
export class Tally {
  count = 0;
  #goal = Infinity;
  #reached = undefined;
  #failed = undefined;
  #failure = undefined;
  #timer = undefined;

  /** Counts arrivals. */
  add(count) {
    this.count += count;
    if (this.count >= this.#goal) this.#settle();
  }

  /** Ends whoever waits, now and from now on. */
  fail(error) {
    this.#failure ??= error;
    this.#failed?.(this.#failure);
  }

  /**
   * Resolves when the count is `goal`.
   *
   * @throws Error if nothing arrives for too long, or a connection breaks.
   */
  async until(goal) {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.count >= goal) return;
    await new Promise((resolve, reject) => {
      this.#goal = goal;
      this.#reached = resolve;
      this.#failed = reject;
      this.#watch(goal, this.count);
    });
  }

  #watch(goal, before) {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#goal === Infinity) return;
      if (this.#goal === goal && this.count === before) {
        this.fail(new Error(`stalled at ${String(this.count)} of ${String(goal)}`));
      } else this.#watch(this.#goal, this.count);
    }, STALL_MS);
    // A measurement that is over does not wait for this.
    this.#timer.unref();
  }

  #settle() {
    this.#goal = Infinity;
    this.#reached?.();
  }
}
