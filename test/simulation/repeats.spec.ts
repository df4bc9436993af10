import { describe, it } from '@jest/globals';

import { withRepeats } from './commands.js';
import { LIMIT_MS, simulate } from './judge.js';

describe('clients, links that break, two nodes and a store, in any order of events', () => {
  it(
    'keep P1, P2 and P4 while clients repeat what was not answered and histories are short',
    () => simulate({ happenings: withRepeats }),
    LIMIT_MS,
  );
});
