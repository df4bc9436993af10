/** What a server replies instead of doing it, and what becomes of it: D-13 of the catalogue of faults. */
import { afterEach, describe, expect, it } from '@jest/globals';

import { RealtimeError } from '../../lib/core/index.js';
import type { RedisBrokerOptions, RedisSource } from '../../lib/redis/index.js';
import { whyRejected } from '../../lib/redis/redis-errors.js';
import { Ear, put, read } from '../conformance/broker.world.js';
import {
  repeat,
  startCluster,
  startRedis,
  stopAll,
  type RedisServer,
} from '../support/redis-server.js';
import { closeNodes, freshKeys, makeNode, type RedisNode } from '../support/redis-world.js';

const ROOM = 'chat/general';

let servers: RedisServer[] = [];
let nodes: RedisNode[] = [];

afterEach(async () => {
  await closeNodes(nodes);
  await stopAll(servers);
  nodes = [];
  servers = [];
});

async function startNode(source: RedisSource, options: RedisBrokerOptions): Promise<RedisNode> {
  const node = makeNode(source, freshKeys(), options, 60_000);
  await node.broker.start(new Ear());
  nodes.push(node);
  return node;
}

async function startServer(args: readonly string[] = []): Promise<RedisServer> {
  const server = await startRedis(args);
  servers.push(server);
  return server;
}

describe('a reply that is an error', () => {
  it.each([
    ['LOADING Redis is loading the dataset in memory', 'LOADING'],
    ['MISCONF Redis is configured to save RDB snapshots, but', 'MISCONF'],
    ["NOPERM this user has no permissions to access 'chat:{secret}'", 'NOPERM'],
    ['TRYAGAIN Multiple keys request during rehashing of slot', 'TRYAGAIN'],
    ['some words of a module about {secret}', 'an error'],
  ])('says that nothing has taken effect, and no key of it is passed on: %s', (message, code) => {
    const cause = Object.assign(new Error(message), { name: 'ReplyError' });
    const error = whyRejected(cause);
    const expected = `redis: expected the command to be carried out, got ${code}`;
    expect(error).toMatchObject({ code: 'unavailable', message: expected, cause });
  });

  it('is told from the end of a connection, which says nothing', () => {
    expect(whyRejected(new Error('Connection is closed.'))).toMatchObject({ code: 'timeout' });
    const known = new RealtimeError('unavailable', 'known');
    expect(whyRejected(known)).toBe(known);
  });
});

describe('a publish', () => {
  it('is refused while a script of others keeps the server, and goes on after it (D-13 BUSY)', async () => {
    const server = await startServer(['--busy-reply-threshold', '1']);
    const { broker } = await startNode({ url: server.url }, { timeoutMs: 10_000 });
    await put(broker, ROOM, 'm1');
    const [operator, others] = [server.client(), server.client()];
    await Promise.all([operator.ping(), others.ping()]);
    const busy = others.eval('while true do end', 0).catch(() => undefined);
    const refused = { code: 'unavailable', message: expect.stringContaining('got BUSY') };
    await repeat(async () => (await operator.ping().catch(String)).includes('BUSY'));
    await expect(put(broker, ROOM, 'm2')).rejects.toMatchObject(refused);
    await operator.script('KILL');
    await busy;
    await put(broker, ROOM, 'm3');
    expect((await read(broker, ROOM)).messages.map(({ id }) => id)).toEqual(['m1', 'm3']);
  });

  it('waits for a master where the server was made a replica (D-13 READONLY)', async () => {
    const server = await startServer();
    const { broker } = await startNode({ url: server.url }, { timeoutMs: 10_000 });
    await put(broker, ROOM, 'm1');
    const operator = server.client();
    await operator.replicaof('127.0.0.1', 1);
    const stats = async (): Promise<string> => operator.info('errorstats');
    const published = put(broker, ROOM, 'm2');
    await repeat(async () => (await stats()).includes('errorstat_READONLY'));
    await operator.replicaof('NO', 'ONE');
    expect((await published).position.offset).toBe(1);
  });

  it('is tried again while a cluster lacks a slot, and ends as unknown if it stays so (D-13 CLUSTERDOWN)', async () => {
    const server = await startServer([
      ...['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'],
    ]);
    const { host, port } = server;
    const operator = server.client();
    const isOk = async (): Promise<boolean> =>
      (await operator.cluster('INFO')).includes('cluster_state:ok');
    await operator.call('cluster', ['addslotsrange', '0', '16383']);
    await repeat(isOk);
    const { broker } = await startNode(
      { cluster: { nodes: [{ host, port }] } },
      { timeoutMs: 20_000 },
    );
    await put(broker, ROOM, 'm1');
    await operator.call('cluster', ['delslots', '0']);
    await repeat(async () => !(await isOk()));
    const message = 'redis: expected an answer, but the cluster goes on refusing';
    await expect(put(broker, ROOM, 'm2')).rejects.toMatchObject({ code: 'timeout', message });
    const errors = /errorstat_CLUSTERDOWN:count=(\d+)/.exec(await operator.info('errorstats'))?.[1];
    expect(Number(errors)).toBeGreaterThan(2);
    await operator.call('cluster', ['addslots', '0']);
    await repeat(isOk);
    expect((await put(broker, ROOM, 'm3')).position.offset).toBe(2);
  });
});

describe('a publish on a cluster that wants replicas', () => {
  it('is replicated when they have it, and unknown when they are too few', async () => {
    servers = await startCluster();
    const cluster = { nodes: servers.map(({ host, port }) => ({ host, port })) };
    const enough = await startNode({ cluster }, { replicas: 1 });
    const tooMany = await startNode({ cluster }, { replicas: 2, timeoutMs: 500 });
    // On every shard.
    for (const room of ['a', 'b', 'c', 'd', 'e', 'f']) {
      expect(await put(enough.broker, room, 'm1')).toMatchObject({ durability: 'replicated' });
    }
    await expect(put(tooMany.broker, ROOM, 'm1')).rejects.toMatchObject({ code: 'timeout' });
    // Nobody knows: here it was.
    expect((await read(tooMany.broker, ROOM)).messages).toHaveLength(1);
  });
});
