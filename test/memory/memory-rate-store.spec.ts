import { describe, expect, it } from '@jest/globals';

import { MemoryRateStore } from '../../lib/memory/index.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';

describe('the memory rate store', () => {
  it('R-18 is bounded when a million keys ask, with 100,000 by default', async () => {
    const store = new MemoryRateStore(new ManualClock());
    const slow = [{ limit: 1, perMs: 86_400_000, burst: 1, cost: 1 }];
    for (let n = 0; n < 1_000_000; n += 1) await store.consume(`user ${n}`, slow);
    expect(store.size).toBe(100_000);
  });

  it('R-18 keeps, of keys that rest sooner than others come, next to none', async () => {
    const clock = new ManualClock();
    const store = new MemoryRateStore(clock);
    const quick = [{ limit: 1, perMs: 10, burst: 1, cost: 1 }];
    let most = 0;
    for (let n = 0; n < 20_000; n += 1) {
      await store.consume(`user ${n}`, quick);
      clock.advance(1);
      most = Math.max(most, store.size);
    }
    expect(most).toBeLessThan(50);
  });

  it('forgets everything when it is closed', async () => {
    const store = new MemoryRateStore(new ManualClock());
    await store.consume('ada', [{ limit: 1, perMs: 10, burst: 1, cost: 1 }]);
    await store.close();
    expect(store.size).toBe(0);
  });
});
