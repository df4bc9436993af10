import {
  RateBucket,
  RealtimeError,
  type Clock,
  type RateCharge,
  type RateStore,
  type RateVerdict,
} from '../core/index.js';
import { ErrorCode } from '../protocol/index.js';

/** How much a `MemoryRateStore` remembers. */
export interface MemoryRateOptions {
  /**
   * Keys that are remembered. Default 100 000, about 22 MB. Integer, at least 1. Beyond it, the one that was not
   * used for longest is forgotten and has its whole burst again.
   */
  readonly maxKeys?: number;
}

/** Keys that each call looks at to see whether they have rested: more than it can add. */
const LOOKS_PER_CALL = 2;

const ALLOWED: RateVerdict = { isAllowed: true };

/** Counts in this process, for one node. */
export class MemoryRateStore implements RateStore {
  /** Buckets by key, in order of use. */
  readonly #keys = new Map<string, readonly RateBucket[]>();
  readonly #maxKeys: number;
  /** Where the search for keys that have rested has got to. */
  #sweep: Iterator<[string, readonly RateBucket[]]> | undefined;
  /** Gives the key that was not used for longest. Kept: a new one had to pass all that was deleted. */
  #oldest: Iterator<string> | undefined;
  #isClosed = false;

  constructor(
    private readonly clock: Clock,
    { maxKeys = 100_000 }: MemoryRateOptions = {},
  ) {
    this.#maxKeys = maxKeys;
  }

  /** Keys that are remembered. */
  get size(): number {
    return this.#keys.size;
  }

  /** {@inheritDoc RateStore.consume} */
  async consume(key: string, charges: readonly RateCharge[]): Promise<RateVerdict> {
    if (this.#isClosed) {
      throw new RealtimeError(ErrorCode.Unavailable, 'rate store: expected it to be open');
    }
    const now = this.clock.now();
    this.#forgetRested(now);
    const buckets = this.#use(key, charges);
    const retryAfterMs = longestWait(buckets, charges, now);
    if (retryAfterMs > 0) return { isAllowed: false, retryAfterMs };
    for (const [n, { cost }] of charges.entries()) buckets[n]?.take(now, cost);
    return ALLOWED;
  }

  /** {@inheritDoc RateStore.close} */
  close(): Promise<void> {
    this.#isClosed = true;
    this.#keys.clear();
    return Promise.resolve();
  }

  /** The key's buckets; from now on it is the one that was used last. */
  #use(key: string, charges: readonly RateCharge[]): readonly RateBucket[] {
    const buckets = this.#keys.get(key) ?? charges.map((rate) => new RateBucket(rate));
    this.#keys.delete(key);
    this.#keys.set(key, buckets);
    if (this.#keys.size > this.#maxKeys) this.#forgetOldest();
    return buckets;
  }

  #forgetOldest(): void {
    this.#oldest ??= this.#keys.keys();
    // It is never done: what it gave is gone, and what was used since has moved to its end.
    const oldest = this.#oldest.next();
    if (oldest.done !== true) this.#keys.delete(oldest.value);
  }

  /** Goes round all keys, a few a call, and forgets those for which it makes no difference. */
  #forgetRested(now: number): void {
    for (let looks = 0; looks < LOOKS_PER_CALL; looks += 1) {
      this.#sweep ??= this.#keys.entries();
      const next = this.#sweep.next();
      if (next.done === true) {
        this.#sweep = undefined;
        return;
      }
      const [key, buckets] = next.value;
      if (buckets.every((bucket) => bucket.isRested(now))) this.#keys.delete(key);
    }
  }
}

function longestWait(
  buckets: readonly RateBucket[],
  charges: readonly RateCharge[],
  now: number,
): number {
  let longestMs = 0;
  for (const [n, { cost }] of charges.entries()) {
    longestMs = Math.max(longestMs, buckets[n]?.waitMs(now, cost) ?? 0);
  }
  return longestMs;
}
