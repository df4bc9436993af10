import type { RateStore } from '../../lib/core/index.js';
import { isCluster, type RedisCommands } from '../../lib/redis/redis-commands.js';
import { RedisRateStore } from '../../lib/redis/redis-rate-store.js';
import { SystemClock } from '../../lib/transport/index.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import type { RedisNodes } from '../support/redis-nodes.js';
import type { RateStoreWorld } from './rate-store.suite.js';

/** So far ahead that no key expires by the server's own time while a test runs. */
const IN_FAR_FUTURE_MS = 4_102_444_800_000;

/** Stores of as many nodes as there are connections, in a corner of Redis of their own, in the test's time. */
export async function redisRates(redis: RedisNodes): Promise<RateStoreWorld> {
  const time = new ManualClock(IN_FAR_FUTURE_MS);
  redis.clock = time;
  const prefix = redis.prefix();
  await Promise.all(redis.nodes.map(({ link }) => link.ready()));
  const stores = redis.nodes.map(({ commands }) => {
    // The time of a node has no say: here it has nothing to do with the server's.
    return new RedisRateStore(
      { commands, clock: new SystemClock() },
      { prefix, callTimeoutMs: 60_000 },
    );
  });
  return {
    nodes: stores as [RedisRateStore, ...RateStore[]],
    maxKeys: undefined,
    keys: () => living(redis.nodes[0]!.link.commands, prefix, time.now()),
    advance: (ms) => {
      time.advance(ms);
      return Promise.resolve();
    },
    dispose: async () => {
      await Promise.all(stores.map((store) => store.close()));
    },
  };
}

/** Keys whose time is not over. */
async function living(commands: RedisCommands, prefix: string, now: number): Promise<number> {
  const servers = isCluster(commands) ? commands.nodes('master') : [commands];
  const times = servers.map(async (server) => {
    const names = await server.keys(`${prefix}:rate:*`);
    return Promise.all(names.map((name) => server.pexpiretime(name)));
  });
  return (await Promise.all(times)).flat().filter((expiresAt) => expiresAt > now).length;
}
