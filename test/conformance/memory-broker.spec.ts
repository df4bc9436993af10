import { MemoryBroker } from '../../lib/memory/index.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import { CountingRandom } from '../support/fakes.js';
import { turn } from '../support/turns.js';
import { brokerChecks, type BrokerWorld } from './broker.suite.js';
import { runSuite } from './suite.js';

const META_TTL_MS = 3_600_000;
const operations = { windowMs: 120_000, perClient: 50 };

function makeWorld(): Promise<BrokerWorld> {
  const clock = new ManualClock();
  const options = { metaTtlMs: META_TTL_MS, operations };
  const broker = new MemoryBroker(clock, new CountingRandom('epoch'), options);
  return Promise.resolve({
    nodes: [broker],
    operations,
    forget: async () => {
      clock.advance(META_TTL_MS + 1);
      await broker.top('another');
    },
    advance: async (ms) => {
      clock.advance(ms);
      await turn();
    },
    settle: turn,
    dispose: () => broker.close(),
  });
}

runSuite('MemoryBroker', brokerChecks, makeWorld);
