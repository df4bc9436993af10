import { once } from 'node:events';

import { Redis } from 'ioredis';

/** Connections to the Redis of the benchmark (`BENCH_REDIS`), as many as asked for, once all are ready. */
export function connectRedis(count) {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const client = new Redis(process.env.BENCH_REDIS);
      await once(client, 'ready');
      return client;
    }),
  );
}
