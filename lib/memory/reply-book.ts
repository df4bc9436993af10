import { type Clock, type Operation, type RepeatedReply, type StoredReply } from '../core/index.js';
import { OperationWindow, type OperationWindowOptions } from './operation-window.js';

/** How much is kept of the replies of requests that may be repeated. */
export interface ReplyBookOptions {
  /** How long operations are remembered, and how many of them. */
  readonly operations?: OperationWindowOptions;
  /** Bytes of the largest reply that is kept. Default 64 KiB. Of a larger one is only known that it was given. */
  readonly maxReplyBytes?: number;
  /** Bytes of all replies together. Default 16 MiB. Beyond it the same holds for the oldest ones. */
  readonly maxBytes?: number;
  /** Milliseconds from the first claim until those that wait are let go. Default 60 000. At least 1. */
  readonly leaseMs?: number;
}

const OMITTED: RepeatedReply = { isOmitted: true };

/** What is known of one operation. */
export interface ReplyEntry {
  readonly operation: Operation;
  readonly claimedAt: number;
  /** Called when it has ended, or the lease is over. */
  readonly waiting: Set<(reply: RepeatedReply | undefined) => void>;
  cancelLease: (() => void) | undefined;
  reply: RepeatedReply | undefined;
  bytes: number;
  settledAt: number;
}

/**
 * Which operations were begun and how they ended, for every {@link MemoryReplyStore} that shares it.
 * Bounded in time and number by the window, and in bytes.
 */
export class ReplyBook {
  readonly #window: OperationWindow<ReplyEntry>;
  /** Entries whose replies are kept, in the order in which they ended. */
  readonly #kept = new Set<ReplyEntry>();
  #bytes = 0;
  readonly #windowMs: number;
  readonly #maxReplyBytes: number;
  readonly #maxBytes: number;
  readonly #leaseMs: number;

  constructor(
    private readonly clock: Clock,
    options: ReplyBookOptions = {},
  ) {
    this.#window = new OperationWindow(clock, options.operations);
    this.#windowMs = options.operations?.windowMs ?? 120_000;
    this.#maxReplyBytes = options.maxReplyBytes ?? 65_536;
    this.#maxBytes = options.maxBytes ?? 16_777_216;
    this.#leaseMs = options.leaseMs ?? 60_000;
  }

  /** Operations that are remembered now. */
  get size(): number {
    return this.#window.size;
  }

  /** Bytes of the replies that are kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The operation's entry; `isFirst` if it was made just now. */
  claim(operation: Operation): { readonly entry: ReplyEntry; readonly isFirst: boolean } {
    const known = this.#window.get(operation);
    if (known !== undefined) {
      // As long as somebody asks for it, a run that takes its time is not forgotten.
      if (known.reply === undefined) this.#window.set(operation, known);
      return { entry: known, isFirst: false };
    }
    const entry: ReplyEntry = {
      operation,
      claimedAt: this.clock.now(),
      waiting: new Set(),
      cancelLease: undefined,
      reply: undefined,
      bytes: 0,
      settledAt: 0,
    };
    this.#window.set(operation, entry);
    return { entry, isFirst: true };
  }

  /** How it ended. The timer of the lease runs only while somebody waits. */
  wait(entry: ReplyEntry, resolve: (reply: RepeatedReply | undefined) => void): void {
    const leftMs = entry.claimedAt + this.#leaseMs - this.clock.now();
    if (entry.reply !== undefined || leftMs <= 0) {
      resolve(entry.reply);
      return;
    }
    entry.waiting.add(resolve);
    entry.cancelLease ??= this.clock.after(leftMs, () => {
      release(entry, undefined);
    });
  }

  /** Waits no longer. */
  forgo(entry: ReplyEntry, resolve: (reply: RepeatedReply | undefined) => void): void {
    if (entry.waiting.delete(resolve) && entry.waiting.size === 0) release(entry, undefined);
  }

  /** Remembers how it ended, and tells whoever waits. */
  settle(entry: ReplyEntry, reply: StoredReply): void {
    release(entry, reply);
    const known = this.#window.get(entry.operation);
    // Forgotten meanwhile, and begun by another since: that one's reply counts.
    if (known !== undefined && known !== entry) return;
    this.#keep(entry, reply);
    this.#window.set(entry.operation, entry);
  }

  /** Forgets that it was begun. */
  abandon(entry: ReplyEntry): void {
    if (this.#window.get(entry.operation) === entry) this.#window.delete(entry.operation);
    release(entry, undefined);
  }

  #keep(entry: ReplyEntry, reply: StoredReply): void {
    entry.settledAt = this.clock.now();
    entry.bytes = sizeOf(reply);
    if (entry.bytes > this.#maxReplyBytes) {
      entry.reply = OMITTED;
      return;
    }
    entry.reply = reply;
    this.#kept.add(entry);
    this.#bytes += entry.bytes;
    this.#drop();
  }

  /** Drops replies whose time is over, and the oldest beyond the bound. */
  #drop(): void {
    const oldest = this.clock.now() - this.#windowMs;
    for (const entry of this.#kept) {
      if (entry.settledAt > oldest && this.#bytes <= this.#maxBytes) return;
      this.#kept.delete(entry);
      this.#bytes -= entry.bytes;
      entry.reply = OMITTED;
    }
  }
}

function release(entry: ReplyEntry, reply: RepeatedReply | undefined): void {
  entry.cancelLease?.();
  entry.cancelLease = undefined;
  const waiting = [...entry.waiting];
  entry.waiting.clear();
  for (const resolve of waiting) resolve(reply);
}

function sizeOf(reply: StoredReply): number {
  return Buffer.byteLength('error' in reply ? JSON.stringify(reply.error) : (reply.payload ?? ''));
}
