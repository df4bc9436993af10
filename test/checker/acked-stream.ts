import { countUpTo } from './collections.js';
import type { PublishOk } from './history.js';

/** The acknowledged messages of one room and epoch, by offset; a repeated acknowledgement counts once. */
export class AckedStream {
  readonly #acks: readonly PublishOk[];
  readonly #offsets: readonly number[];

  constructor(acks: readonly PublishOk[]) {
    const distinct = new Map(acks.map((ack) => [`${ack.offset} ${ack.id}`, ack]));
    this.#acks = [...distinct.values()].sort((left, right) => left.offset - right.offset);
    this.#offsets = this.#acks.map(({ offset }) => offset);
  }

  /** How many lie after one offset, up to and including another. */
  count(after: number, upTo = Infinity): number {
    return Math.max(0, countUpTo(this.#offsets, upTo) - countUpTo(this.#offsets, after));
  }

  /** Those after one offset, up to and including another, in order. */
  *between(after: number, upTo: number): Generator<PublishOk> {
    for (let at = countUpTo(this.#offsets, after); at < this.#acks.length; at += 1) {
      const ack = this.#acks[at]!;
      if (ack.offset > upTo) return;
      yield ack;
    }
  }
}
