import { describe, it } from '@jest/globals';

import { DEFAULT_HISTORY } from '../../lib/core/index.js';
import { withCuts } from './commands.js';
import { LIMIT_MS, simulate } from './judge.js';

describe('clients, links that break, two nodes and a store, in any order of events', () => {
  it(
    'lose nothing, double nothing and tell of no loss while only links break',
    () => simulate({ happenings: withCuts, history: DEFAULT_HISTORY, noLoss: true }),
    LIMIT_MS,
  );
});
