/** What the start says of servers that are older, or other, than what is needed (D-17). */
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';

import { probeAtStart, RedisLink, type RedisSource } from '../../lib/redis/index.js';
import { SystemClock, SystemRandom } from '../../lib/system/index.js';
import { RecordingObserver } from '../support/fakes.js';
import { ClusterFarm } from '../support/redis-cluster.js';
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

describe('the start of a node on a cluster', () => {
  let farm: ClusterFarm;
  /** Addresses, in the order that rights are given in. */
  let masters: string[];

  beforeAll(async () => {
    // ioredis says so itself, on the console, where INFO is not allowed.
    jest.spyOn(console, 'warn').mockReturnValue(undefined);
    farm = await ClusterFarm.start();
  });

  afterAll(async () => {
    jest.restoreAllMocks();
    await farm.stop();
  });

  /** Asks as a user that lacks rights on some masters, by their index, and none elsewhere. */
  async function probeWithout(lacking: Readonly<Record<number, string>>): Promise<string[]> {
    masters = [];
    for (const { server: member, isMaster } of await farm.members()) {
      const lacks = isMaster ? (lacking[masters.length] ?? '') : '';
      if (isMaster) masters.push(`${member.host}:${String(member.port)}`);
      const rights = lacks === '' ? [] : lacks.split(' ');
      const user = ['node', 'reset', 'on', '>secret', '~test-*', '&test-*', '+@all', ...rights];
      await member.client().call('acl', ['SETUSER', ...user]);
    }
    const redisOptions = { username: 'node', password: 'secret' };
    return probe({ cluster: { nodes: farm.addresses, options: { redisOptions } } });
  }

  it('says nothing of masters that all have everything', async () => {
    expect(await probeWithout({})).toEqual([]);
  });

  it.each([0, 1, 2])('names the one master that lacks a right, be it number %i', async (index) => {
    expect(await probeWithout({ [index]: '-xadd -spublish' })).toEqual([
      expect.stringMatching(
        new RegExp(
          `^${masters[index]!}: the user of this connection has to be allowed XADD, SPUBLISH to test-`,
        ),
      ),
    ]);
  });

  it('names each master with what is missing there', async () => {
    const found = await probeWithout({ 0: '-info', 1: '-@scripting', 2: '-xadd' });
    expect(found).toHaveLength(3);
    const [first, second, third] = masters as [string, string, string];
    expect(found).toEqual(
      expect.arrayContaining([
        expect.stringContaining(`${first}: the user of this connection has to be allowed INFO: NO`),
        expect.stringContaining(`${second}: publishing is refused: NOPERM`),
        `${third}: the user of this connection has to be allowed XADD`,
      ]),
    );
  });

  it('says once what all masters lack', async () => {
    expect(await probeWithout({ 0: '-xadd', 1: '-xadd', 2: '-xadd' })).toEqual([
      'the user of this connection has to be allowed XADD',
    ]);
  });

  it('says which master does not answer, and does not wait for it without end', async () => {
    await probeWithout({});
    const [stopped] = await farm.members().then((all) => all.filter(({ isMaster }) => isMaster));
    stopped!.server.process!.kill('SIGSTOP');
    try {
      const { host, port } = stopped!.server;
      const tools = { keys: freshKeys(), clock: new SystemClock(), random: new SystemRandom() };
      expect(await probeAtStart({ ...tools, link: link!, timeoutMs: 300 })).toEqual([
        `${host}:${String(port)}: INFO is not answered: Redis did not answer within 300 ms`,
      ]);
    } finally {
      stopped!.server.process!.kill('SIGCONT');
    }
  });
});
