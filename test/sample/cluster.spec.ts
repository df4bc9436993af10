import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { RealtimeClient } from 'nestjs-realtime/client';
import { WebSocket, type ClientOptions } from 'ws';

import type { ClusterContract } from '../../sample/02-cluster/src/cluster.contract.js';
import { root } from '../architecture/sources.js';
import { checkHistory } from '../checker/check.js';
import { describeViolations } from '../checker/describe-violations.js';
import { ClusterLoad } from './support/cluster-load.js';
import { ClusterProcess } from './support/cluster-process.js';

type Client = RealtimeClient<ClusterContract>;

const NODES = ['a', 'b', 'c'];
const START_MS = 60_000;
/** Silence after which the server gives a peer up, unless its options say otherwise. */
const HEARTBEAT_TIMEOUT_MS = 45_000;
const PUBLISHERS = 3;
const FOLLOWERS = 6;
/** Messages before the node is killed, and behind that. It takes a process that is started for it. */
const SOME = 300;
/** Messages at most: the room keeps 10,000. */
const MOST = 8_000;

let cluster: ClusterProcess;
const open: { close(): void }[] = [];

beforeAll(async () => {
  cluster = await ClusterProcess.start();
}, START_MS);

afterEach(() => {
  for (const client of open.splice(0)) client.close();
});

afterAll(async () => {
  await cluster.stop();
});

/** A client that signed in at whichever node had its turn, and connects to whichever has its. */
async function connect(headers: ClientOptions['headers'] = {}, known?: string): Promise<Client> {
  const token = known ?? (await cluster.signIn('Ann'));
  class Socket extends WebSocket {
    constructor(url: string, protocols?: string | string[]) {
      super(url, protocols, { headers });
    }
  }
  const reconnect = { minDelayMs: 50, maxDelayMs: 1_000 };
  const client: Client = new RealtimeClient(cluster.realtimeUrl, {
    token,
    WebSocket: Socket,
    reconnect,
  });
  open.push(client);
  return client;
}

function connectMany(count: number): Promise<Client[]> {
  return Promise.all(Array.from({ length: count }, () => connect()));
}

