import type { Position } from '../protocol/index.js';
import type { LocalRoom } from './local-room.js';
import type { Broker, HistoryPage } from './ports/index.js';

/** Most messages, and most bytes, that are read from history at once. */
export const PAGE = { limit: 128, bytes: 131_072 };

/** Pages that are asked for at once. More wait; there is no use in having the store hold the queue. */
const READS_AT_ONCE = 64;

/** What waits may be for: one page a connection, so that the number of connections bounds it. */
type Wake = () => void;

/**
 * Reads history for those who come back, as a store that has just come back itself can bear it: a few
 * pages at once, and a page that several clients of a room need is read once for all of them.
 */
export class HistoryReads {
  readonly #shared = new Map<string, Promise<HistoryPage>>();
  readonly #waiting: Wake[] = [];
  #running = 0;

  constructor(private readonly broker: Pick<Broker, 'history'>) {}

  /**
   * What a room's history holds behind a position; perhaps as it was a moment before the call, but
   * never older than the position.
   *
   * @throws what the broker's `history` rejects with.
   */
  read(room: LocalRoom, from: Position): Promise<HistoryPage> {
    // Another node may be ahead of this one. A read that began before does not know such a place.
    if (from.epoch !== room.position.epoch || from.offset > room.position.offset) {
      return this.#read(room.name, from);
    }
    // No room name has a space.
    const key = `${room.name} ${String(from.offset)} ${from.epoch}`;
    const known = this.#shared.get(key);
    if (known !== undefined) return known;
    const page = this.#read(room.name, from).finally(() => this.#shared.delete(key));
    this.#shared.set(key, page);
    return page;
  }

  async #read(room: string, { offset }: Position): Promise<HistoryPage> {
    if (this.#running >= READS_AT_ONCE) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else this.#running += 1;
    try {
      return await this.broker.history(room, { direction: 'forwards', from: offset, ...PAGE });
    } finally {
      // Whoever waits takes this place over.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}
