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

/** Longest wait between two attempts to connect, in milliseconds. */
const MAX_BACKOFF_MS = 2_000;

/** Longest wait for a connection, in milliseconds: a server that is cut off must not take a node with it. */
const CONNECT_TIMEOUT_MS = 3_000;

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
  retryStrategy: null,
  readOnly: false,
} satisfies RedisOptions;

/** Begins the connection that commands are sent by. It reconnects until it is closed. */
export function connectCommands(source: RedisSource): RedisCommands {
  if ('url' in source) return new Redis(source.url, COMMANDS);
  if ('options' in source) return new Redis({ ...source.options, ...COMMANDS });
  if ('cluster' in source) {
    const { nodes, options } = source.cluster;
    return new Cluster([...nodes], { ...options, ...clusterOptions(options?.redisOptions) });
  }
  const { client } = source;
  if (!isCluster(client)) return client.duplicate(COMMANDS);
  return client.duplicate([], clusterOptions(client.options.redisOptions));
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

function clusterOptions(redisOptions: object | undefined) {
  return {
    lazyConnect: false,
    enableOfflineQueue: true,
    enableAutoPipelining: false,
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
