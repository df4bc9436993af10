/** A volatile message on its way to one peer. */
export interface VolatileMessage {
  readonly room: string;
  /** The encoded frame. */
  readonly bytes: Uint8Array;
  /** Names what it is the latest of: while it waits, a newer one with this key takes its place. */
  readonly latest: string | undefined;
}

/** Keys whose latest message may wait for one peer. */
export const MAX_LATEST_KEYS = 1_000;

/**
 * Volatile messages for a peer that is behind. The latest one of each room and key waits; all others are
 * skipped and counted, those that a newer one replaced among them. Bounded in bytes and in keys.
 */
export class VolatileBacklog {
  /** By room and key. No room's name has a space. */
  readonly #latest = new Map<string, VolatileMessage>();
  readonly #skipped = new Map<string, number>();
  #bytes = 0;

  /** @param limitBytes most bytes that may wait. */
  constructor(private readonly limitBytes: number) {}

  /** Whether there is nothing to tell and nothing to send. */
  get isEmpty(): boolean {
    return this.#latest.size === 0 && this.#skipped.size === 0;
  }

  /** Keeps a message or skips it. Returns how many were skipped by that, itself and one that it replaces. */
  put(message: VolatileMessage): number {
    const { room, latest, bytes } = message;
    if (latest === undefined) return this.#skip(room);
    const key = `${room} ${latest}`;
    const before = this.#latest.get(key);
    if (before === undefined && this.#latest.size >= MAX_LATEST_KEYS) return this.#skip(room);
    this.#forget(key, before);
    const hasRoom = this.#bytes + bytes.byteLength <= this.limitBytes;
    const replaced = before === undefined ? 0 : this.#skip(room);
    if (!hasRoom) return replaced + this.#skip(room);
    this.#latest.set(key, message);
    this.#bytes += bytes.byteLength;
    return replaced;
  }

  /** A room of which messages were skipped, and how many; `undefined`: of none. It is forgotten. */
  takeSkipped(): { readonly room: string; readonly count: number } | undefined {
    for (const [room, count] of this.#skipped) {
      this.#skipped.delete(room);
      return { room, count };
    }
    return undefined;
  }

  /** The message that waits longest; `undefined`: none does. It is forgotten. */
  takeLatest(): VolatileMessage | undefined {
    for (const [key, message] of this.#latest) {
      this.#forget(key, message);
      return message;
    }
    return undefined;
  }

  /** Forgets what is of this room. */
  leave(room: string): void {
    this.#skipped.delete(room);
    for (const [key, message] of this.#latest) {
      if (message.room === room) this.#forget(key, message);
    }
  }

  #skip(room: string): number {
    this.#skipped.set(room, (this.#skipped.get(room) ?? 0) + 1);
    return 1;
  }

  /** A key that comes again comes last: what it says is newer. */
  #forget(key: string, message: VolatileMessage | undefined): void {
    if (message === undefined) return;
    this.#latest.delete(key);
    this.#bytes -= message.bytes.byteLength;
  }
}
