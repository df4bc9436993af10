import {
  RealtimeError,
  type Claim,
  type Operation,
  type RepeatedReply,
  type ReplyStore,
} from '../core/index.js';
import { ErrorCode } from '../protocol/index.js';
import type { ReplyBook, ReplyEntry } from './reply-book.js';

type Resolve = (reply: RepeatedReply | undefined) => void;

/** Replies in this process, gone with it. Stores that share a book are as nodes that share a store. */
export class MemoryReplyStore implements ReplyStore {
  /** Whoever waits by this store, and for what. */
  readonly #waiting = new Map<Resolve, ReplyEntry>();
  #closed = false;

  constructor(private readonly book: ReplyBook) {}

  /** {@inheritDoc ReplyStore.claim} */
  async claim(operation: Operation): Promise<Claim> {
    if (this.#closed) {
      throw new RealtimeError(ErrorCode.Unavailable, 'reply store: expected it to be open');
    }
    const { entry, isFirst } = this.book.claim(operation);
    return isFirst ? this.#first(entry) : { isFirst, reply: this.#reply(entry) };
  }

  /** {@inheritDoc ReplyStore.close} */
  async close(): Promise<void> {
    this.#closed = true;
    for (const [resolve, entry] of this.#waiting) {
      this.book.forgo(entry, resolve);
      resolve(undefined);
    }
  }

  #first(entry: ReplyEntry): Claim {
    let isOpen = true;
    const once = (end: () => void): Promise<void> => {
      if (isOpen) end();
      isOpen = false;
      return Promise.resolve();
    };
    return {
      isFirst: true,
      settle: (reply) =>
        once(() => {
          this.book.settle(entry, reply);
        }),
      abandon: () =>
        once(() => {
          this.book.abandon(entry);
        }),
    };
  }

  #reply(entry: ReplyEntry): Promise<RepeatedReply | undefined> {
    return new Promise((fulfil) => {
      const resolve: Resolve = (reply) => {
        this.#waiting.delete(resolve);
        fulfil(reply);
      };
      this.#waiting.set(resolve, entry);
      this.book.wait(entry, resolve);
    });
  }
}
