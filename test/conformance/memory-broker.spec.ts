import { MemoryBroker } from '../../lib/memory/index.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import { CountingRandom } from '../support/fakes.js';
import { turn } from '../support/turns.js';
import { brokerChecks, type BrokerWorld } from './broker.suite.js';
import { runSuite } from './suite.js';

function makeWorld(): Promise<BrokerWorld> {
  const clock = new ManualClock();
  const broker = new MemoryBroker(clock, new CountingRandom('epoch'), { metaTtlMs: 1_000 });
  return Promise.resolve({
    nodes: [broker],
    forget: async () => {
      clock.advance(1_001);
      await broker.top('another');
    },
    settle: turn,
    dispose: () => broker.close(),
  });
}

runSuite('MemoryBroker', brokerChecks, makeWorld);
