import { ManualClock } from '../../lib/testing/manual-clock.js';
import { SystemClock } from '../../lib/transport/index.js';
import { clockChecks } from './clock.suite.js';
import { runSuite } from './suite.js';

runSuite('SystemClock', clockChecks, () =>
  Promise.resolve({
    clock: new SystemClock(),
    pass: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    dispose: () => undefined,
  }),
);

runSuite('ManualClock', clockChecks, () => {
  const clock = new ManualClock();
  return Promise.resolve({
    clock,
    pass: (ms) => {
      clock.advance(ms);
    },
    dispose: () => undefined,
  });
});
