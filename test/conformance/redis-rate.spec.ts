import { afterAll, expect } from '@jest/globals';

import { RedisNodes } from '../support/redis-nodes.js';
import { useRedis, type RedisServer } from '../support/redis-server.js';
import { rateStoreChecks } from './rate-store.suite.js';
import { redisRates } from './redis-rate.world.js';
import { runSuite } from './suite.js';

let server: RedisServer | undefined;
let redis: RedisNodes | undefined;

afterAll(async () => {
  expect(redis?.observer.failures).toEqual([]);
  redis?.close();
  await server?.stop();
});

runSuite('RedisRateStore of four nodes', rateStoreChecks, async () => {
  server ??= await useRedis();
  redis ??= new RedisNodes({ url: server.url }, 4);
  return redisRates(redis);
});
