import type { Gathering } from './gathering.js';

/** Bytes that are written in one turn to links with a lot to write. 1 MiB: a millisecond or two. */
const TURN_BYTES = 1_048_576;

/** Turns that it takes at most, however much there is: what is written is kept for so long. */
const MOST_TURNS = 8;

/**
 * The links of one turn that have a lot to write. They are written to over the next turns, a share in each,
 * so that nobody else waits until megabytes were copied for them.
 */
export class LateLinks {
  #links: readonly Gathering[] = [];
  #next = 0;
  /** Bytes of a turn. */
  #share = TURN_BYTES;

  /** Whether everything is written. */
  get isEmpty(): boolean {
    return this.#next === this.#links.length;
  }

  /**
   * Writes to these from now on, and to some of them at once. What is left of those before is written
   * first, and all of it: what comes faster than it is written must not be put off further and further.
   */
  begin(links: readonly Gathering[]): void {
    this.#write(Infinity);
    const bytes = links.reduce((sum, link) => sum + link.gatheredBytes, 0);
    this.#links = links;
    this.#next = 0;
    this.#share = Math.max(TURN_BYTES, bytes / MOST_TURNS);
    this.writeSome();
    for (const link of this.#links.slice(this.#next)) link.putOff();
  }

  /** Writes the share of one turn, one link at least. */
  writeSome(): void {
    this.#write(this.#share);
    if (!this.isEmpty) return;
    this.#links = [];
    this.#next = 0;
  }

  #write(share: number): void {
    let bytes = 0;
    for (; bytes < share; this.#next += 1) {
      const link = this.#links[this.#next];
      if (link === undefined) return;
      bytes += link.gatheredBytes;
      link.flush();
    }
  }
}
