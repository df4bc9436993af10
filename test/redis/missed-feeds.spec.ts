/** Feeds whose channels may have lost something: how many are asked about at once, and what fails. */
import { describe, expect, it } from '@jest/globals';

import type { HistoryPage } from '../../lib/core/index.js';
import type { Position } from '../../lib/protocol/index.js';
import { MissedFeeds } from '../../lib/redis/missed-feeds.js';
import type { CheckedFeed } from '../../lib/redis/top-check.js';
import { RedisKeys } from '../../lib/redis/redis-keys.js';
import { RoomFeed } from '../../lib/redis/room-feed.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import { RecordingObserver } from '../support/fakes.js';
import { deferred, turns, until } from '../support/turns.js';

const keys = new RedisKeys();
const clock = new ManualClock();
const TOP: Position = { epoch: 'e1', offset: 3 };

/** A feed at the top, that notes when its history is read. */
async function openFeed(name: string, reads: string[]): Promise<CheckedFeed> {
  const feed = new RoomFeed({
    top: () => Promise.resolve(TOP),
    read: () => {
      reads.push(name);
      return Promise.resolve({ top: TOP, oldest: 1, messages: [] });
    },
    forget: () => Promise.resolve(),
    deliver: () => undefined,
    moved: () => undefined,
    observer: new RecordingObserver(),
  });
  await feed.open();
  return { keys: keys.room(name), feed, touchedAt: 0, lookedAt: 0 };
}

const openFeeds = (count: number, reads: string[]): Promise<CheckedFeed[]> =>
  Promise.all(Array.from({ length: count }, (_, n) => openFeed(`room-${String(n)}`, reads)));

/** What looks at feeds, in a store that answers by hand. */
function missedByHand() {
  const answer = deferred<Position>();
  let asked = 0;
  const top = (): Promise<Position> => {
    asked += 1;
    return answer.promise;
  };
  const missed = new MissedFeeds({ top, clock, observer: new RecordingObserver() });
  return { missed, answer, asked: () => asked };
}

describe('feeds that may have missed something', () => {
  it('are asked for their positions some at a time, and read where they are elsewhere', async () => {
    const reads: string[] = [];
    const answer = deferred();
    let asked = 0;
    const missed = new MissedFeeds({
      top: async ({ meta }) => {
        asked += 1;
        await answer.promise;
        if (meta === keys.room('room-7').meta) return { ...TOP, offset: 4 };
        return meta === keys.room('room-8').meta ? { ...TOP, epoch: 'e2' } : TOP;
      },
      clock,
      observer: new RecordingObserver(),
    });
    for (const entry of await openFeeds(600, reads)) missed.add(entry);
    await until(() => asked > 0);
    await turns(5);
    expect(asked).toBe(32);
    answer.resolve();
    await until(() => asked === 600);
    expect(reads.toSorted()).toEqual(['room-7', 'room-8']);
  });

  it('are not taken for current while one still reads, and may have to tell of a loss', async () => {
    const answer = deferred<HistoryPage>();
    const moved: Position[] = [];
    const feed = new RoomFeed({
      top: () => Promise.resolve(TOP),
      read: (from) =>
        from > 0
          ? Promise.resolve({ top: { epoch: 'e2', offset: 0 }, oldest: 1, messages: [] })
          : answer.promise,
      forget: () => Promise.resolve(),
      deliver: () => undefined,
      moved: (position) => moved.push(position),
      observer: new RecordingObserver(),
    });
    await feed.open();
    void feed.heal();
    await until(() => feed.position?.epoch === 'e2');
    const entry = { keys: keys.room('r'), feed, touchedAt: 0, lookedAt: 0 };
    const top = { epoch: 'e2', offset: 0 };
    const missed = new MissedFeeds({
      top: () => Promise.resolve(top),
      clock,
      observer: new RecordingObserver(),
    });
    missed.add(entry);
    let isIdle = false;
    const idle = missed.idle().then(() => (isIdle = true));
    await turns(5);
    expect([isIdle, moved]).toEqual([false, []]);
    answer.resolve({ top, oldest: 1, messages: [] });
    await idle;
    expect(moved).toEqual([top]);
  });

  it('have been looked at when the store has answered, from when it was asked', async () => {
    const { missed, answer, asked } = missedByHand();
    const [entry] = await openFeeds(1, []);
    missed.add(entry!);
    await until(() => asked() === 1);
    const askedAt = clock.now();
    clock.advance(50);
    expect(entry?.lookedAt).toBe(0);
    answer.resolve(TOP);
    await missed.idle();
    expect(entry?.lookedAt).toBe(askedAt);
  });

  it('are told of where the store does not answer, and the others are asked all the same', async () => {
    const reads: string[] = [];
    const observer = new RecordingObserver();
    const missed = new MissedFeeds({
      top: ({ meta }) =>
        meta === keys.room('room-0').meta
          ? Promise.reject(new Error('away'))
          : Promise.resolve({ ...TOP, offset: 4 }),
      clock,
      observer,
    });
    for (const entry of await openFeeds(2, reads)) missed.add(entry);
    await until(() => reads.length > 0);
    expect(reads).toEqual(['room-1']);
    expect(observer.failures).toHaveLength(1);
  });

  it('are left alone once it is closed', async () => {
    const reads: string[] = [];
    const { missed, answer, asked } = missedByHand();
    const [first, second] = await openFeeds(2, reads);
    missed.add(first!);
    await until(() => asked() === 1);
    missed.close();
    missed.add(second!);
    answer.resolve({ ...TOP, offset: 4 });
    await turns(5);
    expect([asked(), reads.length]).toEqual([1, 0]);
  });
});
