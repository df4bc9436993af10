/** Which rooms count as late, and from when on they count as current again. */
import { beforeEach, describe, expect, it } from '@jest/globals';

import type { Delay } from '../../lib/core/index.js';
import type { Position } from '../../lib/protocol/index.js';
import { DelayWatch } from '../../lib/redis/delay-watch.js';
import { MissedFeeds } from '../../lib/redis/missed-feeds.js';
import type { CheckedFeed } from '../../lib/redis/top-check.js';
import type { ChannelLine } from '../../lib/redis/redis-channels.js';
import { RedisKeys } from '../../lib/redis/redis-keys.js';
import { RoomFeed } from '../../lib/redis/room-feed.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import { RecordingObserver } from '../support/fakes.js';
import { deferred, turns, until } from '../support/turns.js';

const keys = new RedisKeys();
const TOP: Position = { epoch: 'e1', offset: 3 };
const ROOMS = ['x/1', 'x/2', 'y/1'];
const DIRECT = keys.control('commands');

/** A line that the test breaks and mends. */
class FakeLine implements ChannelLine {
  isSound = true;
  lostAt = 0;
}

/** Two lines, rooms on them by the beginning of their names, and what was told. */
class World {
  readonly clock = new ManualClock();
  readonly x = new FakeLine();
  readonly y = new FakeLine();
  /** Of messages that have no room. Among the lines only where a test is about it. */
  readonly direct = new FakeLine();
  readonly feeds = new Map<string, CheckedFeed>();
  readonly observer = new RecordingObserver();
  /** What is told of the rooms, one entry for each time. */
  readonly told: (string | string[])[] = [];
  readonly asked: string[] = [];
  readonly watch: DelayWatch;
  lines: FakeLine[] = [this.x, this.y];
  top: (room: string) => Promise<Position> = () => Promise.resolve(TOP);
  readonly #directFeed: CheckedFeed;
  #changed: () => void = () => undefined;

  constructor() {
    const { clock, observer } = this;
    this.#directFeed = { keys: DIRECT, feed: this.#feed(), touchedAt: 0, lookedAt: 1 };
    const missed = new MissedFeeds({ top: ({ meta }) => this.#top(meta), clock, observer });
    this.watch = new DelayWatch({
      link: {
        lines: this.lines,
        lineOf: (channel) => this.#lineOf(channel),
        onLines: (listener) => {
          this.#changed = listener;
          return () => {
            this.#changed = () => undefined;
          };
        },
      },
      ...{ clock, missed },
      feeds: () => this.feeds,
      direct: this.#directFeed,
      channelOf: (room) => room,
      tell: (delay) => this.told.push(this.#show(delay)),
    });
  }

  /** Opens a room. */
  async open(room: string): Promise<void> {
    const feed = this.#feed();
    await feed.open();
    const lookedAt = this.clock.now();
    this.feeds.set(room, { keys: keys.room(room), feed, touchedAt: 0, lookedAt });
  }

  /** Opens what brings messages without a room, on a line of its own. */
  async openDirect(): Promise<void> {
    await this.#directFeed.feed.open();
    this.lines.push(this.direct);
  }

  #feed(): RoomFeed {
    return new RoomFeed({
      top: () => Promise.resolve(TOP),
      read: () => Promise.resolve({ top: TOP, oldest: 1, messages: [] }),
      forget: () => Promise.resolve(),
      deliver: () => undefined,
      moved: () => undefined,
      observer: this.observer,
    });
  }

  lose(line: FakeLine): void {
    line.isSound = false;
    line.lostAt = this.clock.now();
    this.#changed();
    this.clock.advance(10);
  }

  mend(line: FakeLine): void {
    line.isSound = true;
    this.#changed();
  }

  #lineOf(channel: string): FakeLine | undefined {
    if (channel === DIRECT.channel) return this.direct;
    const line = channel.startsWith('x/') ? this.x : this.y;
    return this.lines.includes(line) ? line : undefined;
  }

  #top(meta: string): Promise<Position> {
    const room = ROOMS.find((name) => keys.room(name).meta === meta) ?? 'direct';
    this.asked.push(room);
    return this.top(room);
  }

  #show(delay: Delay | undefined): string | string[] {
    return typeof delay === 'function' ? ROOMS.filter((room) => delay(room)) : (delay ?? 'none');
  }
}

let world: World;

beforeEach(async () => {
  world = new World();
  world.clock.advance(1);
  for (const room of ROOMS) await world.open(room);
  world.watch.start();
});

