/** What the start says of servers that are older, or other, than what is needed (D-17). */
import { afterEach, describe, expect, it } from '@jest/globals';

import { probeAtStart, RedisLink, type RedisSource } from '../../lib/redis/index.js';
import { SystemClock, SystemRandom } from '../../lib/system/index.js';
import { RecordingObserver } from '../support/fakes.js';
import { repeat, startRedis, type RedisServer } from '../support/redis-server.js';
import { freshKeys } from '../support/redis-world.js';
import { TcpProxy } from '../support/tcp-proxy.js';

let server: RedisServer | undefined;
let proxy: TcpProxy | undefined;
let link: RedisLink | undefined;

afterEach(async () => {
  link?.close();
  await proxy?.stop();
  await server?.stop();
  [server, proxy, link] = [undefined, undefined, undefined];
});

async function probe(source: RedisSource): Promise<string[]> {
  const clock = new SystemClock();
  const random = new SystemRandom();
  const tools = { keys: freshKeys(), clock, random, timeoutMs: 5_000 };
  link = new RedisLink({ ...tools, source, observer: new RecordingObserver(), probeMs: 60_000 });
  await link.ready();
  return probeAtStart({ ...tools, link });
}

/** A proxy to a server that says it has another version, of a number of two digits. */
async function pretend(version: string, args: readonly string[] = []): Promise<TcpProxy> {
  const between = await TcpProxy.start({ host: '127.0.0.1', port: 1 });
  proxy = between;
  // A member of a cluster tells everybody where it is.
  const own = args.length === 0 ? [] : ['--cluster-announce-port', String(between.port)];
  server = await startRedis([...args, ...own]);
  between.target = server;
  between.tamper = (piece) => {
    const text = piece.toString('latin1');
    return Buffer.from(text.replace(/redis_version:\d\.\d/, `redis_version:${version}`), 'latin1');
  };
  return between;
}

/** Of a server that has all slots of its cluster. */
const CLUSTER = ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'];

async function formCluster({ client }: RedisServer): Promise<void> {
  const operator = client();
  await operator.call('cluster', ['addslotsrange', '0', '16383']);
  await repeat(async () => (await operator.cluster('INFO')).includes('cluster_state:ok'));
}

describe('the start of a node', () => {
  it('says nothing of a server that has everything', async () => {
    const { host, port } = await pretend('6.2');
    expect(await probe({ options: { host, port } })).toEqual([]);
  });

  it('says that a server is too old', async () => {
    const { host, port } = await pretend('6.0');
    expect(await probe({ options: { host, port } })).toEqual([
      expect.stringMatching(/^version 6\.0\.\d+ is older than 6\.2$/),
    ]);
  });

  it('says that a cluster is too old for channels of shards', async () => {
    const { host, port } = await pretend('6.2', CLUSTER);
    await formCluster(server!);
    expect(await probe({ cluster: { nodes: [{ host, port }] } })).toEqual([
      expect.stringMatching(/^version 6\.2\.\d+ has no sharded channels: set realtime\.redis\.sha/),
    ]);
  });

  it('says that a server is one of a cluster', async () => {
    server = await startRedis(CLUSTER);
    await formCluster(server);
    expect(await probe({ url: server.url })).toContain(
      'the server is part of a cluster: use realtime.redis.cluster',
    );
  });
});
