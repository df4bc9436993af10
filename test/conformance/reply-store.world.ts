import type { ReplyStore } from '../../lib/core/index.js';
import { MemoryReplyStore, ReplyBook } from '../../lib/memory/index.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import { turn } from '../support/turns.js';
import type { ReplyStoreWorld } from './reply-store.suite.js';

/** Bounds that a test can reach. */
export const BOUNDS = { windowMs: 120_000, perClient: 20, leaseMs: 60_000, maxReplyBytes: 1_000 };

/** Three nodes on one book, each made by `make`. */
export function worldOf(make: (book: ReplyBook) => ReplyStore): ReplyStoreWorld {
  const clock = new ManualClock();
  const { leaseMs, maxReplyBytes, ...operations } = BOUNDS;
  const book = new ReplyBook(clock, { operations, leaseMs, maxReplyBytes });
  const nodes: [ReplyStore, ...ReplyStore[]] = [make(book), make(book), make(book)];
  return {
    nodes,
    ...BOUNDS,
    advance: async (ms) => {
      clock.advance(ms);
      await turn();
    },
    dispose: async () => {
      await Promise.all(nodes.map((store) => store.close()));
    },
  };
}

/** Stores that work. */
export const goodWorld = (): Promise<ReplyStoreWorld> =>
  Promise.resolve(worldOf((book) => new MemoryReplyStore(book)));
