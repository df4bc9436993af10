// @ts-check
/** @import { Position } from 'nestjs-realtime/client' */

/**
 * Judges a room's messages by their positions alone, whatever the client says of them: each has the
 * offset after the one before. It begins where the subscription did.
 */
export class PositionCounter {
  received = 0;
  /** Offsets that were jumped over. */
  missing = 0;
  /** Offsets that came again, or after a later one. */
  doubled = 0;
  /** @type {Position | undefined} */
  #last;

  /** @param {Position} position where a subscription begins; without effect if something came before. */
  begin(position) {
    this.#last ??= position;
  }

  /** @param {Position} position of a message. */
  take(position) {
    const { epoch, offset } = position;
    // In another epoch offsets begin again; what the one before still had is not known.
    const before = this.#last?.epoch === epoch ? this.#last.offset : offset - 1;
    this.received += 1;
    if (offset <= before) {
      this.doubled += 1;
      return;
    }
    this.missing += offset - before - 1;
    this.#last = position;
  }
}
