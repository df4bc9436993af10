import type { HistoryPage, HistoryPolicy, HistoryQuery, StoredPublication } from '../core/index.js';
import type { Position } from '../protocol/index.js';

/** Counted for each held message besides its payload: id, event, position and what holds them. */
export const MESSAGE_OVERHEAD_BYTES = 256;

/** What a message counts in a history's bytes. */
export function sizeOf({ payload }: StoredPublication): number {
  return MESSAGE_OVERHEAD_BYTES + (payload === undefined ? 0 : Buffer.byteLength(payload));
}

interface Held {
  /**
   * Absent: it was dropped. V8 makes objects that tend to live long where only full collections look; such
   * a one would keep its message until then, though nobody has it any more, and a busy room's history
   * would cost a full collection a second.
   */
  message: StoredPublication | undefined;
  readonly bytes: number;
  /** When it was appended. */
  readonly at: number;
}

/**
 * One room's position and latest messages. Invariant: what is held is an unbroken run that ends at
 * the top, so an offset's place in the list is found by subtraction.
 */
export class RoomStream {
  readonly #held: (Held | undefined)[] = [];
  /** Place of the oldest message in {@link #held}; the places before it are empty. */
  #head = 0;
  #bytes = 0;
  /** Of the policy of the last message: it holds for those before as well. */
  #ttlMs = 0;
  #offset = 0;

  constructor(readonly epoch: string) {}

  /** The position of the last message. */
  get top(): Position {
    return { epoch: this.epoch, offset: this.#offset };
  }

  /** Bytes of what is held. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Appends a message, and keeps of the room what the policy allows. */
  append(
    publication: Omit<StoredPublication, 'position'>,
    policy: HistoryPolicy,
    now: number,
  ): StoredPublication {
    this.#offset += 1;
    this.#ttlMs = policy.ttlMs;
    const message = { ...publication, position: this.top };
    const bytes = sizeOf(message);
    this.#held.push({ message, bytes, at: now });
    this.#bytes += bytes;
    while (this.#count > policy.size || (this.#bytes > policy.bytes && this.#count > 0)) {
      this.#dropOldest();
    }
    this.expire(now);
    return message;
  }

  /** Drops what is past its time. */
  expire(now: number): void {
    for (let oldest = this.#held[this.#head]; oldest; oldest = this.#held[this.#head]) {
      if (now - oldest.at < this.#ttlMs) return;
      this.#dropOldest();
    }
  }

  /** Drops everything but the position. */
  drop(): void {
    for (const held of this.#held) if (held !== undefined) held.message = undefined;
    this.#held.length = 0;
    this.#head = 0;
    this.#bytes = 0;
  }

  /** A page of what is held. */
  page({ direction, from, limit, bytes }: HistoryQuery): HistoryPage {
    const oldest = this.#offset - this.#count + 1;
    const step = direction === 'forwards' ? 1 : -1;
    const end = direction === 'forwards' ? oldest : this.#offset;
    const next = from === undefined ? end : from + step;
    const first = direction === 'forwards' ? Math.max(next, oldest) : Math.min(next, this.#offset);
    const messages: StoredPublication[] = [];
    let total = 0;
    for (let offset = first; messages.length < limit; offset += step) {
      const held = offset < oldest ? undefined : this.#held[this.#head + offset - oldest];
      if (held?.message === undefined) break;
      total += held.bytes;
      if (total > bytes && messages.length > 0) break;
      messages.push(held.message);
    }
    return { top: this.top, oldest, messages };
  }

  get #count(): number {
    return this.#held.length - this.#head;
  }

  #dropOldest(): void {
    const oldest = this.#held[this.#head];
    if (oldest === undefined) return;
    this.#bytes -= oldest.bytes;
    // Let go of at once: what the list is cut by later may be a room's largest messages.
    this.#held[this.#head] = undefined;
    oldest.message = undefined;
    this.#head += 1;
    if (this.#head * 2 < this.#held.length || this.#head < 32) return;
    this.#held.splice(0, this.#head);
    this.#head = 0;
  }
}
