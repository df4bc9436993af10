/**
 * What a peer has sent and what has not been handled yet: strictly in order, bounded in bytes.
 *
 * Invariant: a task is started only after all tasks before it were started. A task that is marked
 * exclusive starts only when no other exclusive one runs; it holds back everything behind it.
 *
 * Tasks that are there together and wait for nothing would keep the process to themselves: after a while
 * the rest waits for the next turn of the event loop (fair turns).
 *
 * The bound works by back-pressure, not by loss: at the limit the peer's link is paused, at half of
 * it resumed.
 */
import type { Clock } from './ports/index.js';

/** A unit of work that came from the wire. */
export interface InboxTask {
  /** Size on the wire. */
  readonly bytes: number;
  /** Whether it may not run beside another exclusive one. */
  readonly exclusive: boolean;
  /** Starts the work. The promise settles when the next task may take this one's place. Never rejects. */
  run(): Promise<void> | undefined;
}

/**
 * Of tasks that waited behind others, so many may start one after the other until the clock is asked for
 * the next turn; fewer are no burden to anybody.
 */
const TASKS_BEFORE_TURN = 32;

/** And so many, or as many as begin within so many milliseconds, before that turn has to come. */
const TASKS_PER_TURN = 256;
const TURN_MS = 10;

/** Counted for each waiting frame besides its bytes: 10 000 empty frames are not free. */
export const FRAME_OVERHEAD_BYTES = 128;

/** Waiting work of one connection. */
export class Inbox {
  readonly #waiting: InboxTask[] = [];
  #head = 0;
  #bytes = 0;
  #running = 0;
  #exclusiveRunning = false;
  /** Exclusive tasks that wait or run. */
  #exclusive = 0;
  #idle: (() => void)[] | undefined;
  #pumping = false;
  #full = false;
  /** Tasks that were started since nothing waited, or since a turn of the event loop began. */
  #started = 0;
  /** Calls off the next turn, if it was asked for. */
  #cancelTurn: (() => void) | undefined;
  #turnAskedAt = 0;
  #mustWait = false;
  /** One for all requests. */
  #finish: (() => void) | undefined;

  /**
   * @param limitBytes bytes at which `pressure(true)` is called.
   * @param concurrency how many tasks may run at once; at least 1.
   * @param pressure called with `true` when the inbox is full, with `false` when it has room again.
   * @param clock tells when the next turn of the event loop has begun.
   */
  constructor(
    private readonly limitBytes: number,
    private readonly concurrency: number,
    private readonly pressure: (full: boolean) => void,
    private readonly clock: Clock,
  ) {}

  /** Bytes that wait, the overhead of each frame included. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Tasks that run now. */
  get running(): number {
    return this.#running;
  }

  /** Exclusive tasks that have not ended. */
  get exclusive(): number {
    return this.#exclusive;
  }

  /** Settles when no exclusive task runs or waits. */
  idle(): Promise<void> {
    if (this.#exclusive === 0) return Promise.resolve();
    return new Promise((resolve) => (this.#idle ??= []).push(resolve));
  }

  /** Puts a task at the end and runs it as soon as its turn has come, perhaps at once. */
  push(task: InboxTask): void {
    // Nobody else's turn was taken: this is the first task of a new run.
    if (this.#running === 0 && this.#waiting.length === 0) this.#started = 0;
    this.#waiting.push(task);
    if (task.exclusive) this.#exclusive += 1;
    this.#bytes += task.bytes + FRAME_OVERHEAD_BYTES;
    this.#pump();
    this.#weigh();
  }

  /** Forgets everything that waits. Running tasks finish, and are waited for no longer. */
  clear(): void {
    this.#exclusive = 0;
    this.#settleIdle();
    this.#waiting.length = 0;
    this.#head = 0;
    this.#bytes = 0;
    this.#cancelTurn?.();
    this.#cancelTurn = undefined;
    this.#mustWait = false;
  }

  /** Iterative on purpose: a task that finishes at once must not deepen the stack (GHSA-hpwf-8g29-85qm). */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    while (this.#running < this.concurrency && !this.#mustWait) {
      const task = this.#waiting[this.#head];
      if (task === undefined || (task.exclusive && this.#exclusiveRunning)) break;
      this.#started += 1;
      if (this.#started > TASKS_BEFORE_TURN && this.#hasHadItsTurn()) break;
      this.#dequeue(task);
      this.#start(task);
    }
    this.#pumping = false;
  }

  /** Asks for the next turn if that was not done; says whether it has to be waited for. */
  #hasHadItsTurn(): boolean {
    if (this.#cancelTurn === undefined) {
      this.#turnAskedAt = this.clock.now();
      this.#cancelTurn = this.clock.after(0, () => {
        this.#beginTurn();
      });
    }
    const hasHadTime = this.clock.now() - this.#turnAskedAt >= TURN_MS;
    this.#mustWait = hasHadTime || this.#started > TASKS_BEFORE_TURN + TASKS_PER_TURN;
    return this.#mustWait;
  }

  #beginTurn(): void {
    this.#cancelTurn = undefined;
    this.#started = 0;
    if (!this.#mustWait) return;
    this.#mustWait = false;
    this.#pump();
    this.#weigh();
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
    if (done === undefined) {
      if (task.exclusive) this.#endExclusive();
      return;
    }
    this.#running += 1;
    if (task.exclusive) {
      this.#exclusiveRunning = true;
      void done.then(() => {
        this.#exclusiveRunning = false;
        this.#endExclusive();
        this.#finished();
      });
    } else {
      this.#finish ??= () => {
        this.#finished();
      };
      void done.then(this.#finish);
    }
  }

  #endExclusive(): void {
    // One that was running when everything was forgotten does not count.
    if (this.#exclusive === 0) return;
    this.#exclusive -= 1;
    if (this.#exclusive === 0) this.#settleIdle();
  }

  #settleIdle(): void {
    const waiting = this.#idle;
    this.#idle = undefined;
    for (const resolve of waiting ?? []) resolve();
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
