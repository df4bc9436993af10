/** Leases, fences and the removal of what the dead leave behind, in the test's time. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';

import type { PresenceRecord } from '../../lib/core/index.js';
import { PresenceKeys } from '../../lib/redis/presence-keys.js';
import type { RedisCommands } from '../../lib/redis/redis-commands.js';
import { RedisNodes } from '../support/redis-nodes.js';
import { useRedis, type RedisServer } from '../support/redis-server.js';
import { deferred } from '../support/turns.js';
import { LEASE_MS, timedStores, type TimedStores } from './presence-world.js';

const MINUTE_MS = 60_000;

let server: RedisServer;
let redis: RedisNodes;
let world: TimedStores;

beforeAll(async () => {
  server = await useRedis();
  redis = new RedisNodes({ url: server.url }, 3);
});

afterEach(async () => {
  await redis.settle();
  await world.close();
});

afterAll(async () => {
  redis.close();
  await server.stop();
});

const rec = (userId: string, connectionId = `${userId}-1`): PresenceRecord => ({
  userId,
  client: `client of ${userId}`,
  connectionId,
});

const users = (count: number): string[] => Array.from({ length: count }, (_, n) => `user-${n}`);

/** By what the scripts are known that make changes, and that remove what is left. */
const CHANGE = 'Puts records into a room and removes some';
const NOTE = 'Notes rooms in which a lease is going to have records';
const REAP = 'Removes what a dead lease has in a room';

describe('a dead node', () => {
  it('loses members of many rooms and many members of a room, each once', async () => {
    world = await timedStores(redis);
    const [dead, living, other] = world.stores;
    await Promise.all(users(250).map((user) => dead!.store.put('large', rec(user))));
    await Promise.all(users(120).map((user) => dead!.store.put(`room of ${user}`, rec(user))));
    await living!.store.watch('large', 0);
    await other!.store.watch('room of user-7', 0);
    world.freeze(0);
    await world.advance(LEASE_MS);
    expect(living!.ear.story.toSorted()).toEqual(
      users(250)
        .map((user) => `-${user}`)
        .toSorted(),
    );
    expect(other!.ear.story).toEqual(['-user-7']);
    for (const user of users(120)) {
      expect(await living!.store.read(`room of ${user}`, 1)).toMatchObject({ total: 0 });
    }
    const keys = new PresenceKeys(world.prefix);
    expect(await redis.nodes[1]!.link.commands.zcard(keys.reaping)).toBe(0);
    expect(await redis.nodes[1]!.link.commands.zcard(keys.leases)).toBe(2);
  });

  it('loses its members though another dies with it', async () => {
    world = await timedStores(redis);
    const [one, two, living] = world.stores;
    await one!.store.put('room', rec('ada'));
    await two!.store.put('room', rec('bob'));
    await living!.store.put('room', rec('eve'));
    await living!.store.watch('room', 10);
    world.freeze(0);
    world.freeze(1);
    await world.advance(LEASE_MS);
    expect(living!.ear.story.toSorted()).toEqual(['-ada', '-bob']);
    const { members } = await living!.store.read('room', 10);
    expect(members.map(({ userId }) => userId)).toEqual(['eve']);
  });

  it('loses its members once though the node that removes them dies over it', async () => {
    world = await timedStores(redis);
    const [dead, ...others] = world.stores;
    await Promise.all(users(250).map((user) => dead!.store.put('room', rec(user))));
    for (const { store } of others) await store.watch('room', 0);
    world.freeze(0);
    let dying: number | undefined;
    let removals = 0;
    for (const [index, { node }] of others.entries()) {
      node.timed.before = (what) => {
        if (what.includes(REAP)) dying ??= index;
        if (dying !== index) return;
        if (what.includes(REAP)) removals += 1;
        if (removals < 2) return;
        world.freeze(1 + index);
        throw new Error('it has died');
      };
    }
    await world.advance(LEASE_MS);
    const survivor = others[1 - dying!]!;
    expect(survivor.ear.story).toHaveLength(100);
    await world.advance(LEASE_MS * 2);
    expect(survivor.ear.story.toSorted()).toEqual(
      users(250)
        .map((user) => `-${user}`)
        .toSorted(),
    );
  });

  it('is refused by every room before the first of its members is gone', async () => {
    world = await timedStores(redis);
    const [dead, ...others] = world.stores;
    const rooms = users(120).map((user) => `room of ${user}`);
    await Promise.all(rooms.map((room) => dead!.store.put(room, rec('ada'))));
    world.freeze(0);
    const keys = new PresenceKeys(world.prefix);
    let counting: Promise<number> | undefined;
    const countFences = async (commands: RedisCommands): Promise<number> => {
      const counts = rooms.map((room) => commands.zcard(keys.room(room).dead));
      return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
    };
    for (const { node } of others) {
      node.timed.before = async (what) => {
        if (what.includes(REAP)) await (counting ??= countFences(node.link.commands));
      };
    }
    await world.advance(LEASE_MS);
    expect(await counting).toBe(rooms.length);
  });

  it('gets no record into a room that it was not in, however late its call comes', async () => {
    world = await timedStores(redis, { callTimeoutMs: LEASE_MS * 100 });
    const [late, living] = world.stores;
    await late!.store.put('known', rec('bob'));
    const gate = deferred();
    const held = deferred();
    late!.node.timed.before = (what) => {
      if (!what.includes(CHANGE)) return undefined;
      held.resolve();
      return gate.promise;
    };
    // Noted under the lease, and on its way; then the process stands still.
    const put = late!.store.put('room', rec('ada'));
    await held.promise;
    world.freeze(0);
    await world.advance(LEASE_MS);
    late!.node.timed.before = () => undefined;
    gate.resolve();
    await put;
    expect(late!.ear.story).toEqual(['expired']);
    // It is there by the new lease, and goes with it.
    expect(await living!.store.watch('room', 1)).toMatchObject({ total: 1 });
    await world.advance(LEASE_MS);
    expect(living!.ear.story).toEqual(['-ada']);
  });

  it('learns of it from its first call, when it was only away', async () => {
    world = await timedStores(redis);
    const [stuck, living] = world.stores;
    await stuck!.store.put('room', rec('ada'));
    world.freeze(0);
    await world.advance(LEASE_MS);
    await stuck!.store.remove('room', rec('ada'), 'client');
    expect(stuck!.ear.story).toEqual(['expired']);
    expect(await living!.store.read('room', 1)).toMatchObject({ total: 0 });
  });
});

