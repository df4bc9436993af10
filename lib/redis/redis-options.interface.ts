import type { RedisBrokerOptions } from './redis-broker.js';
import type { RedisLinkOptions } from './redis-link.js';
import type { RedisPlaceOptions } from './redis-source.js';

/**
 * Redis, shared by all nodes. Needs the package `ioredis`. Exactly one of `url`, `options`, `cluster` and
 * `client` says where it is.
 */
export interface RealtimeRedisOptions
  extends RedisPlaceOptions, RedisBrokerOptions, Pick<RedisLinkOptions, 'sharded' | 'probeMs'> {
  /** What every key and channel begins with. Default `realtime`. Applications that share a Redis have different ones. */
  readonly prefix?: string;
}
