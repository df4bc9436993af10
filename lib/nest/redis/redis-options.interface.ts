import type {
  RedisBrokerOptions,
  RedisClusterOptions,
  RedisCommands,
  RedisLinkOptions,
  RedisOptions,
} from '../../redis/index.js';

/**
 * Redis, shared by all nodes. Needs the package `ioredis`. Exactly one of `url`, `options`, `cluster` and
 * `client` says where it is.
 */
export interface RealtimeRedisOptions
  extends RedisBrokerOptions, Pick<RedisLinkOptions, 'sharded' | 'probeMs'> {
  /** Where it is: `redis://user:password@host:6379/0`, or `rediss://` for TLS. */
  readonly url?: string;
  /** Options of ioredis for one server, or for one that sentinels name. */
  readonly options?: RedisOptions;
  /** A cluster: some of its nodes, and ioredis's options for it. */
  readonly cluster?: RedisClusterOptions;
  /** A connection of the application: its settings are used for connections of our own; it is left alone. */
  readonly client?: RedisCommands;
  /** What every key and channel begins with. Default `realtime`. Applications that share a Redis have different ones. */
  readonly prefix?: string;
}
