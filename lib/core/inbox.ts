/**
 * What a peer has sent and what has not been handled yet: strictly in order, bounded in bytes.
 *
 * Invariant: a task is started only after all tasks before it were started. A task that is marked
 * exclusive starts only when no other exclusive one runs; it holds back everything behind it.
 *
 * The bound works by back-pressure, not by loss: at the limit the peer's link is paused, at half of
 * it resumed.
 */

/** A unit of work that came from the wire. */
export interface InboxTask {
  /** Size on the wire. */
  readonly bytes: number;
  /** Whether it may not run beside another exclusive one. */
  readonly exclusive: boolean;
  /** Starts the work. The promise settles when the next task may take this one's place. Never rejects. */
  run(): Promise<void> | undefined;
}

/** Counted for each waiting frame besides its bytes: 10 000 empty frames are not free. */
export const FRAME_OVERHEAD_BYTES = 128;

/** Waiting work of one connection. */
export class Inbox {
  readonly #waiting: InboxTask[] = [];
  #head = 0;
  #bytes = 0;
  #running = 0;
  #exclusiveRunning = false;
  #pumping = false;
  #full = false;
  /** One for all requests. */
  #finish: (() => void) | undefined;

  /**
   * @param limitBytes bytes at which `pressure(true)` is called.
   * @param concurrency how many tasks may run at once; at least 1.
   * @param pressure called with `true` when the inbox is full, with `false` when it has room again.
   */
  constructor(
    private readonly limitBytes: number,
    private readonly concurrency: number,
    private readonly pressure: (full: boolean) => void,
  ) {}

  /** Bytes that wait, the overhead of each frame included. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Tasks that run now. */
  get running(): number {
    return this.#running;
  }

  /** Puts a task at the end and runs it as soon as its turn has come, perhaps at once. */
  push(task: InboxTask): void {
    this.#waiting.push(task);
    this.#bytes += task.bytes + FRAME_OVERHEAD_BYTES;
    this.#pump();
    this.#weigh();
  }

  /** Forgets everything that waits. Running tasks finish. */
  clear(): void {
    this.#waiting.length = 0;
    this.#head = 0;
    this.#bytes = 0;
  }

  /** Iterative on purpose: a task that finishes at once must not deepen the stack (GHSA-hpwf-8g29-85qm). */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    while (this.#running < this.concurrency) {
      const task = this.#waiting[this.#head];
      if (task === undefined || (task.exclusive && this.#exclusiveRunning)) break;
      this.#dequeue(task);
      this.#start(task);
    }
    this.#pumping = false;
  }

  #dequeue(task: InboxTask): void {
    this.#head += 1;
    this.#bytes -= task.bytes + FRAME_OVERHEAD_BYTES;
    if (this.#head === this.#waiting.length) {
      this.#waiting.length = 0;
      this.#head = 0;
    } else if (this.#head >= 1_024) {
      this.#waiting.splice(0, this.#head);
      this.#head = 0;
    }
  }

  #start(task: InboxTask): void {
    const done = task.run();
    if (done === undefined) return;
    this.#running += 1;
    if (task.exclusive) {
      this.#exclusiveRunning = true;
      void done.then(() => {
        this.#exclusiveRunning = false;
        this.#finished();
      });
    } else {
      this.#finish ??= () => {
        this.#finished();
      };
      void done.then(this.#finish);
    }
  }

  #finished(): void {
    this.#running -= 1;
    this.#pump();
    this.#weigh();
  }

  #weigh(): void {
    if (!this.#full && this.#bytes >= this.limitBytes) {
      this.#full = true;
      this.pressure(true);
    } else if (this.#full && this.#bytes <= this.limitBytes / 2) {
      this.#full = false;
      this.pressure(false);
    }
  }
}
