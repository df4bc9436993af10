/** The checks with several nodes on one store, and so the double that other tests have for one. */
import { ManualClock } from '../../lib/testing/manual-clock.js';
import { SharedBroker } from '../support/shared-broker.js';
import { turn } from '../support/turns.js';
import { brokerChecks, type BrokerWorld } from './broker.suite.js';
import { runSuite } from './suite.js';

const META_TTL_MS = 3_600_000;
const operations = { windowMs: 120_000, perClient: 50 };

function makeWorld(): Promise<BrokerWorld> {
  const clock = new ManualClock();
  const shared = new SharedBroker(clock, { metaTtlMs: META_TTL_MS, operations });
  const nodes = [shared.forNode(), shared.forNode(), shared.forNode()];
  return Promise.resolve({
    nodes,
    operations,
    forget: async () => {
      clock.advance(META_TTL_MS + 1);
      await nodes[0]?.top('another');
    },
    advance: async (ms) => {
      clock.advance(ms);
      await turn();
    },
    settle: turn,
    dispose: async () => {
      for (const node of nodes) await node.close();
    },
  });
}

runSuite('SharedBroker', brokerChecks, makeWorld);
