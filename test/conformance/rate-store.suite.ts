/**
 * The contract of `RateStore` (lib/core/ports), to be run over every implementation. Checks are data, so
 * that they can be run over faulty stores as well: see rate-store.meta.spec.ts.
 */
import { expect } from '@jest/globals';

import type { RateCharge, RateStore, RateVerdict } from '../../lib/core/index.js';
import { check, type Check } from './suite.js';

/** Stores that share their counts, as the nodes of one deployment have them. */
export interface RateStoreWorld {
  /** One for each node. At least two, unless the store is one node's alone. */
  readonly nodes: readonly [RateStore, ...RateStore[]];
  /** Keys that are kept at most; `undefined` where the store leaves that to a server of its own. */
  readonly maxKeys: number | undefined;
  /** Keys that are kept now. */
  keys(): Promise<number>;
  /** Lets the store's time pass. */
  advance(ms: number): Promise<void>;
  dispose(): Promise<void> | void;
}

/** One limit; `5 in 100 ms` and as many at once, unless told otherwise. */
function charge(overrides: Partial<RateCharge> = {}): RateCharge {
  return { limit: 5, perMs: 100, burst: 5, cost: 1, ...overrides };
}

/** Asks so many times at once, in turns on every node. */
function askAtOnce(world: RateStoreWorld, times: number, asked: RateCharge): Promise<number> {
  const { nodes } = world;
  const calls = Array.from({ length: times }, (_, n) =>
    (nodes[n % nodes.length] ?? nodes[0]).consume('ada', [asked]),
  );
  return Promise.all(calls).then((all) => all.filter(({ isAllowed }) => isAllowed).length);
}

/** Asks on the first node; 0 if it is allowed, otherwise the wait. */
async function ask(world: RateStoreWorld, ...charges: RateCharge[]): Promise<number> {
  return waitOf(await world.nodes[0].consume('ada', charges));
}

const waitOf = (verdict: RateVerdict): number => (verdict.isAllowed ? 0 : verdict.retryAfterMs);

/** Takes the whole burst. */
const exhaust = (world: RateStoreWorld, of = charge()): Promise<number> =>
  ask(world, { ...of, cost: of.burst });

const NAMES = ['__proto__', 'constructor', 'toString', '', 'a', 'A', 'a:b', '{a}:b', 'ü', ' '];

