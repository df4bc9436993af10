import { Cluster, Redis } from 'ioredis';

import {
  isCluster,
  type RedisClusterOptions,
  type RedisCommands,
  type RedisOptions,
} from './redis-commands.js';

/** Where Redis is: exactly one of these. */
export type RedisSource =
  | { readonly url: string }
  | { readonly options: RedisOptions }
  | { readonly cluster: RedisClusterOptions }
  | {
      /** A connection of the application. Its settings are used for connections of our own; it is left alone. */
      readonly client: RedisCommands;
    };

/** Where Redis is: exactly one of these says it. */
export interface RedisPlaceOptions {
  /** One server: `redis://user:password@host:6379/0`, or `rediss://` for TLS. */
  readonly url?: string;
  /** Options of ioredis for one server, or for one that sentinels name. */
  readonly options?: RedisOptions;
  /** A cluster: some of its nodes, and ioredis's options for it. */
  readonly cluster?: RedisClusterOptions;
  /** A connection of the application: its settings are used for connections of our own; it is left alone. */
  readonly client?: RedisCommands;
}

/** The place that options name. Without any: the server of this machine, as ioredis has it. */
export function sourceOf({ url, options, cluster, client }: RedisPlaceOptions): RedisSource {
  if (url !== undefined) return { url };
  if (cluster !== undefined) return { cluster };
  return client === undefined ? { options: options ?? {} } : { client };
}

/** Longest wait between two attempts to connect, in milliseconds. */
const MAX_BACKOFF_MS = 2_000;

/** Longest wait for a connection, in milliseconds: a server that is cut off must not take a node with it. */
const CONNECT_TIMEOUT_MS = 3_000;

/** Milliseconds between two looks at which master of a cluster has what: not every change is told. */
const TOPOLOGY_MS = 5_000;

/** How long a connection that is ended has for saying goodbye, in milliseconds. ioredis: 2 000. */
const GOODBYE_MS = 200;

/**
 * Commands wait for the connection to come back and are sent again; callers have deadlines of their
 * own. What is sent again must not take effect twice: scripts see to that.
 */
const COMMANDS = {
  lazyConnect: false,
  connectTimeout: CONNECT_TIMEOUT_MS,
  disconnectTimeout: GOODBYE_MS,
  maxRetriesPerRequest: null,
  autoResendUnfulfilledCommands: true,
  enableOfflineQueue: true,
  // Batches are made by who has something to send: this costs more than it brings where little is sent.
  enableAutoPipelining: false,
  retryStrategy: (attempts: number): number => Math.min(MAX_BACKOFF_MS, 25 * 2 ** attempts),
  // A master that became a replica: connect anew, and send the command again.
  reconnectOnError: (error: Error): 2 | false => (error.message.startsWith('READONLY') ? 2 : false),
} satisfies RedisOptions;

/** A connection that listens is made anew by its owner, who knows what it listens to. */
const SUBSCRIBER = {
  lazyConnect: false,
  connectTimeout: CONNECT_TIMEOUT_MS,
  disconnectTimeout: GOODBYE_MS,
  maxRetriesPerRequest: null,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  enableOfflineQueue: false,
  // No number: never. ioredis 5 has no `null` in its types.
  retryStrategy: () => null,
  readOnly: false,
} satisfies RedisOptions;

/**
 * Begins the connection that commands are sent by. It reconnects until it is closed.
 *
 * @param silenceMs milliseconds after which one that does not answer is made anew. Absent: never.
 */
export function connectCommands(source: RedisSource, silenceMs?: number): RedisCommands {
  const silence = silenceMs === undefined ? {} : { socketTimeout: silenceMs };
  const settings = { ...COMMANDS, ...silence };
  if ('url' in source) return new Redis(source.url, settings);
  if ('options' in source) return new Redis({ ...source.options, ...settings });
  if ('cluster' in source) {
    const { nodes, options } = source.cluster;
    const redisOptions = { ...options?.redisOptions, ...silence };
    return new Cluster([...nodes], { ...options, ...clusterOptions(redisOptions) });
  }
  const { client } = source;
  if (!isCluster(client)) return client.duplicate(settings);
  return client.duplicate([], clusterOptions({ ...client.options.redisOptions, ...silence }));
}

/** Begins a connection that listens, to any node of a cluster. `undefined`: no node is known just now. */
export function connectSubscriber(commands: RedisCommands, fraction: number): Redis | undefined {
  if (!isCluster(commands)) return commands.duplicate(SUBSCRIBER);
  const nodes = commands.nodes('all');
  return nodes[Math.floor(fraction * nodes.length)]?.duplicate(SUBSCRIBER);
}

/** Begins a connection that listens to one master. `undefined`: it is none of the cluster's now. */
export function connectShardSubscriber(commands: Cluster, address: string): Redis | undefined {
  return commands
    .nodes('master')
    .find((node) => addressOf(node) === address)
    ?.duplicate(SUBSCRIBER);
}

/** Where a connection goes, as a cluster's table of slots has it. */
export function addressOf({ options }: Redis): string {
  return `${String(options.host)}:${String(options.port)}`;
}

function clusterOptions(redisOptions: object) {
  return {
    lazyConnect: false,
    enableOfflineQueue: true,
    enableAutoPipelining: false,
    slotsRefreshInterval: TOPOLOGY_MS,
    // A replica may not have yet what was just acknowledged.
    scaleReads: 'master' as const,
    clusterRetryStrategy: COMMANDS.retryStrategy,
    redisOptions: {
      ...redisOptions,
      connectTimeout: CONNECT_TIMEOUT_MS,
      disconnectTimeout: GOODBYE_MS,
      maxRetriesPerRequest: null,
      autoResendUnfulfilledCommands: true,
    },
  };
}
