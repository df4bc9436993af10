import { describe, expect, it } from '@jest/globals';

import type { PresenceChange, PresenceListener } from '../../lib/core/index.js';
import { MemoryPresenceBook, MemoryPresenceStore } from '../../lib/memory/index.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import { CutClock } from '../support/cut-clock.js';

const record = (userId: string): { userId: string; client: string; connectionId: string } => ({
  userId,
  client: userId,
  connectionId: `${userId}-c`,
});

class Ear implements PresenceListener {
  readonly changes: PresenceChange[] = [];
  expiries = 0;

  changed(_: string, change: PresenceChange): void {
    this.changes.push(change);
  }

  missed(): void {
    throw new Error('expected nothing to be missed');
  }

  expired(): void {
    this.expiries += 1;
  }
}

async function started(
  book: MemoryPresenceBook,
  count: number,
): Promise<{
  common: ManualClock;
  clocks: CutClock[];
  stores: MemoryPresenceStore[];
  ears: Ear[];
}> {
  const common = new ManualClock();
  const clocks = Array.from({ length: count }, () => new CutClock(common));
  const stores = clocks.map((clock) => new MemoryPresenceStore(clock, { book, leaseMs: 9_000 }));
  const ears = stores.map(() => new Ear());
  for (const [n, store] of stores.entries()) await store.start(ears[n] ?? new Ear());
  return { common, clocks, stores, ears };
}

describe('MemoryPresenceStore', () => {
  it('needs no timer where its book is its own, and one where it is shared', async () => {
    const clock = new ManualClock();
    const alone = new MemoryPresenceStore(clock);
    await alone.start(new Ear());
    expect(clock.waiting).toBe(0);
    const { common, stores } = await started(new MemoryPresenceBook(), 2);
    for (let n = 0; n < 100; n += 1) await stores[0]?.put('r', record(`u${String(n)}`));
    expect(common.waiting).toBe(2);
    await Promise.all(stores.map((store) => store.close()));
    expect(common.waiting).toBe(0);
  });

  it('keeps its records however long it stands still, where nobody else is there', async () => {
    const { common, clocks, stores, ears } = await started(new MemoryPresenceBook(), 1);
    await stores[0]?.put('r', record('ada'));
    clocks[0]?.cut();
    common.advance(60_000);
    clocks[0]?.restore();
    common.advance(60_000);
    expect(await stores[0]?.read('r', 10)).toMatchObject({ total: 1 });
    expect(ears[0]?.expiries).toBe(0);
  });

  it('takes nobody for dead after it has stood still itself', async () => {
    const { common, clocks, stores, ears } = await started(new MemoryPresenceBook(), 2);
    await Promise.all(stores.map((store, n) => store.put('r', record(`u${String(n)}`))));
    // The whole machine sleeps, and one goes on after the other.
    for (const clock of clocks) clock.cut();
    common.advance(60_000);
    clocks[0]?.restore();
    common.advance(1_000);
    clocks[1]?.restore();
    common.advance(60_000);
    expect(ears.map(({ expiries }) => expiries)).toEqual([0, 0]);
    expect(await stores[0]?.read('r', 10)).toMatchObject({ total: 2 });
    expect(stores).toHaveLength(2);
  });

  it('lets go of a room that nobody is in and nobody watches', async () => {
    const book = new MemoryPresenceBook();
    const { common, clocks, stores } = await started(book, 2);
    const [one, two] = stores;
    await one?.put('a', record('ada'));
    await one?.watch('b', 10);
    await two?.put('c', record('bob'));
    await two?.watch('d', 10);
    expect(book.size).toBe(4);
    await one?.remove('a', record('ada'), 'connection');
    await one?.unwatch('b');
    await one?.read('e', 10);
    await one?.remove('e', record('ada'), 'connection');
    expect(book.size).toBe(2);
    await two?.close();
    expect(book.size).toBe(1);
    clocks[1]?.cut();
    common.advance(9_000);
    expect(book.size).toBe(0);
  });

  it('goes on where a listener throws, though it must not', async () => {
    const clock = new ManualClock();
    const store = new MemoryPresenceStore(clock);
    const ear = new Ear();
    let isBroken = true;
    await store.start({
      changed: (room, change) => {
        if (isBroken) throw new Error('broken');
        ear.changed(room, change);
      },
      missed: () => undefined,
      expired: () => undefined,
    });
    await store.watch('r', 10);
    await expect(store.put('r', record('ada'))).rejects.toThrow('broken');
    isBroken = false;
    await store.put('r', record('bob'));
    expect(ear.changes).toMatchObject([{ version: 2, userId: 'bob' }]);
  });
});
