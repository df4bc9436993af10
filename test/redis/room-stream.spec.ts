/** What a room's stream is like in Redis: what comes together is held together, and dropped some at a time. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';

import type { HistoryPolicy } from '../../lib/core/index.js';
import { RedisPublisher, type RedisKeys } from '../../lib/redis/index.js';
import { SystemClock, SystemRandom } from '../../lib/system/index.js';
import { Ear, KEPT, offsetsOf, put, putOnce, read, upTo } from '../conformance/broker.world.js';
import { publication } from '../support/fakes.js';
import { startRedis, type RedisServer } from '../support/redis-server.js';
import { closeNodes, freshKeys, makeNode, type RedisNode } from '../support/redis-world.js';
import { turn } from '../support/turns.js';

const ROOM = 'chat/general';

/** Operations of a client that are remembered. */
const PER_CLIENT = 5;

let server: RedisServer;
let client: Redis;
let keys: RedisKeys;
let node: RedisNode;
let closing: RedisNode[] = [];

beforeAll(async () => {
  server = await startRedis();
  client = server.client();
});

beforeEach(async () => {
  keys = freshKeys();
  const operations = { windowMs: 120_000, perClient: PER_CLIENT };
  node = makeNode({ options: { host: server.host, port: server.port } }, keys, { operations });
  closing.push(node);
  await node.broker.start(new Ear());
});

afterEach(async () => {
  await closeNodes(closing);
  closing = [];
});

afterAll(() => server.stop());

/** Publishes that many messages within one turn. */
function putTogether(count: number, history: HistoryPolicy = KEPT): Promise<unknown> {
  return Promise.all(upTo(count).map((n) => put(node.broker, ROOM, `m${String(n)}`, history)));
}

/** Messages in each entry of the stream. */
async function entries(): Promise<number[]> {
  const found = await client.xrange(keys.room(ROOM).stream, '-', '+');
  return found.map(([, fields]) => fields.length / 2);
}

async function held(): Promise<number> {
  return (await entries()).reduce((sum, messages) => sum + messages, 0);
}

describe('a room’s stream', () => {
  it('has one entry for messages that came together, and not too many in one', async () => {
    await putTogether(100);
    expect(await entries()).toEqual([32, 32, 32, 4]);
  });

  it('has large messages that came together in entries of their own', async () => {
    const payload = JSON.stringify('x'.repeat(40_000));
    const messages = upTo(3).map((n) => publication(`m${String(n)}`, { payload }));
    await Promise.all(messages.map((message) => put(node.broker, ROOM, message)));
    expect(await entries()).toEqual([2, 1]);
  });

  it.each([1, 7, 32, 1_000])('is read from anywhere, %d messages at a time', async (limit) => {
    const history = { ...KEPT, size: 70 };
    await putTogether(60, history);
    await put(node.broker, ROOM, 'single', history);
    await putTogether(40, history);
    const all = upTo(101).slice(-70);
    for (const from of [0, 31, 32, 33, 59, 60, 61, 62, 92, 93, 94, 100, 101]) {
      const after = await read(node.broker, ROOM, { from, limit });
      expect([after.oldest, offsetsOf(after)]).toEqual([
        32,
        all.filter((offset) => offset > from).slice(0, limit),
      ]);
      const before = await read(node.broker, ROOM, { from, limit, direction: 'backwards' });
      const older = all.filter((offset) => offset < from).reverse();
      expect(offsetsOf(before)).toEqual(older.slice(0, limit));
    }
    const newest = await read(node.broker, ROOM, { limit, direction: 'backwards' });
    expect(offsetsOf(newest)).toEqual(all.toReversed().slice(0, limit));
  });

  it('is cut to the bytes in the middle of an entry', async () => {
    const payload = JSON.stringify('x'.repeat(998));
    const history = { ...KEPT, bytes: 13_000 };
    const messages = upTo(30).map((n) => publication(`m${String(n)}`, { payload }));
    await Promise.all(messages.map((message) => put(node.broker, ROOM, message, history)));
    expect(offsetsOf(await read(node.broker, ROOM))).toEqual(upTo(30).slice(-10));
  });

  it('holds at most an eighth more than the messages that are kept', async () => {
    const history = { ...KEPT, size: 16 };
    let most = 0;
    for (const n of upTo(60)) {
      await put(node.broker, ROOM, `m${String(n)}`, history);
      most = Math.max(most, await held());
    }
    expect(most).toBe(18);
    expect(offsetsOf(await read(node.broker, ROOM))).toEqual(upTo(60).slice(-16));
  });

  it('holds at most an eighth more than the bytes that are kept, and a message', async () => {
    const payload = JSON.stringify('x'.repeat(742));
    const history = { ...KEPT, bytes: 16_000 };
    let most = 0;
    for (const n of upTo(60)) {
      await put(node.broker, ROOM, publication(`m${String(n)}`, { payload }), history);
      most = Math.max(most, await held());
    }
    expect(most).toBeGreaterThanOrEqual(16);
    expect(most).toBeLessThanOrEqual(19);
  });

  it('holds nothing of a room that keeps nothing', async () => {
    await putTogether(3);
    await put(node.broker, ROOM, 'm4', { ...KEPT, size: 0 });
    await put(node.broker, ROOM, 'm5', { ...KEPT, size: 0 });
    expect(await client.exists(keys.room(ROOM).stream)).toBe(0);
  });

  it('does not give out by a wider bound what a narrower one has let go', async () => {
    const narrow = { ...KEPT, size: 20 };
    for (const n of upTo(21)) await put(node.broker, ROOM, `m${String(n)}`, narrow);
    await put(node.broker, ROOM, 'm22');
    expect((await read(node.broker, ROOM)).oldest).toBe(2);
  });

  it('lives as long as its messages, also where somebody has deleted it meanwhile', async () => {
    const { stream } = keys.room(ROOM);
    const ttl = async (): Promise<number> => client.pttl(stream);
    await put(node.broker, ROOM, 'm1');
    expect(await ttl()).toBeGreaterThan(KEPT.ttlMs);
    await client.del(stream);
    await put(node.broker, ROOM, 'm2');
    expect(await ttl()).toBeGreaterThan(KEPT.ttlMs);
    await put(node.broker, ROOM, 'm3', { ...KEPT, ttlMs: 2 * KEPT.ttlMs });
    expect(await ttl()).toBeGreaterThan(2 * KEPT.ttlMs);
  });
});

