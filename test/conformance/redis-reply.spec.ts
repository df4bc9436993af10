import { afterAll, expect } from '@jest/globals';

import { RedisNodes } from '../support/redis-nodes.js';
import { useRedis, type RedisServer } from '../support/redis-server.js';
import { redisReplies } from './redis-reply.world.js';
import { replyStoreChecks, type ReplyStoreWorld } from './reply-store.suite.js';
import { runSuite } from './suite.js';

let server: RedisServer | undefined;
const nodes = new Map<number, RedisNodes>();

async function worldOf(count: number): Promise<ReplyStoreWorld> {
  server ??= await useRedis();
  const redis = nodes.get(count) ?? new RedisNodes({ url: server.url }, count);
  nodes.set(count, redis);
  return redisReplies(redis);
}

afterAll(async () => {
  for (const redis of nodes.values()) {
    expect(redis.observer.failures).toEqual([]);
    redis.close();
  }
  await server?.stop();
});

runSuite('RedisReplyStore of one node', replyStoreChecks, () => worldOf(1));
runSuite('RedisReplyStore of three nodes', replyStoreChecks, () => worldOf(3));
