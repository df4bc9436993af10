/** A suite that cannot fail proves nothing: stores with one fault each, and the clauses that find it. */
import { describe, expect, it } from '@jest/globals';

import type { RateCharge, RateVerdict } from '../../lib/core/index.js';
import { MemoryRateStore } from '../../lib/memory/index.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import { rateStoreChecks } from './rate-store.suite.js';
import { sharedWorld, SharedRateStore, type MakeRateStore } from './rate-store.world.js';
import { brokenClauses } from './suite.js';

/** Asks and counts in two steps. */
class CountsLater extends SharedRateStore {
  override async consume(key: string, charges: readonly RateCharge[]): Promise<RateVerdict> {
    const [first] = charges;
    const isFree = (await this.counts.consume(`${key} taken`, [{ ...first!, cost: 0 }])).isAllowed;
    const taken = CountsLater.taken.get(this.counts) ?? 0;
    await Promise.resolve();
    CountsLater.taken.set(this.counts, taken + 1);
    return isFree && taken < first!.burst ? { isAllowed: true } : super.consume(key, charges);
  }

  static readonly taken = new WeakMap<MemoryRateStore, number>();
}

/** Counts for each node alone. */
class CountsAlone extends SharedRateStore {
  readonly #own = new MemoryRateStore(this.clock);

  override consume(key: string, charges: readonly RateCharge[]): Promise<RateVerdict> {
    return this.#own.consume(key, charges);
  }
}

/** Counts every call as one. */
class IgnoresCost extends SharedRateStore {
  override consume(key: string, charges: readonly RateCharge[]): Promise<RateVerdict> {
    return super.consume(
      key,
      charges.map((charge) => ({ ...charge, cost: 1 })),
    );
  }
}

/** Has windows of whole seconds, as a well-known library. */
class WholeSeconds extends SharedRateStore {
  override consume(key: string, charges: readonly RateCharge[]): Promise<RateVerdict> {
    const perMs = (charge: RateCharge): number =>
      Math.max(1, Math.floor(charge.perMs / 1_000)) * 1_000;
    return super.consume(
      key,
      charges.map((charge) => ({ ...charge, perMs: perMs(charge) })),
    );
  }
}

/** Begins each window anew: twice the burst passes at its edge. */
class FixedWindow extends SharedRateStore {
  override async consume(key: string, charges: readonly RateCharge[]): Promise<RateVerdict> {
    const [{ perMs }] = charges as [RateCharge];
    const window = Math.floor(this.clock.now() / perMs);
    return super.consume(
      `${key} ${window}`,
      charges.map((charge) => ({ ...charge, perMs: 86_400_000, limit: 1 })),
    );
  }
}

/** Counts what it refuses, too. */
class CountsRefused extends SharedRateStore {
  readonly #debts = new Map<string, number>();

  override async consume(key: string, charges: readonly RateCharge[]): Promise<RateVerdict> {
    const debt = this.#debts.get(key) ?? 0;
    const verdict = await super.consume(
      key,
      charges.map((charge) => ({ ...charge, cost: charge.cost + debt })),
    );
    this.#debts.set(key, verdict.isAllowed ? 0 : debt + 1);
    return verdict;
  }
}

/** Never allows what costs more than the burst. */
class RefusesLarge extends SharedRateStore {
  override async consume(key: string, charges: readonly RateCharge[]): Promise<RateVerdict> {
    if (charges.every(({ cost, burst }) => cost <= burst)) return super.consume(key, charges);
    return { isAllowed: false, retryAfterMs: 100 };
  }
}

/** Tells the wait in whole seconds. */
class TellsSeconds extends SharedRateStore {
  override async consume(key: string, charges: readonly RateCharge[]): Promise<RateVerdict> {
    const verdict = await super.consume(key, charges);
    if (verdict.isAllowed) return verdict;
    return { ...verdict, retryAfterMs: Math.ceil(verdict.retryAfterMs / 1_000) * 1_000 };
  }
}

/** Tells a wait that is a millisecond too short. */
class TellsTooEarly extends SharedRateStore {
  override async consume(key: string, charges: readonly RateCharge[]): Promise<RateVerdict> {
    const verdict = await super.consume(key, charges);
    if (verdict.isAllowed) return verdict;
    return { ...verdict, retryAfterMs: Math.max(1, verdict.retryAfterMs - 1) };
  }
}

