/** The contract of `Broker` over a Redis Cluster of three masters with a replica each. */
import { afterAll, beforeAll } from '@jest/globals';
import type { Redis } from 'ioredis';

import { startCluster, stopAll, type RedisServer } from '../support/redis-server.js';
import { redisBrokerWorld } from '../support/redis-world.js';
import { brokerChecks } from './broker.suite.js';
import { runSuite } from './suite.js';

let servers: RedisServer[];
let masters: Redis[];

beforeAll(async () => {
  servers = await startCluster();
  // The first three are the masters.
  masters = servers.slice(0, 3).map((server) => server.client());
});

afterAll(() => stopAll(servers));

runSuite('RedisBroker, 3 on a cluster', brokerChecks, async () => {
  const nodes = servers.map(({ host, port }) => ({ host, port }));
  return redisBrokerWorld({ cluster: { nodes } }, masters, 3);
});
