import { MemoryPresenceStore } from '../../lib/memory/index.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import { turn } from '../support/turns.js';
import { presenceChecks, type PresenceWorld } from './presence-store.suite.js';
import { sharedPresence } from './presence-store.shared.js';
import { runSuite } from './suite.js';

function makeOne(): Promise<PresenceWorld> {
  const clock = new ManualClock();
  const store = new MemoryPresenceStore(clock);
  return Promise.resolve({
    nodes: [store],
    leaseMs: 10_000,
    freeze: () => undefined,
    thaw: turn,
    advance: async (ms: number) => {
      clock.advance(ms);
      await turn();
    },
    settle: () => Promise.resolve(),
    dispose: () => store.close(),
  });
}

runSuite('MemoryPresenceStore of one node', presenceChecks, makeOne);
runSuite('MemoryPresenceStore of three nodes', presenceChecks, () =>
  sharedPresence((clock, options) => new MemoryPresenceStore(clock, options)),
);
