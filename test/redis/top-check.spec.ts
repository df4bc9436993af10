/** The check of positions: which rooms it has read anew, and when. */
import { expect, it } from '@jest/globals';

import type { Position } from '../../lib/protocol/index.js';
import { RedisKeys } from '../../lib/redis/redis-keys.js';
import type { RedisLink } from '../../lib/redis/redis-link.js';
import { RoomFeed } from '../../lib/redis/room-feed.js';
import { TopCheck, type CheckedFeed } from '../../lib/redis/top-check.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import { CountingRandom, RecordingObserver } from '../support/fakes.js';

const clock = new ManualClock();
const keys = new RedisKeys();

/** What a room is in the store, and where the node's feed of it is. */
interface Room {
  readonly stored: Position | undefined;
  readonly fed: Position;
}

function feedAt(name: string, top: Position): CheckedFeed {
  const feed = new RoomFeed({
    top: () => Promise.resolve(top),
    read: () => Promise.reject(new Error('expected to be read by nobody')),
    forget: () => Promise.resolve(),
    deliver: () => undefined,
    moved: () => undefined,
    observer: new RecordingObserver(),
  });
  return { keys: keys.room(name), feed, touchedAt: clock.now(), lookedAt: 0 };
}

/** A single server with these rooms. */
function linkTo(rooms: ReadonlyMap<string, Position | undefined>): RedisLink {
  const pipeline = (): object => {
    const asked: string[] = [];
    const answer = (meta: string): unknown => {
      const top = rooms.get(meta);
      return [null, top === undefined ? [null, null] : [top.epoch, String(top.offset)]];
    };
    return {
      hmget: (meta: string) => asked.push(meta),
      exec: () => Promise.resolve(asked.map(answer)),
    };
  };
  const commands = { pipeline };
  return { isReady: true, onReady: () => () => undefined, commands } as unknown as RedisLink;
}

/** A check that has run once over these rooms, and what it has had read so far. */
async function checked(rooms: Readonly<Record<string, Room>>): Promise<{
  readonly healed: string[];
  readonly feeds: ReadonlyMap<string, CheckedFeed>;
}> {
  const feeds = new Map(Object.entries(rooms).map(([name, { fed }]) => [name, feedAt(name, fed)]));
  for (const { feed } of feeds.values()) await feed.open();
  const healed: string[] = [];
  const check = new TopCheck({
    link: linkTo(
      new Map(Object.entries(rooms).map(([name, { stored }]) => [keys.room(name).meta, stored])),
    ),
    clock,
    random: new CountingRandom(),
    observer: new RecordingObserver(),
    feeds: () => feeds.values(),
    heal: (entry) => healed.push([...feeds].find(([, feed]) => feed === entry)![0]),
    intervalMs: 10_000,
    metaTtlMs: 86_400_000,
  });
  await check.run();
  check.close();
  return { healed, feeds };
}

const at = (offset: number, epoch = 'e1'): Position => ({ epoch, offset });

it('hands over at once what no message on its way puts right, and nothing of rooms that are the same', async () => {
  const { healed } = await checked({
    same: { stored: at(3), fed: at(3) },
    ahead: { stored: at(2), fed: at(3) },
    forgotten: { stored: undefined, fed: at(3) },
    anew: { stored: at(3, 'e2'), fed: at(3) },
  });
  expect(healed).toEqual(['ahead', 'forgotten', 'anew']);
});

it('hands over what is behind if the messages have not come after all', async () => {
  const behind = { stored: at(4), fed: at(3) };
  const { healed, feeds } = await checked({ late: behind, lost: behind });
  feeds.get('late')!.feed.message('e1\u001f3\u001e+["m","said",1]');
  expect(healed).toEqual([]);
  clock.advance(100);
  expect(healed).toEqual(['lost']);
});
