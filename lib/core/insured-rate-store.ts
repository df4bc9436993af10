import type { Clock, Observer, RateCharge, RateStore, RateVerdict } from './ports/index.js';

/** What an {@link InsuredRateStore} is made of. */
export interface RateInsurance {
  /** Asked as long as it answers. */
  readonly store: RateStore;
  /** Asked while it does not; of this node alone. */
  readonly local: RateStore;
  /** Nodes that share the store. Integer, at least 1. */
  readonly nodes: number;
  readonly clock: Clock;
  readonly observer: Observer;
}

/** How long a store that failed is left alone, so that not every call waits for it. Milliseconds. */
const REST_MS = 1_000;

/**
 * A rate store that always answers. While the shared one cannot be asked, each node grants its share:
 * with `nodes` nodes together never more than the limit, though a client that always meets the same
 * node gets less. Never nothing at all, and never without bound.
 *
 * The observer is told once when the shared store is lost.
 */
export class InsuredRateStore implements RateStore {
  #isAway = false;
  #askAgainAt = 0;

  constructor(private readonly insurance: RateInsurance) {}

  /** {@inheritDoc RateStore.consume} Never rejects before it is closed. */
  async consume(key: string, charges: readonly RateCharge[]): Promise<RateVerdict> {
    const { store, local, nodes, clock } = this.insurance;
    if (!this.#isAway || clock.now() >= this.#askAgainAt) {
      // One asks whether it is back; the others are not to wait for that.
      if (this.#isAway) this.#askAgainAt = clock.now() + REST_MS;
      try {
        const verdict = await store.consume(key, charges);
        this.#isAway = false;
        return verdict;
      } catch (error) {
        this.#lose(error);
      }
    }
    return local.consume(
      key,
      charges.flatMap((charge) => sharesOf(charge, nodes)),
    );
  }

  /** {@inheritDoc RateStore.close} */
  async close(): Promise<void> {
    await Promise.all([this.insurance.store.close(), this.insurance.local.close()]);
  }

  #lose(error: unknown): void {
    const { clock, observer } = this.insurance;
    if (!this.#isAway) observer.failed('the rate store', error);
    this.#isAway = true;
    this.#askAgainAt = clock.now() + REST_MS;
  }
}

/**
 * What one of so many nodes may grant. The window grows instead of the limit shrinking: both stay whole.
 * Counted twice: by the share of the burst, and by the whole burst, because a call that costs more than
 * that share counts as the share there, and would come at many times the rate.
 */
function sharesOf(charge: RateCharge, nodes: number): RateCharge[] {
  const whole = { ...charge, perMs: charge.perMs * nodes };
  return [{ ...whole, burst: Math.max(1, Math.floor(charge.burst / nodes)) }, whole];
}
