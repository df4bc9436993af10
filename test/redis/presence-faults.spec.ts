/** What Redis and its connections do wrong, and what becomes of presence. */
import { afterEach, describe, expect, it } from '@jest/globals';

import type { PresenceRecord } from '../../lib/core/index.js';
import { PresenceKeys } from '../../lib/redis/presence-keys.js';
import type { RedisChannels } from '../../lib/redis/redis-channels.js';
import { RedisPresenceStore } from '../../lib/redis/redis-presence.js';
import { SystemClock } from '../../lib/transport/index.js';
import { RedisNodes } from '../support/redis-nodes.js';
import { repeat, startRedis, type RedisServer } from '../support/redis-server.js';
import { Ear, startStore, type StoreUnderTest } from './presence-world.js';

const LEASE_MS = 1_000;
const CALL_TIMEOUT_MS = 300;

const rec = (userId: string, info?: unknown): PresenceRecord => ({
  userId,
  client: userId,
  connectionId: userId,
  info,
});

let server: RedisServer;
let redis: RedisNodes;
let prefix: string;
let stores: StoreUnderTest[] = [];

/** Nodes on a server of their own, which their members put again as a server does. */
async function start(
  count: number,
  { leaseMs = LEASE_MS }: { readonly leaseMs?: number } = {},
): Promise<readonly [StoreUnderTest, ...StoreUnderTest[]]> {
  server = await startRedis();
  redis = new RedisNodes({ url: server.url }, count);
  prefix = redis.prefix();
  const clock = new SystemClock();
  stores = await Promise.all(
    redis.nodes.map((node) =>
      startStore(redis, node, clock, { prefix, leaseMs, callTimeoutMs: CALL_TIMEOUT_MS }),
    ),
  );
  const [first, ...others] = stores;
  return [first!, ...others];
}

afterEach(async () => {
  await Promise.all(stores.map(({ store }) => store.close()));
  redis.close();
  await server.stop();
});

/** Resolves when a node was told this. */
function told({ ear }: StoreUnderTest, what: string, times = 1): Promise<void> {
  return repeat(() => Promise.resolve(ear.count(what) >= times));
}

const membersOf = async ({ store }: StoreUnderTest): Promise<string[]> =>
  (await store.read('room', 100)).members.map(({ userId }) => userId);

/** Has a node put its members again when it is told to. */
function keep(node: StoreUnderTest, ...users: readonly string[]): void {
  node.ear.onExpired = () => {
    for (const user of users) {
      node.store
        .put('room', rec(user))
        .catch((error: unknown) => node.observer.failed('again', error));
    }
  };
}

describe('a subscriber connection that is killed', () => {
  it('D-08 is told as missed, and changes come in order again', async () => {
    const [node, other] = await start(2);
    await node.store.watch('room', 10);
    await other!.store.put('room', rec('ada'));
    await told(node, '+ada');
    await redis.nodes[0]!.link.commands.call('client', ['KILL', 'TYPE', 'pubsub']);
    await told(node, 'missed');
    await other!.store.put('room', rec('bob'));
    await told(node, '+bob');
    expect(node.ear.story).toEqual(['+ada', 'missed', '+bob']);
    expect(await membersOf(node)).toEqual(['ada', 'bob']);
  });
});

describe('a channel that cannot be listened to', () => {
  it('makes watching unavailable, and is watched when it can be', async () => {
    const [other] = await start(1);
    const { link, commands } = redis.nodes[0]!;
    let isRefused = true;
    const channels: RedisChannels = {
      subscribe: (channel, listener) =>
        isRefused ? Promise.reject(new Error('refused')) : link.subscribe(channel, listener),
      unsubscribe: (channel) => link.unsubscribe(channel),
    };
    const { random, observer } = redis;
    const clock = new SystemClock();
    const setup = { commands, channels, publishCommand: link.publishVerb, clock, random, observer };
    const store = new RedisPresenceStore(setup, { prefix, leaseMs: LEASE_MS });
    const ear = new Ear();
    await store.start(ear);
    await expect(store.watch('room', 1)).rejects.toMatchObject({ code: 'unavailable' });
    isRefused = false;
    await store.watch('room', 1);
    await other.store.put('room', rec('ada'));
    await repeat(() => Promise.resolve(ear.story.join() === '+ada'));
    await store.close();
  });
});

