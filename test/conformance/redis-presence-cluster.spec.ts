import { afterAll, expect } from '@jest/globals';

import { RedisNodes } from '../support/redis-nodes.js';
import { startCluster, stopAll, type RedisServer } from '../support/redis-server.js';
import { presenceChecks } from './presence-store.suite.js';
import { redisPresence } from './redis-presence.world.js';
import { redisReplies } from './redis-reply.world.js';
import { replyStoreChecks } from './reply-store.suite.js';
import { runSuite } from './suite.js';

let servers: RedisServer[] = [];
let nodes: RedisNodes | undefined;

async function connections(): Promise<RedisNodes> {
  if (nodes !== undefined) return nodes;
  servers = await startCluster();
  const addresses = servers.map(({ host, port }) => ({ host, port }));
  nodes = new RedisNodes({ cluster: { nodes: addresses } }, 3);
  return nodes;
}

afterAll(async () => {
  expect(nodes?.observer.failures).toEqual([]);
  nodes?.close();
  await stopAll(servers);
});

runSuite('RedisPresenceStore of three nodes on a cluster', presenceChecks, async () =>
  redisPresence(await connections()),
);
runSuite('RedisReplyStore of three nodes on a cluster', replyStoreChecks, async () =>
  redisReplies(await connections()),
);
