import type { RateCharge, RateStore, RateVerdict } from '../../lib/core/index.js';
import { RealtimeError } from '../../lib/core/index.js';
import { MemoryRateStore } from '../../lib/memory/index.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import type { RateStoreWorld } from './rate-store.suite.js';

/** A bound that a test can reach. */
export const MAX_KEYS = 20;

/** The one store of one node. */
export function memoryWorld(): Promise<RateStoreWorld> {
  const clock = new ManualClock();
  const store = new MemoryRateStore(clock, { maxKeys: MAX_KEYS });
  return Promise.resolve({
    nodes: [store],
    maxKeys: MAX_KEYS,
    keys: () => Promise.resolve(store.size),
    advance: async (ms) => {
      clock.advance(ms);
    },
    dispose: () => store.close(),
  });
}

/** A node's access to counts that it shares. A fault is one part of it done wrong. */
export class SharedRateStore implements RateStore {
  protected isClosed = false;

  constructor(
    protected readonly counts: MemoryRateStore,
    protected readonly clock: ManualClock,
  ) {}

  async consume(key: string, charges: readonly RateCharge[]): Promise<RateVerdict> {
    if (this.isClosed) throw new RealtimeError('unavailable', 'closed');
    return this.counts.consume(key, charges);
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }
}

/** Makes a node's access to shared counts. */
export type MakeRateStore = new (counts: MemoryRateStore, clock: ManualClock) => RateStore;

/** Four nodes that share counts. */
export function sharedWorld(
  Store: MakeRateStore = SharedRateStore,
  Counts: typeof MemoryRateStore = MemoryRateStore,
): Promise<RateStoreWorld> {
  const clock = new ManualClock();
  const counts = new Counts(clock, { maxKeys: MAX_KEYS });
  const make = (): RateStore => new Store(counts, clock);
  return Promise.resolve({
    nodes: [make(), make(), make(), make()],
    maxKeys: MAX_KEYS,
    keys: () => Promise.resolve(counts.size),
    advance: async (ms) => {
      clock.advance(ms);
    },
    dispose: () => counts.close(),
  });
}
