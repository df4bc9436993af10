import type { Clock, PresenceStore } from '../../lib/core/index.js';
import { MemoryPresenceBook, type MemoryPresenceOptions } from '../../lib/memory/index.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import { CutClock } from '../support/cut-clock.js';
import { turn } from '../support/turns.js';
import type { PresenceWorld } from './presence-store.world.js';

/** Three nodes in this process, on one book. */
export async function sharedPresence(
  make: (clock: Clock, options: MemoryPresenceOptions) => PresenceStore,
): Promise<PresenceWorld> {
  const common = new ManualClock();
  const book = new MemoryPresenceBook();
  const clocks = [0, 1, 2].map(() => new CutClock(common));
  const nodes = clocks.map((clock) => make(clock, { book }));
  return {
    nodes,
    leaseMs: 10_000,
    freeze: (node) => clocks[node]?.cut(),
    thaw: async (node) => {
      clocks[node]?.restore();
      await turn();
    },
    advance: async (ms) => {
      common.advance(ms);
      await turn();
    },
    settle: turn,
    dispose: async () => {
      await Promise.all(nodes.map((store) => store.close()));
    },
  };
}
