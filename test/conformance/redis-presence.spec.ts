import { afterAll, expect } from '@jest/globals';

import { RedisNodes } from '../support/redis-nodes.js';
import { useRedis, type RedisServer } from '../support/redis-server.js';
import { presenceChecks, type PresenceWorld } from './presence-store.suite.js';
import { redisPresence } from './redis-presence.world.js';
import { runSuite } from './suite.js';

let server: RedisServer | undefined;
const nodes = new Map<number, RedisNodes>();

async function worldOf(count: number): Promise<PresenceWorld> {
  server ??= await useRedis();
  const redis = nodes.get(count) ?? new RedisNodes({ url: server.url }, count);
  nodes.set(count, redis);
  return redisPresence(redis);
}

afterAll(async () => {
  for (const redis of nodes.values()) {
    expect(redis.observer.failures).toEqual([]);
    redis.close();
  }
  await server?.stop();
});

runSuite('RedisPresenceStore of one node', presenceChecks, () => worldOf(1));
runSuite('RedisPresenceStore of three nodes', presenceChecks, () => worldOf(3));
