/** Lets one task run at a time, in the order in which they came. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();
  #tasks = 0;

  /** Whether nothing runs or waits: the next task does not have to. */
  get isFree(): boolean {
    return this.#tasks === 0;
  }

  /** Runs a task when those before it have ended, however they did. */
  run<T>(task: () => Promise<T>): Promise<T> {
    this.#tasks += 1;
    const result = this.#last.then(task).finally(() => {
      this.#tasks -= 1;
    });
    this.#last = result.catch(() => undefined);
    return result;
  }
}
