import { describe, expect, it } from '@jest/globals';

import {
  InsuredRateStore,
  RealtimeError,
  type RateCharge,
  type RateStore,
  type RateVerdict,
} from '../../lib/core/index.js';
import { MemoryRateStore } from '../../lib/memory/index.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import { RecordingObserver } from '../support/fakes.js';
import { deferred, type Deferred } from '../support/turns.js';

const FOUR_A_SECOND: RateCharge = { limit: 4, perMs: 1_000, burst: 4, cost: 1 };

/** A shared store that can be lost. */
class LosableStore implements RateStore {
  isAway = false;
  /** Keeps whoever asks waiting. */
  hold: Deferred<void> | undefined;
  asked = 0;
  isClosed = false;
  readonly #counts: MemoryRateStore;

  constructor(clock: ManualClock) {
    this.#counts = new MemoryRateStore(clock);
  }

  async consume(key: string, charges: readonly RateCharge[]): Promise<RateVerdict> {
    this.asked += 1;
    await this.hold?.promise;
    if (this.isAway) throw new RealtimeError('unavailable', 'away');
    return this.#counts.consume(key, charges);
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }
}

/** Nodes that share a store, each insured. */
class Fleet {
  readonly clock = new ManualClock();
  readonly store = new LosableStore(this.clock);
  readonly observer = new RecordingObserver();
  readonly nodes: InsuredRateStore[];

  constructor(count: number) {
    const { store, clock, observer } = this;
    this.nodes = Array.from({ length: count }, () => {
      const local = new MemoryRateStore(clock);
      return new InsuredRateStore({ store, local, nodes: count, clock, observer });
    });
  }

  /** How many of so many calls are allowed, in turns on every node. */
  async passing(calls: number, charge = FOUR_A_SECOND): Promise<number> {
    let passed = 0;
    for (let n = 0; n < calls; n += 1) {
      const verdict = await this.nodes[n % this.nodes.length]!.consume('ada', [charge]);
      passed += Number(verdict.isAllowed);
    }
    return passed;
  }
}

describe('an insured rate store', () => {
  it('asks the shared store as long as it answers', async () => {
    const fleet = new Fleet(2);
    expect(await fleet.passing(10)).toBe(4);
    expect(fleet.store.asked).toBe(10);
    expect(fleet.observer.failures).toEqual([]);
  });

  it('R-17 grants what costs more than a share no faster than the limit', async () => {
    const fleet = new Fleet(4);
    fleet.store.isAway = true;
    const large = { ...FOUR_A_SECOND, cost: 4 };
    // Whoever has rested may ask for a whole burst, on whatever node.
    expect(await fleet.passing(40, large)).toBe(4);
    let passed = 0;
    for (let second = 0; second < 20; second += 1) {
      fleet.clock.advance(1_000);
      passed += await fleet.passing(40, large);
    }
    expect(passed).toBe(20);
  });

  it('R-17 grants each node its share while the store is away, together no more than the limit', async () => {
    const fleet = new Fleet(4);
    fleet.store.isAway = true;
    expect(await fleet.passing(40)).toBe(4);
    fleet.clock.advance(999);
    expect(await fleet.passing(40)).toBe(0);
    fleet.clock.advance(1);
    expect(await fleet.passing(40)).toBe(4);
  });

  it('R-17 grants at least one at a time, and no more of them than the limit allows', async () => {
    const fleet = new Fleet(4);
    fleet.store.isAway = true;
    const one = { ...FOUR_A_SECOND, limit: 1, burst: 1 };
    expect(await fleet.passing(40, one)).toBe(4);
    fleet.clock.advance(3_999);
    expect(await fleet.passing(40, one)).toBe(0);
    fleet.clock.advance(1);
    expect(await fleet.passing(40, one)).toBe(4);
  });

  it('R-17 tells the truth about when to come back, while the store is away', async () => {
    const fleet = new Fleet(4);
    fleet.store.isAway = true;
    await fleet.passing(4);
    const verdict = await fleet.nodes[0]!.consume('ada', [FOUR_A_SECOND]);
    expect(verdict).toEqual({ isAllowed: false, retryAfterMs: 1_000 });
  });

  it('leaves a store that failed alone for a second, and says once that it is away', async () => {
    const fleet = new Fleet(1);
    fleet.store.isAway = true;
    await fleet.passing(10);
    expect(fleet.store.asked).toBe(1);
    fleet.clock.advance(1_000);
    await fleet.passing(10);
    expect(fleet.store.asked).toBe(2);
    expect(fleet.observer.failures).toMatchObject([{ where: 'the rate store' }]);
  });

  it('has one ask whether the store is back; nobody else waits for the answer', async () => {
    const fleet = new Fleet(1);
    const [node] = fleet.nodes;
    fleet.store.isAway = true;
    await fleet.passing(1);
    fleet.clock.advance(1_000);
    fleet.store.hold = deferred();
    const asking = node!.consume('ada', [FOUR_A_SECOND]);
    await fleet.passing(5);
    expect(fleet.store.asked).toBe(2);
    fleet.store.hold.resolve();
    await asking;
  });

  it('goes back to the store when it answers again, and says so when it is lost anew', async () => {
    const fleet = new Fleet(1);
    for (let outage = 1; outage <= 2; outage += 1) {
      fleet.store.isAway = true;
      await fleet.passing(1);
      fleet.clock.advance(1_000);
      fleet.store.isAway = false;
      const before = fleet.store.asked;
      expect(await fleet.passing(6)).toBe(4);
      expect(fleet.store.asked - before).toBe(6);
      expect(fleet.observer.failures).toHaveLength(outage);
      fleet.clock.advance(1_000);
    }
  });

  it('closes both, and refuses from then on', async () => {
    const fleet = new Fleet(1);
    await fleet.nodes[0]!.close();
    expect(fleet.store.isClosed).toBe(true);
    fleet.store.isAway = true;
    const code = { code: 'unavailable' };
    await expect(fleet.nodes[0]!.consume('ada', [FOUR_A_SECOND])).rejects.toMatchObject(code);
  });
});
