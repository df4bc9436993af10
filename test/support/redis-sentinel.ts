/** A master with two replicas, each behind a proxy that can cut it off, and three sentinels. */
import type { Redis } from 'ioredis';

import type { RedisOptions } from '../../lib/redis/redis-commands.js';
import {
  repeat,
  startRedis,
  startSentinel,
  stopAll,
  whenReplicated,
  type RedisServer,
} from './redis-server.js';
import { TcpProxy } from './tcp-proxy.js';

/**
 * Milliseconds without an answer after which the master counts as down. A sentinel asks once a second: with
 * less than two a busy machine has it mistake the server that it has just promoted for a dead one.
 */
const DOWN_AFTER_MS = 3_000;

/** Longer than any test: before it is over no sentinel minds that a replica copies a proxy. */
const FAILOVER_TIMEOUT_MS = 120_000;

/** What sentinels watch. */
export class SentinelFarm {
  /** A connection to each server, for questions. */
  readonly #clients = new Map<RedisServer, Redis>();

  private constructor(
    readonly master: RedisServer,
    readonly replicas: readonly RedisServer[],
    /** Between each replica and the master. */
    readonly ways: readonly TcpProxy[],
    readonly sentinels: readonly RedisServer[],
  ) {}

  /** Starts it; resolves when every sentinel knows all the others, and every replica has everything. */
  static async start(): Promise<SentinelFarm> {
    const master = await startRedis();
    const ways = await Promise.all([TcpProxy.start(master), TcpProxy.start(master)]);
    const replicas = await Promise.all(
      ways.map(({ host, port }) => startRedis(['--replicaof', `${host} ${String(port)}`])),
    );
    await Promise.all(replicas.map(whenReplicated));
    const times = { downAfterMs: DOWN_AFTER_MS, failoverTimeoutMs: FAILOVER_TIMEOUT_MS };
    const sentinels = await Promise.all([1, 2, 3].map(() => startSentinel(master, times)));
    const farm = new SentinelFarm(master, replicas, ways, sentinels);
    await Promise.all(sentinels.map((sentinel) => farm.#isKnown(sentinel)));
    return farm;
  }

  /** Servers that hold data. */
  get servers(): readonly RedisServer[] {
    return [this.master, ...this.replicas];
  }

  /** How nodes connect: to whichever server the sentinels name. */
  get options(): RedisOptions {
    return { name: 'main', sentinels: this.sentinels.map(({ host, port }) => ({ host, port })) };
  }

  /** Waits until the replicas have everything. */
  async whenSame(): Promise<void> {
    await repeat(async () => {
      const offsets = await Promise.all(this.servers.map(this.#offsetOf));
      return offsets.every((offset) => offset === offsets[0]);
    });
  }

  /** Cuts the replicas off the master, without a word to either. */
  partition(): void {
    for (const way of this.ways) way.isSilent = true;
  }

  /**
   * Kills the master; resolves with the server that the sentinels have chosen, when the other one copies it.
   * As long as two take writes, what one of them acknowledges is lost later.
   */
  async elect(): Promise<RedisServer> {
    await this.master.kill();
    let chosen: RedisServer | undefined;
    await repeat(async () => {
      const named = await Promise.all(this.sentinels.map(this.#chosenBy));
      chosen = this.replicas.find(({ port }) => named.every((name) => name === port));
      return chosen !== undefined && (await this.#isOnlyMaster(chosen));
    }, 40_000);
    if (chosen === undefined) throw new Error('expected the sentinels to choose a replica');
    return chosen;
  }

  /** Ends it. */
  async stop(): Promise<void> {
    await stopAll([...this.sentinels, ...this.servers]);
    await Promise.all(this.ways.map((way) => way.stop()));
  }

  async #isKnown(sentinel: RedisServer): Promise<void> {
    await repeat(async () => {
      const told = (await this.#client(sentinel).call('sentinel', ['master', 'main'])) as string[];
      const valueOf = (name: string): string | undefined => told[told.indexOf(name) + 1];
      return valueOf('num-slaves') === '2' && valueOf('num-other-sentinels') === '2';
    }, 40_000);
  }

  #client(server: RedisServer): Redis {
    const client = this.#clients.get(server) ?? server.client();
    this.#clients.set(server, client);
    return client;
  }

  async #isOnlyMaster(chosen: RedisServer): Promise<boolean> {
    const infos = await Promise.all(
      this.replicas.map((server) => this.#client(server).info('replication')),
    );
    return this.replicas.every((server, index) => {
      const info = infos[index] ?? '';
      if (server === chosen) return info.includes('role:master');
      return (
        info.includes(`master_port:${String(chosen.port)}\r`) &&
        info.includes('master_link_status:up')
      );
    });
  }

  readonly #offsetOf = async (server: RedisServer): Promise<string | undefined> => {
    const info = await this.#client(server).info('replication');
    return /(?:slave_repl|master_repl)_offset:(\d+)/.exec(info)?.[1];
  };

  /** Port of the server that a sentinel names. */
  readonly #chosenBy = async (sentinel: RedisServer): Promise<number> => {
    const question = ['get-master-addr-by-name', 'main'];
    const told = (await this.#client(sentinel).call('sentinel', question)) as string[];
    return Number(told[1]);
  };
}
