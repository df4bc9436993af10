/** Decides in which order things happen that may happen in any order. */
export interface Scheduling {
  /** Runs a task some time later. */
  later(label: string, task: () => void): void;
}

/** Things that happen one after the other, each some time later, such as what travels over one link. */
export class Lane<T> {
  readonly #waiting: T[] = [];
  #isStopped = false;

  constructor(
    private readonly scheduling: Scheduling,
    private readonly label: string,
    private readonly arrive: (item: T) => void,
  ) {}

  /** What is on its way. */
  get waiting(): readonly T[] {
    return this.#waiting;
  }

  /** Sends something on its way. */
  push(item: T): void {
    if (this.#isStopped) return;
    this.#waiting.push(item);
    this.scheduling.later(this.label, () => {
      // Which task runs does not matter: the first that was sent is the first to arrive.
      const [first] = this.#waiting.splice(0, 1);
      if (first !== undefined) this.arrive(first);
    });
  }

  /** Loses what is on its way, and whatever is sent later. */
  stop(): void {
    this.#isStopped = true;
    this.#waiting.length = 0;
  }

  /** Loses the last thing that was sent. */
  loseLast(): T | undefined {
    return this.#waiting.pop();
  }
}
