/**
 * Something a client wants to take effect once, however often it has to ask: a publish, or a request
 * of a handler that is marked `@Idempotent()`.
 */
export interface Operation {
  /** Whose: names one client instance of one user. Two clients never have the same. */
  readonly client: string;
  /** The client's name of it. */
  readonly id: string;
}

/** How an operation ended. */
export type StoredReply =
  | {
      /** JSON text. Absent: it was acknowledged without a payload. */
      readonly payload?: string;
    }
  | {
      readonly error: {
        readonly code: string;
        readonly message: string;
        /** Anything that JSON can hold. */
        readonly details?: unknown;
        /** Milliseconds. */
        readonly retryAfterMs?: number;
      };
    };

/**
 * What is told to whoever asks again: how the operation ended or, where that was too large to be kept
 * (O7), only that it did.
 */
export type RepeatedReply = StoredReply | { readonly isOmitted: true };

/** What came of claiming an operation. */
export type Claim =
  | {
      /** Nobody did it before: do it now. */
      readonly isFirst: true;
      /** Says how it ended; whoever asks again gets this. Only the first call counts. Never rejects. */
      settle(reply: StoredReply): Promise<void>;
      /** It took no effect: the next one who asks is the first again. Without effect after `settle`. Never rejects. */
      abandon(): Promise<void>;
    }
  | {
      readonly isFirst: false;
      /**
       * How it ended, as soon as it has; `undefined` if that is not known: it was abandoned, or whoever
       * does it is gone or takes longer than the store waits (O8). Never rejects.
       */
      readonly reply: Promise<RepeatedReply | undefined>;
    };

/**
 * Remembers which operations were begun, and how they ended.
 *
 * O1 of any number of claims of one operation, whatever the order and the node, one is the first.
 * O2 every other claim gets the reply that the first one settled with.
 * O3 after `abandon` the next claim is the first, and claims that waited get `undefined`.
 * O4 operations of different clients do not see each other, whatever their ids.
 * O5 an operation is remembered at least as long as the window says (time, counted from its end, and
 *    number a client), then forgotten; what is remembered is bounded.
 * O6 after `close` resolves nobody waits any more: open replies are `undefined`, claims reject with
 *    `unavailable`.
 * O7 a reply that is too large to be kept, or is dropped for want of room, stays known as one that was
 *    given: no later claim is the first.
 * O8 no claim waits longer for its reply than the lease that began with the first claim. When it is
 *    over the operation is still known, its reply is not; a reply that comes later counts all the same.
 */
export interface ReplyStore {
  /**
   * Claims an operation (O1).
   *
   * @throws RealtimeError `unavailable` when the store cannot be asked.
   */
  claim(operation: Operation): Promise<Claim>;
  /** Ends it (O6). */
  close(): Promise<void>;
}
