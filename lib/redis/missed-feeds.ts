import type { Clock, Observer } from '../core/index.js';
import type { Position } from '../protocol/index.js';
import type { StreamKeys } from './redis-keys.js';
import type { CheckedFeed } from './top-check.js';

/**
 * Rooms that are asked about at once. What the node publishes meanwhile waits for as many, and a history
 * costs a hundred times what a position costs.
 */
const CHUNK = 32;

/** What it takes to look at rooms. */
export interface MissedFeedsSetup {
  /** The position of a room in the store; in another epoch if the store may have lost something. */
  top(keys: StreamKeys): Promise<Position>;
  readonly clock: Pick<Clock, 'now'>;
  readonly observer: Pick<Observer, 'failed'>;
}

/**
 * Feeds whose channels may have lost something: because the connection that listens was made anew, or a
 * check says so. That may concern all rooms of a node at once, of which few have missed anything, or all:
 * so each is asked for its position only, some at a time, and history is read for those that are
 * elsewhere. Redis and this process go on with everything else meanwhile.
 */
export class MissedFeeds {
  readonly #waiting = new Set<CheckedFeed>();
  #running: Promise<void> | undefined;
  #isClosed = false;

  constructor(private readonly setup: MissedFeedsSetup) {}

  /** Has a feed looked at; it is open. */
  add(entry: CheckedFeed): void {
    if (this.#isClosed) return;
    this.#waiting.add(entry);
    this.#running ??= this.#run();
  }

  /** Resolves when every feed that was added has been looked at. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
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
      const failures = await Promise.all(this.#take().map((entry) => this.#look(entry)));
      const failure = failures.find(({ error }) => error !== undefined);
      // One of them says it: a store that refuses does so for every room, and again when it is asked again.
      if (failure !== undefined) this.#failed(failure.error);
    }
    this.#running = undefined;
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

  /** Never rejects: what fails is looked at again, or found by the next check of tops. */
  async #look(entry: CheckedFeed): Promise<{ readonly error?: unknown }> {
    const { keys, feed } = entry;
    const beganAt = this.setup.clock.now();
    try {
      const { epoch, offset } = await this.setup.top(keys);
      // One that is reading may be there and not have told what it has lost.
      const isThere =
        !feed.isHealing && feed.position?.epoch === epoch && feed.position.offset === offset;
      const isWhole = isThere || this.#isClosed || (await feed.heal());
      entry.lookedAt = isWhole ? beganAt : 0;
      return {};
    } catch (error) {
      entry.lookedAt = 0;
      return { error };
    }
  }

  #failed(error: unknown): void {
    this.setup.observer.failed('reading what a room’s channel has not brought', error);
  }
}
