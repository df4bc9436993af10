/** The contract of `Broker` over a master that sentinels name. */
import { afterAll, beforeAll } from '@jest/globals';
import type { Redis } from 'ioredis';

import { startSentinels, stopAll, type RedisServer } from '../support/redis-server.js';
import { redisBrokerWorld } from '../support/redis-world.js';
import { brokerChecks } from './broker.suite.js';
import { runSuite } from './suite.js';

let servers: RedisServer[];
let sentinels: readonly RedisServer[];
let master: Redis;

beforeAll(async () => {
  const started = await startSentinels();
  sentinels = started.sentinels;
  servers = [...sentinels, ...started.replicas, started.master];
  master = started.master.client();
});

afterAll(() => stopAll(servers));

runSuite('RedisBroker, 2 behind sentinels', brokerChecks, async () => {
  const options = { name: 'main', sentinels: sentinels.map(({ host, port }) => ({ host, port })) };
  return redisBrokerWorld({ options }, [master], 2);
});
