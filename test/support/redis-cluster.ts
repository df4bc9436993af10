/** A cluster of real servers, and what befalls its masters. */
import { keySlot } from '../../lib/redis/key-slot.js';
import { repeat, startCluster, stopAll, type RedisServer } from './redis-server.js';

/** What `CLUSTER NODES` says of one server. */
export interface ClusterMember {
  readonly id: string;
  readonly isMaster: boolean;
  readonly masterId: string;
  readonly server: RedisServer;
  /** First and last slot of each range. */
  readonly slots: readonly (readonly [number, number])[];
}

/** Three masters with a replica each. */
export class ClusterFarm {
  private constructor(readonly servers: readonly RedisServer[]) {}

  /** Starts it. */
  static async start(): Promise<ClusterFarm> {
    return new ClusterFarm(await startCluster());
  }

  /** Where nodes find it. */
  get addresses(): { readonly host: string; readonly port: number }[] {
    return this.servers.map(({ host, port }) => ({ host, port }));
  }

  /** The servers that live and are known to, as one of them says. */
  async members(): Promise<ClusterMember[]> {
    for (const server of this.servers) {
      const client = server.client({ maxRetriesPerRequest: 0 });
      const text = await client.call('cluster', ['nodes']).catch(() => undefined);
      client.disconnect();
      if (typeof text === 'string') {
        return text
          .trim()
          .split('\n')
          .flatMap((line) => this.#parse(line));
      }
    }
    throw new Error('expected a server that answers');
  }

  /** The master that a key is on. */
  async masterOf(key: string): Promise<ClusterMember> {
    const slot = keySlot(key);
    const all = await this.members();
    const found = all.find(({ slots }) => slots.some(([from, to]) => from <= slot && slot <= to));
    if (found === undefined) throw new Error('expected a master');
    return found;
  }

  /** Moves the slot of a key, with everything in it, to another master that lives. */
  async move(key: string): Promise<void> {
    const slot = keySlot(key);
    const from = await this.masterOf(key);
    const to = (await this.members()).find(({ isMaster, id }) => isMaster && id !== from.id);
    if (to === undefined) throw new Error('expected another master');
    const [source, target] = [from.server.client(), to.server.client()];
    await target.cluster('SETSLOT', slot, 'IMPORTING', from.id);
    await source.cluster('SETSLOT', slot, 'MIGRATING', to.id);
    const held = await source.cluster('GETKEYSINSLOT', slot, 1_000);
    const { host, port } = to.server;
    await source.call('migrate', [host, String(port), '', '0', '5000', 'KEYS', ...held]);
    for (const { server, isMaster } of await this.members()) {
      if (isMaster) await server.client().cluster('SETSLOT', slot, 'NODE', to.id);
    }
  }

  /** Kills the master of a key; resolves when its replica is the master. */
  async kill(key: string): Promise<RedisServer> {
    const master = await this.masterOf(key);
    await master.server.kill();
    await repeat(async () => (await this.masterOf(key)).id !== master.id);
    return master.server;
  }

  /** Starts a server again that was killed; resolves when it is a replica that has everything. */
  async revive(server: RedisServer): Promise<void> {
    await server.restart();
    const client = server.client();
    await repeat(async () => {
      const info = await client.info('replication');
      return info.includes('role:slave') && info.includes('master_link_status:up');
    });
    await repeat(async () => (await this.members()).length === this.servers.length);
    client.disconnect();
  }

  /** Ends it. */
  async stop(): Promise<void> {
    await stopAll(this.servers);
  }

  #parse(line: string): ClusterMember[] {
    const [id = '', address = '', flags = '', masterId = '', , , , link, ...ranges] =
      line.split(' ');
    const port = Number(/:(\d+)@/.exec(address)?.[1]);
    const server = this.servers.find((each) => each.port === port);
    if (server === undefined || link !== 'connected' || flags.includes('fail')) return [];
    const slots = ranges.flatMap((range) => {
      const [from, to = from] = range.split('-').map(Number);
      return from === undefined || to === undefined || Number.isNaN(from)
        ? []
        : [[from, to] as const];
    });
    return [{ id, isMaster: flags.includes('master'), masterId, server, slots }];
  }
}
