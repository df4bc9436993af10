/** One room's stream over a channel that loses, doubles and delays, and a store that answers late. */
import { describe, expect, it } from '@jest/globals';

import type { DeliveredPublication, HistoryPage } from '../../lib/core/index.js';
import type { Position } from '../../lib/protocol/index.js';
import { encodeRecord } from '../../lib/redis/frame.js';
import { HELD_LENGTH, RoomFeed } from '../../lib/redis/room-feed.js';
import { publication, RecordingObserver } from '../support/fakes.js';
import { turns } from '../support/turns.js';

const PAGE = 3;

/** A room in a store, and a feed of it. */
class FeedWorld {
  readonly observer = new RecordingObserver();
  /** What was delivered: `offset id`, `- id` if volatile, `moved offset`. */
  readonly seen: string[] = [];
  reads = 0;
  forgets = 0;
  epoch = 'e1';
  /** Ids of the room's messages, the first with offset 1. */
  stored: string[] = [];
  /** How many of them are held. */
  held = 1_000;
  failure: Error | undefined;
  /** Called before each answer of the store. */
  before: () => void = () => undefined;

  readonly feed = new RoomFeed({
    top: async () => this.top,
    read: async (from) => this.#read(from),
    forget: async () => {
      this.forgets += 1;
      this.begin(`${this.epoch}'`);
    },
    deliver: (message) => this.seen.push(describeMessage(message)),
    moved: ({ epoch, offset }) => this.seen.push(`moved ${epoch} ${String(offset)}`),
    observer: this.observer,
  });

  get top(): Position {
    return { epoch: this.epoch, offset: this.stored.length };
  }

  /** Publishes; gives what goes over the channel. */
  put(...ids: string[]): string {
    const before = this.stored.length;
    this.stored.push(...ids.filter((id) => !id.startsWith('v')));
    return frame(this.epoch, before, ids);
  }

  /** The store has lost everything. */
  begin(epoch: string): void {
    this.epoch = epoch;
    this.stored = [];
  }

  async #read(from: number): Promise<HistoryPage> {
    this.reads += 1;
    const page = this.#page(from);
    this.before();
    await turns(2);
    if (this.failure !== undefined) throw this.failure;
    return page;
  }

  #page(from: number): HistoryPage {
    const oldest = Math.max(1, this.stored.length - this.held + 1);
    const first = Math.max(from + 1, oldest);
    const messages = this.stored.slice(first - 1, first - 1 + PAGE).map((id, index) => ({
      ...publication(id),
      position: { epoch: this.epoch, offset: first + index },
    }));
    return { top: this.top, oldest, messages };
  }
}

function frame(epoch: string, before: number, ids: readonly string[]): string {
  const items = ids.map((id) => encodeRecord(publication(id), id.startsWith('v')));
  return [`${epoch}\u001f${String(before)}`, ...items].join('\u001e');
}

function describeMessage({ id, position }: DeliveredPublication): string {
  return `${position === undefined ? '-' : String(position.offset)} ${id}`;
}

async function openWorld(): Promise<FeedWorld> {
  const world = new FeedWorld();
  await world.feed.open();
  return world;
}

