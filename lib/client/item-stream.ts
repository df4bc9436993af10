import type { Caller } from './call.js';
import { clientError, type RealtimeClientError } from './errors.js';

/** Items that may wait to be read, or the credit if that is more. A server that keeps to the credit never sends as many. */
export const MAX_BUFFERED_ITEMS = 1_000;

/** Items that a server may send ahead of the reader, unless the application says otherwise. */
export const DEFAULT_CREDIT = 64;

interface Reader<T> {
  readonly resolve: (result: IteratorResult<T, undefined>) => void;
  readonly reject: (error: Error) => void;
}

/** The call behind a stream. */
export interface StreamCall {
  /** Gives it up silently. */
  readonly stop: () => void;
  /** Takes that many more items; it has not ended. */
  readonly grant: (count: number) => void;
}

/**
 * The items of one stream, between the connection that brings them and the loop that reads them.
 * Items come in order; an error comes after the items before it, once; after the end, only the end.
 * When half of the credit was read, as much is given to the server again.
 *
 * Not an async generator: its `return()` would wait for an item that may never come.
 */
export class ItemStream<T> implements AsyncIterator<T, undefined> {
  readonly #items: T[] = [];
  /** Invariant: nobody waits while there are items or the stream has ended. */
  readonly #readers: Reader<T>[] = [];
  readonly #call: StreamCall;
  readonly #credit: number;
  #readSinceGrant = 0;
  #hasEnded = false;
  #error: RealtimeClientError | undefined;

  /** @param begin begins the call for this stream, with the credit. */
  constructor(credit: number, begin: (caller: Caller) => StreamCall) {
    this.#credit = credit;
    this.#call = begin({
      receive: (frame) => {
        // A lone `response` is a stream of one, or of none when the handler returned nothing.
        if ('payload' in frame || frame.type === 'next') {
          if (this.#items.length >= Math.max(MAX_BUFFERED_ITEMS, credit)) {
            return clientError('stream-overflow');
          }
          this.#items.push(frame.payload as T);
        }
        this.#hasEnded = frame.type !== 'next';
        this.#serve();
        return !this.#hasEnded;
      },
      fail: (error) => {
        this.#error = error;
        this.#hasEnded = true;
        this.#serve();
      },
    });
  }

  next(): Promise<IteratorResult<T, undefined>> {
    return new Promise((resolve, reject) => {
      this.#readers.push({ resolve, reject });
      this.#serve();
    });
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.#call.stop();
    this.#items.length = 0;
    this.#error = undefined;
    this.#hasEnded = true;
    this.#serve();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** Gives the readers what there is for them. */
  #serve(): void {
    while (this.#items.length > 0 || this.#hasEnded) {
      const reader = this.#readers.shift();
      if (reader === undefined) return;
      // The length decides, not the item: an item may be undefined.
      if (this.#items.length > 0) {
        reader.resolve({ done: false, value: this.#items.shift() as T });
        this.#grant();
      } else if (this.#error !== undefined) {
        reader.reject(this.#error);
        this.#error = undefined;
      } else {
        reader.resolve({ done: true, value: undefined });
      }
    }
  }

  #grant(): void {
    this.#readSinceGrant += 1;
    if (this.#hasEnded || this.#readSinceGrant * 2 < this.#credit) return;
    this.#call.grant(this.#readSinceGrant);
    this.#readSinceGrant = 0;
  }
}
