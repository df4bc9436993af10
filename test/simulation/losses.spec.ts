import { describe, it } from '@jest/globals';

import { withLosses } from './commands.js';
import { LIMIT_MS, simulate } from './judge.js';

describe('clients, links that break, two nodes and a store, in any order of events', () => {
  it(
    'keep P1 and P2 while the store loses everything now and then',
    () => simulate({ happenings: withLosses }),
    LIMIT_MS,
  );
});