describe('a feed of a room', () => {
  it('delivers what follows, and reads nothing', async () => {
    const world = await openWorld();
    world.feed.message(world.put('a', 'v1', 'b'));
    world.feed.message(world.put('v2'));
    world.feed.message(world.put('c'));
    expect(world.seen).toEqual(['1 a', '- v1', '2 b', '- v2', '3 c']);
    expect(world.reads).toBe(0);
  });

  it('fills a hole from history, in order, page by page (D-10)', async () => {
    const world = await openWorld();
    world.put('a', 'b', 'c', 'd');
    world.feed.message(world.put('e'));
    expect(world.seen).toEqual([]);
    await world.feed.heal();
    expect(world.seen).toEqual(['1 a', '2 b', '3 c', '4 d', '5 e']);
  });

  it('holds what comes while it reads, volatile messages included', async () => {
    const world = await openWorld();
    world.put('a');
    world.feed.message(world.put('b'));
    world.feed.message(world.put('c', 'v1'));
    world.feed.message(world.put('v2'));
    await world.feed.heal();
    expect(world.seen).toEqual(['1 a', '2 b', '3 c', '- v1', '- v2']);
  });

  it('reads once more for what came after the store was asked', async () => {
    const world = await openWorld();
    world.put('a');
    world.before = () => {
      world.before = () => undefined;
      world.put('c');
      world.feed.message(world.put('d'));
    };
    world.feed.message(world.put('b'));
    await world.feed.heal();
    expect(world.seen).toEqual(['1 a', '2 b', '3 c', '4 d']);
  });

  it('finds a lost last message when it is told that something may be lost (D-08)', async () => {
    const world = await openWorld();
    world.put('a', 'b');
    world.feed.missed();
    await world.feed.heal();
    expect(world.seen).toEqual(['1 a', '2 b']);
  });

  it('drops doubles and what is late, volatile messages of then included (D-11, N-02)', async () => {
    const world = await openWorld();
    const first = world.put('a', 'v1');
    const second = world.put('b');
    for (const text of [first, second, first, second]) world.feed.message(text);
    expect(world.seen).toEqual(['1 a', '- v1', '2 b']);
  });

  it('puts frames that overtook each other in order (D-11)', async () => {
    const world = await openWorld();
    const [first, second, third] = [world.put('a'), world.put('b'), world.put('c')];
    for (const text of [third, first, second]) world.feed.message(text);
    await world.feed.heal();
    expect(world.seen).toEqual(['1 a', '2 b', '3 c']);
  });

  it('goes on behind a hole that history cannot fill, so that whoever listens sees it', async () => {
    const world = await openWorld();
    world.put('a', 'b', 'c');
    world.held = 1;
    world.feed.message(world.put('d'));
    await world.feed.heal();
    expect(world.seen).toEqual(['4 d']);
  });

  it('tells of a loss that no message tells (B15)', async () => {
    const world = await openWorld();
    world.put('a', 'b');
    world.held = 0;
    await world.feed.heal();
    expect(world.seen).toEqual(['moved e1 2']);
    world.feed.message(world.put('c'));
    expect(world.seen).toEqual(['moved e1 2', '3 c']);
  });

  it('follows the store into another epoch, and drops what the old one still sends', async () => {
    const world = await openWorld();
    world.feed.message(world.put('a', 'b', 'c', 'd'));
    const late = world.put('old');
    world.begin('e2');
    world.feed.message(world.put('A'));
    world.feed.message(late);
    world.feed.message(world.put('B'));
    await world.feed.heal();
    expect(world.seen).toEqual(['1 a', '2 b', '3 c', '4 d', '1 A', '2 B']);
    world.feed.message(late);
    await world.feed.heal();
    expect(world.feed.position).toEqual({ epoch: 'e2', offset: 2 });
    expect(world.seen).toHaveLength(6);
  });

  it('tells of another epoch that has no message yet (B15)', async () => {
    const world = await openWorld();
    world.feed.message(world.put('a'));
    world.begin('e2');
    await world.feed.heal();
    expect(world.seen).toEqual(['1 a', 'moved e2 0']);
  });

  it('has a room forgotten whose position went back in the same epoch', async () => {
    const world = await openWorld();
    world.feed.message(world.put('a', 'b'));
    world.stored = ['a'];
    await world.feed.heal();
    expect(world.forgets).toBe(1);
    expect(world.seen).toEqual(['1 a', '2 b', "moved e1' 0"]);
  });

  it('keeps no more than a bounded length of what waits, and reads the rest', async () => {
    const world = await openWorld();
    const large = 'x'.repeat(HELD_LENGTH / 4);
    world.put('a');
    const frames = [1, 2, 3, 4, 5].map((n) => world.put(`${String(n)}${large}`));
    for (const text of frames) world.feed.message(text);
    await world.feed.heal();
    expect(world.feed.position?.offset).toBe(6);
    expect(world.seen.map((line) => line.split(' ')[0])).toEqual(['1', '2', '3', '4', '5', '6']);
  });

  it('tries again with the next message when the store cannot be read', async () => {
    const world = await openWorld();
    world.put('a');
    world.failure = new Error('away');
    world.feed.message(world.put('b'));
    await world.feed.heal();
    expect(world.seen).toEqual([]);
    expect(world.observer.failures).toHaveLength(1);
    world.failure = undefined;
    world.feed.message(world.put('c'));
    await world.feed.heal();
    expect(world.seen).toEqual(['1 a', '2 b', '3 c']);
  });

  it('takes no notice of what others write to its channel (D-14)', async () => {
    const world = await openWorld();
    const foreign = ['', 'hello', 'e1\u001f-1', 'e1\u001f0\u001e+{}', 'e1\u001f0\u001e+[1,2,3]'];
    for (const text of [...foreign, 'e1\u001fx', 'a\u001fb\u001fc']) world.feed.message(text);
    expect(world.observer.failures).toHaveLength(7);
    world.feed.message(world.put('a'));
    expect(world.seen).toEqual(['1 a']);
  });

  it('delivers nothing after it was closed, also not what is being read', async () => {
    const world = await openWorld();
    world.put('a');
    world.feed.message(world.put('b'));
    world.feed.close();
    world.feed.message(world.put('c'));
    await world.feed.heal();
    expect(world.seen).toEqual([]);
  });

  it('begins at the top, with what has come meanwhile', async () => {
    const world = new FeedWorld();
    world.put('a');
    world.feed.message(world.put('b'));
    const opened = world.feed.open();
    world.feed.message(world.put('c'));
    world.feed.missed();
    expect(await opened).toMatchObject({ epoch: 'e1' });
    await world.feed.heal();
    expect(world.seen).toEqual(['3 c']);
  });

  it('begins earlier if told so, with what history holds', async () => {
    const world = new FeedWorld();
    world.put('a', 'b', 'c', 'd');
    world.held = 2;
    await world.feed.open(0);
    expect(world.seen).toEqual(['3 c', '4 d']);
  });

  it('does not begin without what it was told to begin with', async () => {
    const world = new FeedWorld();
    world.put('a');
    world.failure = new Error('away');
    await expect(world.feed.open(0)).rejects.toMatchObject({ code: 'unavailable' });
  });
});
