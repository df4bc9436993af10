import { afterAll, expect } from '@jest/globals';

import { RedisNodes } from '../support/redis-nodes.js';
import { startCluster, stopAll, type RedisServer } from '../support/redis-server.js';
import { rateStoreChecks } from './rate-store.suite.js';
import { redisRates } from './redis-rate.world.js';
import { runSuite } from './suite.js';

let servers: RedisServer[] = [];
let redis: RedisNodes | undefined;

async function connections(): Promise<RedisNodes> {
  if (redis !== undefined) return redis;
  servers = await startCluster();
  const nodes = servers.map(({ host, port }) => ({ host, port }));
  redis = new RedisNodes({ cluster: { nodes } }, 4);
  return redis;
}

afterAll(async () => {
  expect(redis?.observer.failures).toEqual([]);
  redis?.close();
  await stopAll(servers);
});

runSuite('RedisRateStore of four nodes on a cluster', rateStoreChecks, async () =>
  redisRates(await connections()),
);
