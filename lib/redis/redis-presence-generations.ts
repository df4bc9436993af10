import type { Redis } from 'ioredis';

import type { RedisCalls } from './redis-calls.js';
import { isCluster, type RedisCommands } from './redis-commands.js';

/** Generations that are remembered although no server has them now. */
const MOST_GONE = 1_000;

/**
 * Notices that a server which keeps our data may have lost some: every promotion of a replica and every
 * restart gives it another `master_replid`, also where no connection of ours was cut. Where INFO is not
 * allowed, nothing is noticed by this means.
 */
export class StoreGenerations {
  #known: Set<string> | undefined;

  constructor(
    private readonly commands: RedisCommands,
    private readonly calls: RedisCalls,
  ) {}

  /** Whether there is a generation that was not there before. The first call has nothing to compare with. */
  async hasChanged(): Promise<boolean> {
    const client = this.commands;
    const servers = isCluster(client) ? client.nodes('master') : [client];
    const found = await Promise.all(servers.map((server) => this.#generationOf(server)));
    const ids = found.filter((id) => id !== undefined);
    if (ids.length === 0) return false;
    const known = this.#known;
    const gone = [...(known ?? [])].filter((id) => !ids.includes(id));
    // Those that are gone stay known: a server that was out of reach is not a new one when it is back.
    this.#known = new Set([...gone.slice(-MOST_GONE), ...ids]);
    return known !== undefined && ids.some((id) => !known.has(id));
  }

  async #generationOf(server: Redis): Promise<string | undefined> {
    try {
      const info = await this.calls.wait(server.info('replication'));
      return /^master_replid:(\w+)/m.exec(info)?.[1];
    } catch {
      // Out of reach, or not allowed: the next look may tell. What counts is a generation that is seen.
      return undefined;
    }
  }
}
