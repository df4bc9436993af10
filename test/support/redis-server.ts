/** Redis servers for tests: on free ports and folders of their own, ended by their process. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { Redis } from 'ioredis';

import type { RedisOptions } from '../../lib/redis/redis-commands.js';

/** A server that runs. */
export interface RedisServer {
  readonly host: string;
  readonly port: number;
  readonly url: string;
  /** Its own process; absent for the one that `REDIS_URL` names. */
  readonly process?: ChildProcess;
  /** A connection for the test's own commands. The caller closes it, or `stop` does. */
  client(options?: RedisOptions): Redis;
  /** Kills it as power that fails, and waits for its end. Its folder stays. */
  kill(): Promise<void>;
  /** Starts it again, on the same port, with what its folder holds. */
  restart(): Promise<void>;
  /** Ends it and puts its folder away. */
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';

/**
 * ioredis has a timer cut what does not close, and keeps it where the server was killed before: its 2
 * seconds are longer than jest waits for a process that runs specs.
 */
const GOODBYE = { disconnectTimeout: 50 };

/** A server's settings that no test needs otherwise: nothing on disk, no waiting. */
const QUIET = ['--save', '', '--appendonly', 'no', '--repl-diskless-sync-delay', '0'];

/** Settings as on the command line; a function where some are to be others at each attempt to start. */
type Settings = readonly string[] | (() => Promise<readonly string[]>);

/** A server of the test's own. */
export async function startRedis(settings: Settings = []): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'realtime-redis-'));
  return start('redis-server', folder, async (port) => [
    ...['--port', String(port), '--bind', HOST, '--dir', folder],
    ...QUIET,
    ...(typeof settings === 'function' ? await settings() : settings),
  ]);
}

/** The server that `REDIS_URL` names, else one of the test's own: for tests that leave it as it is. */
export async function useRedis(): Promise<RedisServer> {
  const url = process.env['REDIS_URL'];
  if (url === undefined) return startRedis();
  const { hostname: host, port } = new URL(url);
  const clients: Redis[] = [];
  const refuse = (): Promise<void> => Promise.reject(new Error('not a server of the test’s own'));
  return {
    host,
    port: Number(port === '' ? 6379 : port),
    url,
    client: (options = {}) => remember(clients, new Redis(url, { ...GOODBYE, ...options })),
    kill: refuse,
    restart: refuse,
    stop: async () => {
      closeAll(clients);
    },
  };
}

/** A replica of a server. */
export async function startReplica(
  of: RedisServer,
  args: readonly string[] = [],
): Promise<RedisServer> {
  const replica = await startRedis(['--replicaof', `${of.host} ${String(of.port)}`, ...args]);
  await whenReplicated(replica);
  return replica;
}

/** Three masters with a replica each. */
export async function startCluster(args: readonly string[] = []): Promise<RedisServer[]> {
  const settings = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '1500', ...args];
  const servers = await Promise.all(
    Array.from({ length: 6 }, () =>
      startRedis(async () => [...settings, '--cluster-port', String(await freePort())]),
    ),
  );
  const addresses = servers.map(({ port }) => `${HOST}:${String(port)}`);
  await run('redis-cli', [
    '--cluster',
    'create',
    ...addresses,
    '--cluster-replicas',
    '1',
    '--cluster-yes',
  ]);
  await Promise.all(servers.map(whenClusterIsReady));
  return servers;
}

/** A master with two replicas, and three sentinels that watch it under the name `main`. */
export async function startSentinels(): Promise<{
  readonly master: RedisServer;
  readonly replicas: readonly RedisServer[];
  readonly sentinels: readonly RedisServer[];
}> {
  const master = await startRedis();
  const replicas = [await startReplica(master), await startReplica(master)];
  const sentinels = await Promise.all(Array.from({ length: 3 }, () => startSentinel(master)));
  return { master, replicas, sentinels };
}

/** How sentinels decide, in milliseconds. */
export interface SentinelTimes {
  /** Without an answer for so long a server counts as down. Default 30 000, Sentinel's own. */
  readonly downAfterMs?: number;
  /**
   * After so long a fail-over is tried anew, and a replica of another server is told of its master. Default
   * 180 000, Sentinel's own.
   */
  readonly failoverTimeoutMs?: number;
}