/** L1 to L7. */
export const rateStoreChecks: readonly Check<RateStoreWorld>[] = [
  check(
    'L1',
    'R-16 allows of many calls at once, on all nodes, the burst and no more',
    async (w) => {
      expect(await askAtOnce(w, 40, charge({ limit: 1, perMs: 3_600_000, burst: 7 }))).toBe(7);
    },
  ),

  check('L1', 'R-16 allows over time what the rate says, on all nodes together', async (world) => {
    let allowed = 0;
    for (let step = 0; step < 10; step += 1) {
      allowed += await askAtOnce(world, 12, charge({ limit: 4, burst: 3 }));
      await world.advance(50);
    }
    expect(allowed).toBe(3 + 9 * 2);
  }),

  check('L1', 'counts a call as much as it costs', async (world) => {
    expect(await ask(world, charge({ cost: 3 }))).toBe(0);
    expect(await ask(world, charge({ cost: 3 }))).toBe(20);
    expect(await ask(world, charge({ cost: 2 }))).toBe(0);
  }),

  check('L2', 'R-16 gives back evenly, in windows below a second too', async (world) => {
    await exhaust(world);
    for (let n = 0; n < 10; n += 1) {
      expect(await ask(world, charge())).toBe(20);
      await world.advance(20);
      expect(await ask(world, charge())).toBe(0);
    }
  }),

  check('L2', 'gives after a rest the burst, however long it was', async (world) => {
    for (const restMs of [100, 3_600_000]) {
      expect(await askAtOnce(world, 12, charge())).toBe(5);
      await world.advance(restMs);
    }
    expect(await askAtOnce(world, 12, charge())).toBe(5);
  }),

  check('L2', 'counts nothing for what it refuses', async (world) => {
    await exhaust(world);
    await askAtOnce(world, 20, charge());
    await world.advance(100);
    expect(await exhaust(world)).toBe(0);
  }),

  check('L2', 'counts what costs more than the burst as the burst', async (world) => {
    expect(await ask(world, charge({ cost: 1_000 }))).toBe(0);
    expect(await ask(world, charge({ cost: 1_000 }))).toBe(100);
    await world.advance(100);
    expect(await ask(world, charge({ cost: 1_000 }))).toBe(0);
  }),

  check('L2', 'lets what costs nothing pass, and does not count it', async (world) => {
    for (let n = 0; n < 6; n += 1) expect(await ask(world, charge({ cost: 0 }))).toBe(0);
    expect(await exhaust(world)).toBe(0);
    expect(await ask(world, charge({ cost: 0 }))).toBe(0);
  }),

  check('L3', 'R-16 tells the very millisecond at which the call is allowed', async (world) => {
    const rates = [
      charge({ limit: 3, perMs: 1_000, burst: 1 }),
      charge({ limit: 7, perMs: 333, burst: 4, cost: 3 }),
      charge({ limit: 1, perMs: 86_400_000, burst: 1 }),
      charge({ limit: 2, perMs: 3, burst: 2 }),
    ];
    for (const [n, rate] of rates.entries()) {
      const consume = async (): Promise<number> =>
        waitOf(await world.nodes[0].consume(`rate ${n}`, [rate]));
      await world.nodes[0].consume(`rate ${n}`, [{ ...rate, cost: rate.burst }]);
      const waitMs = await consume();
      expect(waitMs).toBe(Math.ceil((rate.cost * rate.perMs) / rate.limit));
      await world.advance(waitMs - 1);
      if (waitMs > 1) expect(await consume()).toBe(1);
      await world.advance(1);
      expect(await consume()).toBe(0);
    }
  }),

  check('L4', 'allows what every limit allows, and tells the longest wait', async (world) => {
    const both = [charge({ limit: 2, burst: 2 }), charge({ limit: 3, perMs: 60_000, burst: 3 })];
    expect([await ask(world, ...both), await ask(world, ...both)]).toEqual([0, 0]);
    expect(await ask(world, ...both)).toBe(50);
    await world.advance(50);
    expect(await ask(world, ...both)).toBe(0);
    expect(await ask(world, ...both)).toBe(20_000 - 50);
  }),

  check('L4', 'counts in none of them what one refuses', async (world) => {
    const open = charge({ limit: 1, perMs: 60_000, burst: 3 });
    const both = [open, charge({ limit: 1, burst: 1 })];
    await ask(world, ...both);
    for (let n = 0; n < 5; n += 1) expect(await ask(world, ...both)).toBe(100);
    await world.advance(100);
    expect(await ask(world, { ...open, cost: 2 }, charge({ limit: 1, burst: 1 }))).toBe(0);
  }),

  check('L5', 'keeps keys apart, whatever they are called', async (world) => {
    const [node] = world.nodes;
    const one = charge({ limit: 1, perMs: 60_000, burst: 1 });
    const verdicts = [];
    for (const name of NAMES) verdicts.push(waitOf(await node.consume(name, [one])));
    expect(verdicts).toEqual(NAMES.map(() => 0));
    for (const name of NAMES) expect(waitOf(await node.consume(name, [one]))).toBe(60_000);
  }),

  check('L6', 'R-18 forgets keys that have rested, while others are asked for', async (world) => {
    const [node] = world.nodes;
    const many = Math.min(world.maxKeys ?? 50, 50);
    for (let n = 0; n < many; n += 1) await node.consume(`key ${n}`, [charge({ burst: 1 })]);
    expect(await world.keys()).toBe(many);
    await world.advance(20);
    for (let n = 0; n < many; n += 1) await ask(world, charge({ limit: 1, perMs: 86_400_000 }));
    expect(await world.keys()).toBe(1);
  }),

  check('L6', 'R-18 keeps no more keys than it may, and those that are used', async (world) => {
    const [node] = world.nodes;
    const { maxKeys } = world;
    if (maxKeys === undefined) return;
    const slow = charge({ limit: 1, perMs: 86_400_000, burst: 1 });
    await node.consume('used', [slow]);
    for (let n = 0; n < 3 * maxKeys; n += 1) {
      await node.consume(`key ${n}`, [slow]);
      expect((await node.consume('used', [slow])).isAllowed).toBe(false);
    }
    expect(await world.keys()).toBe(maxKeys);
  }),

  check('L7', 'refuses with unavailable after close, and others go on', async (world) => {
    const [first, ...others] = world.nodes;
    await first.close();
    await expect(first.consume('ada', [charge()])).rejects.toMatchObject({ code: 'unavailable' });
    for (const node of others) expect((await node.consume('ada', [charge()])).isAllowed).toBe(true);
  }),
];