async function nodeOf(client: Client): Promise<string> {
  return (await client.request('node.where')).name;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('the proxy', () => {
  it('gives each node its turn, whoever asks: nobody sticks to one', async () => {
    const asked: string[] = [];
    for (let count = 0; count < 6; count += 1) asked.push((await cluster.nextNode()).name);

    for (const name of NODES) expect(asked.filter((each) => each === name)).toHaveLength(2);
  });

  it('leads clients to every node, with tokens of whichever signed them in', async () => {
    const clients = await connectMany(6);

    const names = await Promise.all(clients.map(nodeOf));

    expect([...new Set(names)].sort()).toEqual(NODES);
  });

  it('says where a client comes from, whatever the client says of itself', async () => {
    const client = await connect({ 'X-Forwarded-For': '192.0.2.7' });

    expect((await client.request('node.where')).address).toBe('127.0.0.1');
  });

  it('keeps a quiet connection for longer than the heartbeat does', () => {
    const config = readFileSync(join(root, 'sample', '02-cluster', 'haproxy.cfg'), 'utf8');
    const [, minutes] = /^ {2}timeout tunnel (\d+)m$/m.exec(config) ?? [];

    expect(Number(minutes) * 60_000).toBeGreaterThan(HEARTBEAT_TIMEOUT_MS);
  });
});

describe('a session', () => {
  it('is over on every node when its owner signs out at one', async () => {
    const token = await cluster.signIn('Ann');
    const clients = await Promise.all(Array.from({ length: 6 }, () => connect({}, token)));
    const names = await Promise.all(clients.map(nodeOf));
    expect([...new Set(names)].sort()).toEqual(NODES);
    const ended = clients.map((client) => {
      client.on('error', () => {});
      return new Promise((resolve) => {
        client.on('state', ({ code }) => {
          if (code !== undefined) resolve(code);
        });
      });
    });

    const headers = { authorization: `Bearer ${token}` };
    await fetch(new URL('/sign-out', cluster.url), { method: 'POST', headers });

    expect(new Set(await Promise.all(ended))).toEqual(new Set([4401]));
  });
});

describe('a node that is killed under load', () => {
  it('takes nothing with it: every message once and in order, for everybody', async () => {
    const load = new ClusterLoad('killed');
    const [publishers, followers] = [await connectMany(PUBLISHERS), await connectMany(FOLLOWERS)];
    await Promise.all(followers.map((client, index) => load.follow(`follower-${index}`, client)));
    const before = await Promise.all([...publishers, ...followers].map(nodeOf));
    const killed = before[0]!;
    // Among those whose connection breaks are some who publish and some who listen.
    expect(before.slice(PUBLISHERS)).toContain(killed);

    let isOver = false;
    const published = publishers.map((client, index) => {
      return load.publish(`publisher-${index}`, client, () => isOver || load.confirmed >= MOST);
    });
    await load.whenConfirmed(SOME);
    expect(await cluster.kill(killed)).toContain(`Killed node ${killed}`);
    // It was killed in the midst of it.
    const confirmedThen = load.confirmed;
    expect(confirmedThen).toBeLessThan(MOST - SOME);
    await load.whenConfirmed(confirmedThen + SOME);
    isOver = true;
    const counts = await Promise.all(published);
    const top = await load.final(publishers[0]!);
    await load.whenAllHave(top);

    expect(top).toBe(counts.reduce((sum, count) => sum + count));
    const results = checkHistory(load.records, { expectLive: true });
    expect(describeViolations(results)).toBe('');
    // Nothing is promised of a history in which nothing happened.
    const [order, , complete] = results.filter(({ assertion }) => assertion >= 5);
    expect(order!.judged).toBe(top * FOLLOWERS);
    expect(complete!.judged).toBeGreaterThanOrEqual(top * FOLLOWERS);
    const isTold = load.records.filter(
      (record) => record.type === 'gap' || (record.type === 'sub.ok' && record.recovered === false),
    );
    expect(isTold).toEqual([]);
    const recovered = load.records.filter(
      (record) => record.type === 'sub.ok' && record.recovered === true,
    );
    const broken = before.slice(PUBLISHERS).filter((name) => name === killed);
    expect(recovered.length).toBeGreaterThanOrEqual(broken.length);
    await cluster.startedAgain(killed);
  });

  it('gets clients again once it was started again', async () => {
    const [killed] = [(await cluster.nextNode()).name];
    const times = cluster.starts(killed);

    await cluster.kill(killed);
    await cluster.startedAgain(killed, times + 1);

    await cluster.printed(`Node ${killed} ended: SIGKILL`);
    const names = new Set<string>();
    while (!names.has(killed)) names.add((await cluster.nextNode()).name);
    expect(names).toContain(killed);
  });
});

describe('the whole', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'ends by %s with 0, and everything that it started with it',
    async (signal) => {
      const other = await ClusterProcess.start();
      const { pids } = other;

      const { code } = await other.stop(signal);

      expect(code).toBe(0);
      // Redis, three nodes, the proxy.
      expect(pids.map(isAlive)).toEqual([false, false, false, false, false]);
    },
    START_MS,
  );

  it('says in a line what is missing, and starts nothing', async () => {
    const { code, output } = await new ClusterProcess({ PATH: '', HAPROXY: '/nowhere/haproxy' })
      .ended;

    expect(code).toBe(1);
    expect(output).toBe('haproxy is missing. Install it (Debian: apt-get install haproxy).\n');
  });

  it(
    'says in a line that its port is taken',
    async () => {
      const { port } = new URL(cluster.url);

      const { code, output } = await new ClusterProcess({ PORT: port }).ended;

      expect(code).toBe(1);
      expect(output).toContain(`Port ${port} is taken`);
    },
    START_MS,
  );
});