/** A sentinel that watches a master under the name `main`, and promotes with another one's consent. */
export function startSentinel(
  master: RedisServer,
  { downAfterMs = 30_000, failoverTimeoutMs = 180_000 }: SentinelTimes = {},
): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'realtime-sentinel-'));
  const file = join(folder, 'sentinel.conf');
  return start('redis-sentinel', folder, async (port) => {
    const lines = [
      `port ${String(port)}`,
      `bind ${HOST}`,
      `dir ${folder}`,
      `sentinel monitor main ${HOST} ${String(master.port)} 2`,
      `sentinel down-after-milliseconds main ${String(downAfterMs)}`,
      `sentinel failover-timeout main ${String(failoverTimeoutMs)}`,
    ];
    writeFileSync(file, `${lines.join('\n')}\n`);
    return [file];
  });
}

/** Ends several servers. */
export async function stopAll(servers: readonly RedisServer[]): Promise<void> {
  await Promise.all(servers.map((server) => server.stop()));
}

/** Waits until a replica has everything its master has. */
export async function whenReplicated(replica: RedisServer): Promise<void> {
  const client = replica.client();
  await repeat(async () => (await client.info('replication')).includes('master_link_status:up'));
  client.disconnect();
}

/** Waits until the server says so, looking again every 20 ms. */
export async function repeat(holds: () => Promise<boolean>, limitMs = 20_000): Promise<void> {
  const end = performance.now() + limitMs;
  for (;;) {
    if (await holds().catch(() => false)) return;
    if (performance.now() > end) throw new Error('repeat: the condition never held');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function whenClusterIsReady(server: RedisServer): Promise<void> {
  const client = server.client();
  await repeat(async () => {
    const info = await client.cluster('INFO');
    const nodes = String(await client.call('cluster', ['nodes']));
    return info.includes('cluster_state:ok') && nodes.match(/\bslave /g)?.length === 3;
  });
  client.disconnect();
}

/** Attempts to find a port that is still free when the server takes it. */
const MOST_ATTEMPTS = 10;

/** Starts it on a port that was free; on another one where somebody else was quicker. */
async function launchAnywhere(
  command: string,
  makeArgs: (port: number) => Promise<string[]>,
): Promise<{ port: number; args: string[]; child: ChildProcess }> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const args = await makeArgs(port);
    try {
      return { port, args, child: await launch(command, args) };
    } catch (error) {
      // Of the cluster's port as well.
      const isTaken = String(error).includes('Failed listening on port');
      if (!isTaken || attempt === MOST_ATTEMPTS) throw error;
    }
  }
}

async function start(
  command: string,
  folder: string,
  makeArgs: (port: number) => Promise<string[]>,
): Promise<RedisServer> {
  const clients: Redis[] = [];
  const { port, args, child: first } = await launchAnywhere(command, makeArgs);
  let child = first;
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  };
  return {
    host: HOST,
    port,
    url: `redis://${HOST}:${String(port)}`,
    get process() {
      return child;
    },
    client: (options = {}) =>
      remember(clients, new Redis({ host: HOST, port, ...GOODBYE, ...options })),
    kill,
    restart: async () => {
      child = await launch(command, args);
    },
    stop: async () => {
      closeAll(clients);
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Servers that run. A test that ends without having stopped them must not leave them behind. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Resolves when it takes connections. */
function launch(command: string, args: readonly string[]): Promise<ChildProcess> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  running.add(child);
  child.once('exit', () => running.delete(child));
  return new Promise((resolve, reject) => {
    const said: string[] = [];
    createInterface({ input: child.stdout }).on('line', (line) => {
      said.push(line);
      if (/Ready to accept connections|\+monitor master/.test(line)) resolve(child);
    });
    child.once('error', reject);
    // Not its exit: what it has said may still be on its way then.
    child.once('close', () => {
      reject(new Error(`${command} ended:\n${said.slice(-10).join('\n')}`));
    });
  });
}

/** A port that nobody listens on now; somebody may right after. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function run(command: string, args: readonly string[]): Promise<void> {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${command} ended with ${String(code)}`));
    });
  });
}

/** Twice would leave a timer behind. */
function closeAll(clients: readonly Redis[]): void {
  for (const client of clients) if (client.status !== 'end') client.disconnect();
}

function remember(clients: Redis[], client: Redis): Redis {
  // A server that a test kills is no news to the test's own connection.
  client.on('error', () => undefined);
  clients.push(client);
  return client;
}