describe('a change that is lost on its way', () => {
  it('D-10 is told as missed before the next one', async () => {
    const [node, other] = await start(2);
    await node.store.watch('room', 10);
    await other!.store.put('room', rec('ada'));
    await told(node, '+ada');
    // One change more than was published.
    const { version } = new PresenceKeys(prefix).room('room');
    await redis.nodes[0]!.link.commands.incr(version);
    await other!.store.put('room', rec('bob'));
    await told(node, '+bob');
    expect(node.ear.story).toEqual(['+ada', 'missed', '+bob']);
  });

  it('D-11 is not told twice when it comes twice', async () => {
    const [node] = await start(1);
    await node.store.watch('room', 10);
    await node.store.put('room', rec('ada'));
    await told(node, '+ada');
    const { channel } = new PresenceKeys(prefix).room('room');
    await node.node.link.publish(channel, JSON.stringify(node.ear.changes));
    await node.store.put('room', rec('bob'));
    await told(node, '+bob');
    expect(node.ear.story).toEqual(['+ada', '+bob']);
  });

  it.each(['nonsense', '{}', 'null', '[null]', '[{"version":"1"}]', '[1]'])(
    'D-14 is what a foreign message on its channel is taken for: %s',
    async (text) => {
      const [node] = await start(1);
      await node.store.watch('room', 10);
      const { channel } = new PresenceKeys(prefix).room('room');
      await node.node.link.publish(channel, text);
      await node.store.put('room', rec('ada'));
      await told(node, '+ada');
      expect(node.ear.story).toEqual(['missed', '+ada']);
    },
  );
});

describe('a Redis that is away', () => {
  it('is unavailable to every call within a bound, and lets none pile up', async () => {
    const [node] = await start(1);
    await node.store.put('room', rec('ada'));
    await server.kill();
    const began = performance.now();
    const calls = [
      ...Array.from({ length: 2_000 }, (_, n) => node.store.put('room', rec(`user-${String(n)}`))),
      node.store.remove('room', rec('ada'), 'client'),
      node.store.read('room', 10),
      node.store.watch('room', 10),
      node.store.put('other', rec('ada')),
    ];
    const ended = await Promise.allSettled(calls);
    expect(performance.now() - began).toBeLessThan(CALL_TIMEOUT_MS * 10);
    for (const call of ended) {
      expect(call).toMatchObject({ status: 'rejected', reason: { code: 'unavailable' } });
    }
    await expect(node.store.unwatch('room')).resolves.toBeUndefined();
    await server.restart();
  });

  it('has its members put again when it comes back empty', async () => {
    const [node, other] = await start(2);
    keep(node, 'ada');
    await node.store.put('room', rec('ada'));
    await other!.store.watch('room', 10);
    await server.kill();
    await server.restart();
    await told(node, 'expired');
    await told(other!, '+ada');
    expect(other!.ear.story.indexOf('missed')).toBeLessThan(other!.ear.story.indexOf('+ada'));
    expect(await membersOf(other!)).toEqual(['ada']);
  });

  it('lets a node begin, which is there when Redis is', async () => {
    const [node] = await start(1);
    await server.kill();
    const { store } = await startStore(redis, redis.nodes[0]!, new SystemClock(), {
      prefix,
      leaseMs: LEASE_MS,
      callTimeoutMs: CALL_TIMEOUT_MS,
    });
    await expect(store.put('room', rec('eve'))).rejects.toMatchObject({ code: 'unavailable' });
    await server.restart();
    await repeat(() => store.put('room', rec('eve')).then(() => true));
    expect(await membersOf(node)).toEqual(['eve']);
    await store.close();
  });

  it('does not keep a node from closing', async () => {
    const [node] = await start(1);
    await node.store.watch('room', 10);
    await server.kill();
    await expect(node.store.close()).resolves.toBeUndefined();
    await server.restart();
  });
});

