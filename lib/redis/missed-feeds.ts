import type { Observer } from '../core/index.js';
import type { Position } from '../protocol/index.js';
import type { StreamKeys } from './redis-keys.js';
import type { CheckedFeed } from './top-check.js';

/** Rooms that are asked about at once. */
const CHUNK = 256;

/** What it takes to look at rooms. */
export interface MissedFeedsSetup {
  /** The position of a room in the store; in another epoch if the store may have lost something. */
  top(keys: StreamKeys): Promise<Position>;
  readonly observer: Pick<Observer, 'failed'>;
}

/**
 * Feeds whose channels may have lost something, because the connection that listens was made anew. That
 * concerns all rooms of a node at once and few have missed anything: so each is asked for its position
 * only, some at a time, and history is read for those that are elsewhere. Redis and this process go on
 * with everything else meanwhile.
 */
export class MissedFeeds {
  readonly #waiting = new Set<CheckedFeed>();
  #isRunning = false;
  #isClosed = false;

  constructor(private readonly setup: MissedFeedsSetup) {}

  /** Has a feed looked at; it is open. */
  add(entry: CheckedFeed): void {
    if (this.#isClosed) return;
    this.#waiting.add(entry);
    if (this.#isRunning) return;
    this.#isRunning = true;
    void this.#run();
  }

  /** Looks at nothing any more. */
  close(): void {
    this.#isClosed = true;
    this.#waiting.clear();
  }

  async #run(): Promise<void> {
    while (this.#waiting.size > 0) {
      // Most are confirmed together: those of a command within one turn.
      await new Promise((resolve) => setImmediate(resolve));
      await Promise.all(this.#take().map((entry) => this.#look(entry)));
    }
    this.#isRunning = false;
  }

  #take(): CheckedFeed[] {
    const taken: CheckedFeed[] = [];
    for (const entry of this.#waiting) {
      if (taken.length === CHUNK) break;
      taken.push(entry);
      this.#waiting.delete(entry);
    }
    return taken;
  }

  /** Never rejects: what fails is found by the next check of tops. */
  async #look({ keys, feed }: CheckedFeed): Promise<void> {
    try {
      const { epoch, offset } = await this.setup.top(keys);
      const isThere = feed.position?.epoch === epoch && feed.position.offset === offset;
      if (!isThere && !this.#isClosed) await feed.heal();
    } catch (error) {
      this.setup.observer.failed('reading what a room’s channel has not brought', error);
    }
  }
}
