import type { Position } from '../protocol/index.js';
import type { StoredPublication } from './ports/index.js';

/** A message as it is sent: encoded once, whoever gets it. */
export interface EncodedMessage {
  readonly publication: StoredPublication;
  readonly bytes: Uint8Array;
}

/** Bytes of messages that a tail holds. A reader that is further behind reads from history. */
export const TAIL_BYTES = 262_144;

/**
 * The latest live messages of a room, kept while somebody reads its history, so that the end of what
 * was read and the beginning of what comes live can be joined without a hole.
 */
export class Tail {
  readonly #messages: EncodedMessage[] = [];
  #bytes = 0;

  /** Bytes that are held. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds the message that follows the last one. */
  push(message: EncodedMessage): void {
    this.#messages.push(message);
    this.#bytes += message.bytes.byteLength;
    while (this.#bytes > TAIL_BYTES && this.#messages.length > 1) {
      this.#bytes -= this.#messages.shift()?.bytes.byteLength ?? 0;
    }
  }

  /** Forgets everything: nobody reads any more, or what comes next does not follow. */
  clear(): void {
    this.#messages.length = 0;
    this.#bytes = 0;
  }

  /**
   * The messages between two positions of one epoch, if every one of them is here.
   *
   * @returns `undefined` if a message after `from` is missing.
   */
  between(from: Position, to: Position): readonly EncodedMessage[] | undefined {
    const first = this.#messages[0]?.publication.position;
    if (first === undefined || from.epoch !== to.epoch || first.epoch !== to.epoch)
      return undefined;
    if (first.offset > from.offset + 1) return undefined;
    const found = this.#messages.slice(from.offset + 1 - first.offset);
    return found.length === to.offset - from.offset ? found : undefined;
  }
}
