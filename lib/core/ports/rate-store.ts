/** How much may pass, on average and at once. */
export interface Rate {
  /** What may pass in each {@link perMs}, on average. Integer, at least 1. */
  readonly limit: number;
  /** Milliseconds. Integer, at least 1: windows below a second are as exact as others. */
  readonly perMs: number;
  /** What may pass at once after a rest. Integer, at least 1. */
  readonly burst: number;
}

/** One limit that a call is counted against. */
export interface RateCharge extends Rate {
  /**
   * How much the call counts. Integer, at least 0. What is beyond the burst counts as the burst, or it
   * could never pass. 0: it passes and counts nothing.
   */
  readonly cost: number;
}

/** Whether a call may pass. */
export type RateVerdict =
  | { readonly isAllowed: true }
  | {
      readonly isAllowed: false;
      /** Milliseconds, integer, at least 1 (L3). */
      readonly retryAfterMs: number;
    };

/**
 * Counts calls against limits, for all nodes that share it.
 *
 * L1 in any time `t`, of the calls of one key calls of a cost of at most `burst + limit * t / perMs` are
 *    allowed, however many ask at the same time and on however many nodes.
 * L2 as much as that is allowed: a key that rested has its whole burst, and gets `limit` back in each
 *    `perMs`, evenly. A call that is refused counts nothing.
 * L3 `retryAfterMs` is true: if nobody else asks meanwhile, the same call is allowed after that time, and
 *    not a millisecond earlier.
 * L4 a call that is counted against several limits is allowed if every one allows it, and counts in none
 *    if one does not; the longest wait is told.
 * L5 keys do not see each other, whatever they are called (`__proto__`).
 * L6 how many keys are kept is bounded, and a key is forgotten when it has rested so long that it makes
 *    no difference. Beyond the bound, the one that was not used for longest is forgotten.
 * L7 it answers, or rejects with `unavailable` when it cannot be asked, within a time of its own; after
 *    `close` resolves every call rejects so.
 */
export interface RateStore {
  /**
   * Asks whether a call may pass and, if so, counts it, in one step.
   *
   * @param key who asks for what; at most 512 characters.
   * @param charges at least one. Their rates belong to the key: who changes them changes the key too.
   * @throws RealtimeError `unavailable` (L7).
   */
  consume(key: string, charges: readonly RateCharge[]): Promise<RateVerdict>;
  /** Ends it (L7). */
  close(): Promise<void>;
}