describe('operations that came together', () => {
  it('are remembered as many as each client may have, the latest ones', async () => {
    const once = (n: number) => putOnce(node.broker, ROOM, `m${String(n)}`, operation(n));
    const first = await Promise.all(upTo(13).map(once));
    const last = upTo(13).slice(-PER_CLIENT);
    expect(await Promise.all(last.map(once))).toEqual(first.slice(-PER_CLIENT));
    expect((await once(13 - PER_CLIENT)).position?.offset).toBe(14);
  });

  it('take effect once where one comes twice among them', async () => {
    const ids = [1, 2, 1, 3, 2].map((n, index) =>
      putOnce(node.broker, ROOM, `m${String(index)}`, operation(n)),
    );
    const receipts = await Promise.all(ids);
    expect(receipts.map(({ id }) => id)).toEqual(['m0', 'm1', 'm0', 'm3', 'm1']);
    expect(receipts.map(({ position }) => position?.offset)).toEqual([1, 2, 1, 3, 2]);
  });

  function operation(n: number): { client: string; id: string } {
    return { client: 'ada', id: `o${String(n)}` };
  }
});

describe('messages that are published turn by turn', () => {
  const publishers: RedisPublisher[] = [];
  let calls = 0;

  beforeEach(() => {
    calls = 0;
    const { commands } = node.link;
    const call = commands.call.bind(commands);
    commands.call = ((name: string, args: string[]) => {
      calls += 1;
      return call(name, args);
    }) as typeof commands.call;
  });

  afterAll(() => {
    for (const publisher of publishers) publisher.close();
  });

  /** @param now milliseconds; asked for once before each turn. */
  function publisherAt(now: () => number): (n: number) => Promise<unknown> {
    const system = new SystemClock();
    const clock = { now, after: system.after.bind(system) };
    const publisher = new RedisPublisher({
      ...{ link: node.link, keys, clock, random: new SystemRandom(), node: 'node' },
      ...{ timeoutMs: 5_000, metaTtlMs: 60_000, maxQueuedBytes: 1_000_000, replicas: 0 },
      operations: { windowMs: 60_000, perClient: 10 },
    });
    publishers.push(publisher);
    return (n) =>
      publisher.publish(keys.room(ROOM), publication(`m${String(n)}`), { history: KEPT });
  }

  it('leave together while each turn brings more', async () => {
    const publish = publisherAt(() => 0);
    const published: Promise<unknown>[] = [];
    for (const n of upTo(3)) {
      published.push(publish(n));
      await turn();
    }
    expect(calls).toBe(0);
    await Promise.all(published);
    expect(await entries()).toEqual([3]);
  });

  it('leave after some turns, however many bring more', async () => {
    const publish = publisherAt(() => 0);
    const published: Promise<unknown>[] = [];
    for (const n of upTo(9)) {
      published.push(publish(n));
      await turn();
    }
    expect(calls).toBeGreaterThan(0);
    await Promise.all(published);
  });

  it('do not wait for the next turn where one takes long', async () => {
    let now = 0;
    const publish = publisherAt(() => (now += 1));
    const published = [publish(1)];
    await turn();
    expect(calls).toBe(1);
    published.push(publish(2));
    await Promise.all(published);
    expect(await entries()).toEqual([1, 1]);
  });
});
