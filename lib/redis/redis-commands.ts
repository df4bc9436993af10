import type { Cluster, ClusterNode, ClusterOptions, Redis, RedisOptions as Options } from 'ioredis';

/** What commands are sent by: a connection to one server (also by Sentinel), or to a cluster. */
export type RedisCommands = Redis | Cluster;

/** Options of ioredis for one server. Replies have to come as ioredis has always given them. */
export type RedisOptions = Omit<Options, 'replyMapping' | 'keyPrefix'>;

/** Where a cluster is, and ioredis's options for it. */
export interface RedisClusterOptions {
  /** Some of the cluster's nodes; the others are found by them. At least one. */
  readonly nodes: readonly ClusterNode[];
  /** Options of ioredis. Default: its own. */
  readonly options?: Omit<ClusterOptions, 'keyPrefix'>;
}

/** Whether it is a cluster's. Tells by a mark of ioredis, so that two copies of the package do not matter. */
export function isCluster(client: RedisCommands): client is Cluster {
  return client.isCluster;
}