/** Asks one limit after the other, and counts as it goes. */
class OneByOne extends SharedRateStore {
  override async consume(key: string, charges: readonly RateCharge[]): Promise<RateVerdict> {
    for (const [n, charge] of charges.entries()) {
      const verdict = await super.consume(n === 0 ? key : `${key} ${n}`, [charge]);
      if (!verdict.isAllowed) return verdict;
    }
    return { isAllowed: true };
  }
}

/** Looks at the first limit only. */
class FirstOnly extends SharedRateStore {
  override consume(key: string, charges: readonly RateCharge[]): Promise<RateVerdict> {
    return super.consume(key, charges.slice(0, 1));
  }
}

/** Takes names that look alike for one. */
class FoldsKeys extends SharedRateStore {
  override consume(key: string, charges: readonly RateCharge[]): Promise<RateVerdict> {
    return super.consume(key.toLowerCase(), charges);
  }
}

/** Allows everything under a name that every object has. */
class UsesObject extends SharedRateStore {
  readonly #known: Record<string, unknown> = {};

  override consume(key: string, charges: readonly RateCharge[]): Promise<RateVerdict> {
    return this.#known[key] === undefined
      ? super.consume(key, charges)
      : Promise.resolve({ isAllowed: true });
  }
}

/** Goes on after it was closed. */
class NeverCloses extends SharedRateStore {
  override async close(): Promise<void> {
    // The fault.
  }
}

/** Closes what all share. */
class ClosesAll extends SharedRateStore {
  override close(): Promise<void> {
    return this.counts.close();
  }
}

/** Keeps every key. */
class KeepsAll extends MemoryRateStore {
  constructor(clock: ManualClock) {
    super(clock, { maxKeys: Infinity });
  }
}

/** Never has a key that has rested, for its time stands still. */
class NeverForgets extends MemoryRateStore {
  constructor(clock: ManualClock, options: { maxKeys: number }) {
    super({ now: () => 0, after: clock.after.bind(clock) }, options);
  }
}

const faults: [string, MakeRateStore, string[]][] = [
  ['asks and counts in two steps', CountsLater, ['L1']],
  ['counts for each node alone', CountsAlone, ['L1']],
  ['counts every call as one', IgnoresCost, ['L1', 'L2']],
  ['has windows of whole seconds', WholeSeconds, ['L2', 'L3']],
  ['begins each window anew', FixedWindow, ['L2', 'L3']],
  ['counts what it refuses', CountsRefused, ['L2']],
  ['refuses what is larger than the burst', RefusesLarge, ['L2']],
  ['tells seconds', TellsSeconds, ['L3']],
  ['tells a wait that is too short', TellsTooEarly, ['L3']],
  ['counts in one limit what the next refuses', OneByOne, ['L4']],
  ['looks at one limit', FirstOnly, ['L4']],
  ['folds names', FoldsKeys, ['L5']],
  ['trips over names of objects', UsesObject, ['L5']],
  ['goes on after close', NeverCloses, ['L7']],
  ['closes for everyone', ClosesAll, ['L7']],
];

const faultyCounts: [string, typeof MemoryRateStore, string[]][] = [
  ['keeps every key', KeepsAll, ['L6']],
  ['never forgets', NeverForgets, ['L6']],
];

describe('the suite of RateStore', () => {
  it('finds nothing in stores that work', async () => {
    expect(await brokenClauses(rateStoreChecks, () => sharedWorld())).toEqual([]);
  });

  it.each(faults)('finds a store that %s', async (_, Faulty, clauses) => {
    const broken = await brokenClauses(rateStoreChecks, () => sharedWorld(Faulty));
    expect(broken).toEqual(expect.arrayContaining(clauses));
  });

  it.each(faultyCounts)('finds counts that %s', async (_, Counts, clauses) => {
    const broken = await brokenClauses(rateStoreChecks, () => sharedWorld(SharedRateStore, Counts));
    expect(broken).toEqual(expect.arrayContaining(clauses));
  });

  it('has a check for every clause, and a fault for every check’s clause', () => {
    const clauses = ['L1', 'L2', 'L3', 'L4', 'L5', 'L6', 'L7'];
    expect([...new Set(rateStoreChecks.map(({ clause }) => clause))]).toEqual(clauses);
    const found = new Set([...faults, ...faultyCounts].flatMap(([, , broken]) => broken));
    expect([...found].sort()).toEqual(clauses);
  });
});
