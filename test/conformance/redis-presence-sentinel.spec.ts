import { afterAll, expect } from '@jest/globals';

import { RedisNodes } from '../support/redis-nodes.js';
import { startSentinels, stopAll, type RedisServer } from '../support/redis-server.js';
import { presenceChecks } from './presence-store.suite.js';
import { rateStoreChecks } from './rate-store.suite.js';
import { redisPresence } from './redis-presence.world.js';
import { redisRates } from './redis-rate.world.js';
import { redisReplies } from './redis-reply.world.js';
import { replyStoreChecks } from './reply-store.suite.js';
import { runSuite } from './suite.js';

let servers: readonly RedisServer[] = [];
let nodes: RedisNodes | undefined;

async function connections(): Promise<RedisNodes> {
  if (nodes !== undefined) return nodes;
  const { master, replicas, sentinels } = await startSentinels();
  servers = [...sentinels, ...replicas, master];
  const addresses = sentinels.map(({ host, port }) => ({ host, port }));
  nodes = new RedisNodes({ options: { sentinels: addresses, name: 'main' } }, 3);
  return nodes;
}

afterAll(async () => {
  expect(nodes?.observer.failures).toEqual([]);
  nodes?.close();
  await stopAll(servers);
});

runSuite('RedisPresenceStore of three nodes behind Sentinel', presenceChecks, async () =>
  redisPresence(await connections()),
);
runSuite('RedisReplyStore of three nodes behind Sentinel', replyStoreChecks, async () =>
  redisReplies(await connections()),
);
runSuite('RedisRateStore of three nodes behind Sentinel', rateStoreChecks, async () =>
  redisRates(await connections()),
);
