import { SystemRandom } from '../../lib/transport/index.js';
import { randomChecks } from './random.suite.js';
import { runSuite } from './suite.js';

runSuite('SystemRandom', randomChecks, () =>
  Promise.resolve({ random: new SystemRandom(), dispose: () => undefined }),
);
