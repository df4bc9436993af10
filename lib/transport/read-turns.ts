/** A link of which messages were read that nobody has seen yet. */
export interface Unread {
  /** Hands out the next of them. */
  readMore(): void;
}

/** Calls back in the next turn of the event loop. */
export type InNextTurn = (callback: () => void) => void;

/**
 * Gives every link its share of a turn: one whose peer sent many small messages at once hands out some
 * of them, then lets the others have theirs. A single read holds up to 10 000 messages.
 */
export class ReadTurns {
  #links: Unread[] = [];

  constructor(private readonly inNextTurn: InNextTurn = setImmediate) {}

  /** Has a link go on in the next turn. */
  add(link: Unread): void {
    if (this.#links.push(link) > 1) return;
    this.inNextTurn(() => {
      const links = this.#links;
      this.#links = [];
      for (const each of links) each.readMore();
    });
  }
}
