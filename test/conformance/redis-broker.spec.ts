/** The contract of `Broker` over Redis, by one node and by three. */
import { afterAll, beforeAll } from '@jest/globals';
import type { Redis } from 'ioredis';

import { useRedis, type RedisServer } from '../support/redis-server.js';
import { severableBrokerWorld } from '../support/redis-world.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { brokerChecks } from './broker.suite.js';
import { runSuite } from './suite.js';

let server: RedisServer;
let client: Redis;

beforeAll(async () => {
  server = await useRedis();
  client = server.client();
});

afterAll(() => server.stop());

for (const count of [1, 3]) {
  runSuite(`RedisBroker, ${String(count)} on one server`, brokerChecks, async () =>
    severableBrokerWorld(await TcpProxy.start(server), server.url, [client], count),
  );
}