describe('a living node', () => {
  it('R-14 keeps its members with a clock that is minutes off, and loses them in time', async () => {
    world = await timedStores(redis, {}, [-5 * MINUTE_MS, 5 * MINUTE_MS, 0]);
    const [slow, fast, right] = world.stores;
    await slow!.store.put('room', rec('ada'));
    await fast!.store.put('room', rec('bob'));
    await right!.store.watch('room', 10);
    await world.advance(LEASE_MS * 5);
    expect(right!.ear.story).toEqual([]);
    world.freeze(1);
    await world.advance(LEASE_MS);
    expect(right!.ear.story).toEqual(['-bob']);
    world.freeze(0);
    await world.advance(LEASE_MS);
    expect(right!.ear.story).toEqual(['-bob', '-ada']);
  });

  it('notes a room anew when the note has become too old on the way', async () => {
    world = await timedStores(redis, { callTimeoutMs: 120 * MINUTE_MS });
    const [late, other] = world.stores;
    const gate = deferred();
    const held = deferred();
    late!.node.timed.before = (what) => {
      if (!what.includes(CHANGE)) return undefined;
      held.resolve();
      return gate.promise;
    };
    const put = late!.store.put('room', rec('ada'));
    await held.promise;
    redis.clock = { now: () => world.clock.now() + 31 * MINUTE_MS, after: () => () => undefined };
    let notes = 0;
    late!.node.timed.before = (what) => {
      if (what.includes(NOTE)) notes += 1;
    };
    gate.resolve();
    await put;
    expect(notes).toBe(1);
    expect(late!.ear.story).toEqual([]);
    expect(await other!.store.read('room', 1)).toMatchObject({ total: 1 });
  });

  it('removes nobody after an outage of Redis that was longer than the lease', async () => {
    world = await timedStores(redis);
    for (const [index, { store }] of world.stores.entries()) {
      await store.put('room', rec(`user-${String(index)}`));
      await store.watch('room', 10);
    }
    const stories = (): string[][] => world.stores.map(({ ear }) => [...ear.story]);
    const before = stories();
    for (const { node } of world.stores) {
      node.timed.before = () => {
        throw new Error('Redis is away');
      };
    }
    await world.advance(LEASE_MS * 3);
    // One is back earlier than the others.
    for (const { node } of world.stores) {
      node.timed.before = () => undefined;
      await world.advance(LEASE_MS / 20);
    }
    await world.advance(LEASE_MS * 3);
    expect(stories()).toEqual(before);
    const [first] = world.stores;
    expect((await first!.store.read('room', 10)).total).toBe(3);
    // Told once, however often it was tried.
    expect(first!.observer.failures).toHaveLength(1);
  });

  it('takes rooms off its list that its members have left, and finds them again', async () => {
    world = await timedStores(redis);
    const [node, watching] = world.stores;
    const keys = new PresenceKeys(world.prefix);
    const { commands } = node!.node.link;
    const noted = async (): Promise<number> => {
      const leases = await commands.zrange(keys.leases, '0', '-1');
      const counts = await Promise.all(leases.map((name) => commands.scard(keys.rooms(name))));
      return counts.reduce((sum, count) => sum + count, 0);
    };
    await Promise.all(users(700).map((user) => node!.store.put(user, rec(user))));
    expect(await noted()).toBe(700);
    await Promise.all(users(700).map((user) => node!.store.remove(user, rec(user), 'client')));
    await world.advance(LEASE_MS / 2);
    expect(await noted()).toBe(0);
    await node!.store.put('user-3', rec('user-3'));
    await watching!.store.watch('user-3', 1);
    world.freeze(0);
    await world.advance(LEASE_MS);
    expect(watching!.ear.story).toEqual(['-user-3']);
  });

  it('is unavailable, and does not try for ever, where no lease of its holds', async () => {
    world = await timedStores(redis);
    const [node] = world.stores;
    const keys = new PresenceKeys(world.prefix);
    const { commands } = node!.node.link;
    let lost = 0;
    node!.node.timed.before = async (what) => {
      if (!what.includes(NOTE)) return;
      lost += 1;
      await commands.del(keys.leases);
    };
    const refused = { code: 'unavailable' };
    await expect(node!.store.put('room', rec('ada'))).rejects.toMatchObject(refused);
    expect(lost).toBe(3);
    expect(node!.ear.count('expired')).toBe(3);
    node!.node.timed.before = () => undefined;
    await expect(node!.store.put('room', rec('ada'))).resolves.toBeUndefined();
  });

  it('is unavailable, and does not try for ever, where a room takes every lease for dead', async () => {
    world = await timedStores(redis);
    const [node] = world.stores;
    const keys = new PresenceKeys(world.prefix);
    const { commands } = node!.node.link;
    await node!.store.put('room', rec('bob'));
    node!.node.timed.before = async (what) => {
      if (!what.includes(CHANGE)) return;
      const leases = await commands.zrange(keys.leases, '0', '-1');
      await commands.zadd(keys.room('room').dead, ...leases.flatMap((lease) => ['1', lease]));
    };
    const refused = { code: 'unavailable' };
    await expect(node!.store.put('room', rec('ada'))).rejects.toMatchObject(refused);
    await expect(node!.store.remove('room', rec('bob'), 'client')).rejects.toMatchObject(refused);
    expect((await node!.store.read('room', 1)).total).toBe(1);
  });

  it('shows a member that two nodes had until the second is gone too', async () => {
    world = await timedStores(redis);
    const [one, two, three] = world.stores;
    const first = rec('ada', 'c1');
    await one!.store.put('room', first);
    // The same record by another node: it is that node's now.
    await two!.store.put('room', first);
    await three!.store.watch('room', 1);
    world.freeze(0);
    await world.advance(LEASE_MS * 2);
    expect(three!.ear.story).toEqual([]);
    world.freeze(1);
    await world.advance(LEASE_MS);
    expect(three!.ear.story).toEqual(['-ada']);
  });
});