describe('rooms of a line that was lost', () => {
  it('are all there is to tell of while all is well: nothing', () => {
    expect(world.told).toEqual([]);
  });

  it('are late until each was looked at, behind the loss', async () => {
    const answer = deferred<Position>();
    world.top = () => answer.promise;
    world.lose(world.x);
    expect(world.told).toEqual([['x/1', 'x/2']]);
    world.mend(world.x);
    await until(() => world.asked.length === 2);
    await turns(5);
    expect(world.told).toHaveLength(1);
    answer.resolve(TOP);
    await until(() => world.told.length === 2);
    expect(world.told.at(-1)).toBe('none');
    expect(world.asked).toEqual(['x/1', 'x/2']);
  });

  it('are not looked at again if somebody else did, after the loss', async () => {
    world.lose(world.x);
    for (const entry of world.feeds.values()) entry.lookedAt = world.clock.now();
    world.mend(world.x);
    await until(() => world.told.length === 2);
    expect([world.told.at(-1), world.asked]).toEqual(['none', []]);
  });

  it('are not waited for while they are being opened: that reads their top', async () => {
    const feed = new RoomFeed({} as ConstructorParameters<typeof RoomFeed>[0]);
    world.feeds.set('x/1', { keys: keys.room('x/1'), feed, touchedAt: 0, lookedAt: 0 });
    world.lose(world.x);
    world.mend(world.x);
    await until(() => world.told.length === 2);
    expect([world.told.at(-1), world.asked]).toEqual(['none', ['x/2']]);
  });

  it('stay late while the store does not answer for them, and are asked about again', async () => {
    world.top = (room) =>
      room === 'x/2' ? Promise.reject(new Error('away')) : Promise.resolve(TOP);
    world.lose(world.x);
    world.mend(world.x);
    await until(() => world.told.length === 2);
    expect(world.told.at(-1)).toEqual(['x/2']);
    world.top = () => Promise.resolve(TOP);
    world.clock.advance(1_000);
    await until(() => world.told.length === 3);
    expect([world.told.at(-1), world.asked]).toEqual(['none', ['x/1', 'x/2', 'x/2']]);
  });

  it('stay late where nobody has their slot any more', async () => {
    world.lose(world.y);
    world.lines.splice(1, 1);
    world.lose(world.x);
    world.mend(world.x);
    await until(() => world.told.length === 3);
    expect(world.told).toEqual([['y/1'], 'all', ['y/1']]);
  });

  it('are nobody’s business once it is closed', async () => {
    world.lose(world.x);
    world.mend(world.x);
    world.watch.close();
    await turns(5);
    world.lose(world.y);
    expect(world.told).toEqual([['x/1', 'x/2']]);
  });
});

describe('lines that are all lost', () => {
  it('are told of once, however often they fail to come back, and until one room is current', async () => {
    world.lose(world.x);
    world.lose(world.y);
    for (let n = 0; n < 5; n += 1) world.lose(world.y);
    expect(world.told).toEqual([['x/1', 'x/2'], 'all']);
    world.top = () => Promise.reject(new Error('away'));
    world.mend(world.x);
    await until(() => world.observer.failures.length === 1);
    await turns(5);
    expect(world.told).toHaveLength(2);
    world.top = () => Promise.resolve(TOP);
    world.clock.advance(1_000);
    await until(() => world.told.length === 3);
    expect(world.told.at(-1)).toEqual(['y/1']);
  });

  it('have everything looked at that is back by then, also what comes back meanwhile', async () => {
    const answer = deferred<Position>();
    world.top = (room) => (room === 'x/1' ? answer.promise : Promise.resolve(TOP));
    world.lose(world.x);
    world.lose(world.y);
    world.mend(world.x);
    await until(() => world.asked.length === 2);
    world.mend(world.y);
    answer.resolve(TOP);
    await until(() => world.told.at(-1) === 'none');
    expect(world.asked).toEqual(['x/1', 'x/2', 'y/1']);
  });
});

describe('messages that have no room', () => {
  beforeEach(() => world.openDirect());

  it('are told of as everything while only their line is lost, until they were looked at', async () => {
    const answer = deferred<Position>();
    world.top = () => answer.promise;
    world.lose(world.direct);
    expect(world.told).toEqual(['all']);
    world.mend(world.direct);
    await until(() => world.asked.length === 1);
    await turns(5);
    expect(world.told).toHaveLength(1);
    answer.resolve(TOP);
    await until(() => world.told.length === 2);
    expect([world.told.at(-1), world.asked]).toEqual(['none', ['direct']]);
  });

  it('are asked about again where the store does not answer for them', async () => {
    world.top = () => Promise.reject(new Error('away'));
    world.lose(world.direct);
    world.mend(world.direct);
    await until(() => world.observer.failures.length === 1);
    await turns(5);
    expect(world.told).toEqual(['all']);
    world.top = () => Promise.resolve(TOP);
    world.clock.advance(1_000);
    await until(() => world.told.length === 2);
    expect([world.told.at(-1), world.asked]).toEqual(['none', ['direct', 'direct']]);
  });

  it('leave it to the rooms to be named once they are current', async () => {
    world.lose(world.direct);
    world.lose(world.x);
    world.mend(world.direct);
    await until(() => world.told.length === 2);
    expect(world.told).toEqual(['all', ['x/1', 'x/2']]);
  });
});