describe('a Redis that has lost something', () => {
  it('D-14 is put right after FLUSHALL, and who watches is told', async () => {
    const [node, other] = await start(2);
    keep(node, 'ada');
    keep(other!, 'bob');
    await node.store.put('room', rec('ada'));
    await other!.store.put('room', rec('bob'));
    await node.store.watch('room', 10);
    await redis.nodes[0]!.link.commands.flushall();
    await told(node, 'expired');
    await told(other!, 'expired');
    await told(node, '+ada');
    await told(node, '+bob');
    expect(node.ear.story.indexOf('missed')).toBeLessThan(node.ear.story.indexOf('+ada'));
    expect((await membersOf(node)).toSorted()).toEqual(['ada', 'bob']);
    expect(node.ear.count('-bob')).toBe(0);
  });

  it('D-04 is put right after a restart without the last writes', async () => {
    const [node, other] = await start(2);
    keep(node, 'ada', 'eve');
    await node.store.put('room', rec('ada'));
    await node.store.put('room', rec('bob'));
    await other!.store.watch('room', 10);
    await redis.nodes[0]!.link.commands.save();
    // Acknowledged, and lost.
    await node.store.remove('room', rec('bob'), 'client');
    await node.store.put('room', rec('eve'));
    await server.kill();
    await server.restart();
    await told(node, 'expired');
    await repeat(async () => (await membersOf(other!)).join() === 'ada,eve');
    await told(other!, '-bob');
    // Who was there all the time neither leaves nor joins.
    expect(other!.ear.count('-ada') + other!.ear.count('+ada')).toBe(0);
  });

  it('D-12 notices a room that is gone when it puts the next one into it', async () => {
    const [node] = await start(1, { leaseMs: 60_000 });
    keep(node, 'ada');
    await node.store.put('room', rec('ada'));
    const { users, version, owners } = new PresenceKeys(prefix).room('room');
    await node.node.link.commands.del(users, version, owners);
    await node.store.put('room', rec('bob'));
    await told(node, 'expired');
    await repeat(async () => (await membersOf(node)).toSorted().join() === 'ada,bob');
  });

  it('D-12 tells who watches a room that Redis has dropped before its next change', async () => {
    const [node, other] = await start(2);
    await node.store.watch('room', 10);
    await other!.store.put('room', rec('ada'));
    await other!.store.remove('room', rec('ada'), 'client');
    await told(node, '-ada');
    await node.node.link.commands.del(new PresenceKeys(prefix).room('room').version);
    await other!.store.put('room', rec('bob'));
    await told(node, '+bob');
    expect(node.ear.story).toEqual(['+ada', '-ada', 'missed', '+bob']);
  });

  it('D-14 tells who watches when the loss shows with the next call', async () => {
    const [node] = await start(1, { leaseMs: 60_000 });
    await node.store.watch('room', 10);
    await node.node.link.commands.flushall();
    await node.store.put('other', rec('ada'));
    expect(node.ear.story).toEqual(['missed', 'expired']);
  });

  it('D-13 says unavailable where a key is not what it was', async () => {
    const [node] = await start(1);
    const { users } = new PresenceKeys(prefix).room('room');
    await node.node.link.commands.set(users, 'foreign');
    const refused = { code: 'unavailable' };
    await expect(node.store.put('room', rec('ada'))).rejects.toMatchObject(refused);
    await expect(node.store.read('room', 10)).rejects.toMatchObject(refused);
    await node.node.link.commands.del(users);
    await expect(node.store.put('room', rec('ada'))).resolves.toBeUndefined();
  });
});

describe('a large room', () => {
  it('takes 10,000 members, lists none of them, and loses them with their node', async () => {
    const [node, other] = await start(2, { leaseMs: 2_000 });
    const count = 10_000;
    await other!.store.watch('room', 0);
    const users = Array.from({ length: count }, (_, n) => `user-${String(n)}`);
    await Promise.all(users.map((user) => node.store.put('room', rec(user, { name: user }))));
    expect(await other!.store.read('room', 1_000)).toMatchObject({ total: count, members: [] });
    await repeat(() => Promise.resolve(other!.ear.story.length === count));
    await node.store.close();
    await repeat(() => Promise.resolve(other!.ear.story.length === count * 2));
    expect(new Set(other!.ear.story).size).toBe(count * 2);
    expect(await other!.store.read('room', 0)).toMatchObject({ total: 0 });
    // No call keeps everybody else waiting, though each does a lot: 0.5 ms is usual for the longest.
    const statistics = await redis.nodes[0]!.link.commands.info('commandstats');
    const mean = Number(/cmdstat_evalsha:.*usec_per_call=([\d.]+)/.exec(statistics)?.[1]);
    expect(mean).toBeLessThan(10_000);
  });
});
