/** Nodes that die or stand still, as processes: of the catalogue of faults. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';

import { SystemClock } from '../../lib/transport/index.js';
import { RedisNodes } from '../support/redis-nodes.js';
import { useRedis, type RedisServer } from '../support/redis-server.js';
import { deferred } from '../support/turns.js';
import {
  startPresenceProcess,
  startStore,
  type PresenceProcess,
  type StoreUnderTest,
} from './presence-world.js';

const LEASE_MS = 2_000;
const names = (count: number): string[] => Array.from({ length: count }, (_, n) => `user-${n}`);

let server: RedisServer;
let redis: RedisNodes;
let stores: StoreUnderTest[] = [];
let child: PresenceProcess | undefined;

beforeAll(async () => {
  server = await useRedis();
  redis = new RedisNodes({ url: server.url }, 2);
});

afterEach(async () => {
  await child?.end();
  await Promise.all(stores.map(({ store }) => store.close()));
});

afterAll(async () => {
  redis.close();
  await server.stop();
});

/** Two nodes here that watch, and one elsewhere whose users are in the room. */
async function start(users: readonly string[]): Promise<PresenceProcess> {
  const prefix = redis.prefix();
  const options = { prefix, leaseMs: LEASE_MS };
  stores = await Promise.all(
    redis.nodes.map((node) => startStore(redis, node, new SystemClock(), options)),
  );
  child = await startPresenceProcess({ url: server.url, room: 'room', users, ...options });
  for (const { store } of stores) await store.watch('room', 10_000);
  return child;
}

/** Resolves when every node has heard this many things. */
async function told(count: number): Promise<void> {
  await Promise.all(
    stores.map(async ({ ear }) => {
      const { promise, resolve } = deferred();
      ear.onTold = () => {
        if (ear.story.length >= count) resolve();
      };
      ear.onTold();
      await promise;
    }),
  );
}

describe('a node that is killed', () => {
  it('R-12 loses its 1,000 members within the lease, each with one leave on every node', async () => {
    const users = names(1_000);
    const node = await start(users);
    await node.end();
    const killedAt = performance.now();
    await told(users.length);
    // The lease is 2 s. What a busy machine adds is no matter of the lease.
    expect(performance.now() - killedAt).toBeLessThan(10_000);
    const gone = users.map((user) => `-${user}`).toSorted();
    for (const { ear } of stores) expect(ear.story.toSorted()).toEqual(gone);
    expect((await stores[0]!.store.read('room', 0)).total).toBe(0);
    await stores[0]!.store.put('room', { userId: 'last', client: 'c', connectionId: 'c1' });
    await told(users.length + 1);
    for (const { ear } of stores) expect(ear.story.at(-1)).toBe('+last');
  });
});

describe('a node that stands still', () => {
  it('R-13 loses its members, and puts them again once when it goes on', async () => {
    const users = names(20);
    const node = await start(users);
    node.process.kill('SIGSTOP');
    await told(users.length);
    // It has this in hand before it knows what has happened.
    node.say('put late');
    node.process.kill('SIGCONT');
    await node.heard('put again');
    await node.heard('put late');
    expect(node.said.indexOf('expired')).toBeLessThan(node.said.indexOf('put late'));
    await told(users.length * 2 + 1);
    const due = [
      ...users.map((user) => `-${user}`),
      ...[...users, 'late'].map((user) => `+${user}`),
    ];
    for (const { ear } of stores) {
      expect(ear.story.slice(0, users.length).every((entry) => entry.startsWith('-'))).toBe(true);
      expect(ear.story.toSorted()).toEqual(due.toSorted());
    }
    expect((await stores[0]!.store.read('room', 0)).total).toBe(users.length + 1);
    expect(node.said.filter((line) => line === 'expired')).toHaveLength(1);
  });
});
