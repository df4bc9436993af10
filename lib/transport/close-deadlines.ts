import type { Clock } from '../core/index.js';

/** Links that are cut before everything else has its turn. */
const CUTS_PER_TURN = 4;

/** Milliseconds to the next turn. */
const TURN_MS = 1;

/**
 * Cuts the links that we closed and whose peers do not answer in time. A few a turn: those who read too
 * slowly for one busy room are closed in the same turn, and to let go of what waits for all of them at
 * once would hold everybody else up.
 */
export class CloseDeadlines<Link> {
  /** When each is due. All wait equally long, so that the first is due first. */
  readonly #due = new Map<Link, number>();
  #cancel: (() => void) | undefined;

  /**
   * @param timeoutMs how long a peer may take to answer, in milliseconds.
   * @param cut ends a link at once.
   */
  constructor(
    private readonly clock: Clock,
    private readonly timeoutMs: number,
    private readonly cut: (link: Link) => void,
  ) {}

  /** Links whose peers have not answered. */
  get size(): number {
    return this.#due.size;
  }

  /** A link was closed. A second call for the same one does nothing. */
  add(link: Link): void {
    if (this.#due.has(link)) return;
    this.#due.set(link, this.clock.now() + this.timeoutMs);
    this.#schedule(this.timeoutMs);
  }

  /** A link has ended. */
  forget(link: Link): void {
    if (!this.#due.delete(link) || this.#due.size > 0) return;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #schedule(delayMs: number): void {
    this.#cancel ??= this.clock.after(delayMs, () => {
      this.#cancel = undefined;
      this.#cutSome();
    });
  }

  #cutSome(): void {
    const now = this.clock.now();
    let cuts = 0;
    for (const [link, dueAt] of this.#due) {
      if (cuts === CUTS_PER_TURN || dueAt > now) {
        this.#schedule(Math.max(TURN_MS, dueAt - now));
        return;
      }
      cuts += 1;
      this.#due.delete(link);
      this.cut(link);
    }
  }
}
