import type { Clock } from './ports/index.js';
import type { PresenceEntry } from './presence-entry.js';

/**
 * Milliseconds until entries that are out of step with the store are put right. After a freeze of the
 * process this is the time in which it hears which of its connections have ended meanwhile.
 */
const RETRY_MS = 1_000;

/** Entries that are put right in one turn: after an outage there may be as many as members. */
const A_TURN = 500;

/** Entries that are out of step with the store, until it is asked again. One timer, however many. */
export class PresenceRetries {
  /** Those whose moment has come. */
  readonly #due = new Set<PresenceEntry>();
  /** Those who wait for theirs. */
  readonly #later = new Set<PresenceEntry>();
  #cancel: (() => void) | undefined;

  constructor(private readonly clock: Clock) {}

  /** Has an entry put right later. */
  add(entry: PresenceEntry): void {
    this.#later.add(entry);
    this.#schedule();
  }

  /** Leaves all as it is. */
  close(): void {
    this.#due.clear();
    this.#later.clear();
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #schedule(): void {
    if (this.#due.size + this.#later.size === 0) return;
    this.#cancel ??= this.clock.after(this.#due.size > 0 ? 0 : RETRY_MS, () => {
      this.#cancel = undefined;
      this.#putRight();
    });
  }

  #putRight(): void {
    if (this.#due.size === 0) {
      for (const entry of this.#later) this.#due.add(entry);
      this.#later.clear();
    }
    for (const entry of [...this.#due].slice(0, A_TURN)) {
      this.#due.delete(entry);
      entry.sync();
    }
    this.#schedule();
  }
}
