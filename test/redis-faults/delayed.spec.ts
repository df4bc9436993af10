/** What clients are told while Redis is away, and when that is over: real servers, real clients. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { WebSocket } from 'ws';

import { RealtimeClient, type Room } from '../../lib/client/index.js';
import { RealtimeRoom, type RealtimeRedisOptions, type RoomPolicy } from '../../lib/index.js';
import { closeApps, startApp, type RunningApp } from '../support/nest-app.js';
import { freePort, startRedis, type RedisServer } from '../support/redis-server.js';
import { freshKeys } from '../support/redis-world.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/turns.js';

const ROOM = 'team/x';
/** A told outage takes a second, finding a silent one a few probes more. */
const LIMIT_MS = 20_000;

@RealtimeRoom('team/:name')
class TeamRooms implements RoomPolicy {
  canSubscribe(): boolean {
    return true;
  }
}

let server: RedisServer;
let prefix: string;
let proxy: TcpProxy;
let clients: RealtimeClient[] = [];

beforeEach(async () => {
  server = await startRedis();
  proxy = await TcpProxy.start(server);
  ({ prefix } = freshKeys());
});

afterEach(async () => {
  for (const client of clients) client.close();
  clients = [];
  await closeApps();
  await proxy.stop();
  await server.stop();
});

function startNode(
  { host, port }: { readonly host: string; readonly port: number },
  options: RealtimeRedisOptions = {},
): Promise<RunningApp> {
  const redis = { options: { host, port }, prefix, timeoutMs: 500, ...options };
  return startApp({ options: { redis }, providers: [TeamRooms] });
}

/** A client, its room, and what it was told, in the order of its hearing. */
class Witness {
  readonly told: string[] = [];
  readonly client: RealtimeClient;
  readonly room: Room;

  constructor({ url }: RunningApp) {
    this.client = new RealtimeClient(url, { WebSocket, token: 'token-ada' });
    clients.push(this.client);
    this.client.on('delayed', (isDelayed, rooms) => {
      const which = rooms === undefined ? '' : ` ${rooms.join()}`;
      this.told.push(isDelayed ? `delayed${which}` : 'current');
    });
    this.room = this.client.room(ROOM);
    this.room.on('said', (payload) => this.told.push(String(payload)));
    this.room.on('gap', ({ reason }) => this.told.push(`gap: ${reason}`));
  }

  /** Waits until it was told this, so often. */
  hears(what: string, times = 1): Promise<void> {
    return until(() => this.told.filter((line) => line === what).length === times, LIMIT_MS);
  }
}

async function join(app: RunningApp): Promise<Witness> {
  const witness = new Witness(app);
  await witness.room.subscribe();
  return witness;
}

/** Cuts the node behind the proxy off. Returns what ends that. */
async function cutOff(): Promise<() => void> {
  proxy.target = { host: '127.0.0.1', port: await freePort() };
  proxy.cut();
  return () => {
    proxy.target = server;
  };
}

describe('a client whose node cannot reach Redis', () => {
  it('is told so, gets what was published meanwhile, and only then hears that it is over', async () => {
    const [far, near] = await Promise.all([startNode(proxy), startNode(server)]);
    const [ada, bob] = [await join(far), await join(near)];
    await near.rooms.publish(ROOM, 'said', 'before');
    await ada.hears('before');
    const end = await cutOff();
    await ada.hears('delayed');
    expect(ada.client.isDelayed).toBe(true);
    for (const text of ['one', 'two', 'three']) await near.rooms.publish(ROOM, 'said', text);
    end();
    await ada.hears('current');
    expect(ada.told).toEqual(['before', 'delayed', 'one', 'two', 'three', 'current']);
    expect(ada.client.isDelayed).toBe(false);
    await near.rooms.publish(ROOM, 'said', 'after');
    await ada.hears('after');
    expect(bob.told).toEqual(['before', 'one', 'two', 'three', 'after']);
  });

  it('is told of a loss before it hears that the outage is over', async () => {
    const node = await startNode(server);
    const ada = await join(node);
    await node.rooms.publish(ROOM, 'said', 'before');
    await ada.hears('before');
    await server.kill();
    await ada.hears('delayed');
    await expect(node.rooms.publish(ROOM, 'said', 'lost')).rejects.toMatchObject({
      code: 'unavailable',
    });
    await server.restart();
    await ada.hears('current');
    expect(ada.told).toEqual(['before', 'delayed', 'gap: epoch-changed', 'current']);
    await node.rooms.publish(ROOM, 'said', 'after');
    await ada.hears('after');
  });

  it('is told so where Redis stands still without a word, and when it goes on', async () => {
    const node = await startNode(server, { probeMs: 200 });
    const ada = await join(node);
    server.process?.kill('SIGSTOP');
    await ada.hears('delayed');
    server.process?.kill('SIGCONT');
    await ada.hears('current');
    await node.rooms.publish(ROOM, 'said', 'after');
    await ada.hears('after');
    expect(ada.told).toEqual(['delayed', 'current', 'after']);
  });

  it('learns it right after it was let in, and again on a node that can', async () => {
    const [far, near] = await Promise.all([startNode(proxy), startNode(server)]);
    const early = await join(far);
    const end = await cutOff();
    await early.hears('delayed');
    const raw = await far.connect('token-bob');
    expect(await raw.nextFrame()).toEqual({ type: 'delayed', delayed: true });
    await raw.close();
    end();
    await early.hears('current');
    const late = await near.connect('token-bob');
    late.send({ type: 'ping', id: '1' });
    expect(await late.nextFrame()).toEqual({ type: 'pong', id: '1' });
    await late.close();
  });
});

describe('a link to Redis that comes and goes', () => {
  it('is no news when it was away for a blink', async () => {
    const [far, near] = await Promise.all([startNode(proxy), startNode(server)]);
    const ada = await join(far);
    const taken = proxy.accepted;
    proxy.cut();
    await until(() => proxy.accepted >= taken + 2);
    await near.rooms.publish(ROOM, 'said', 'after');
    await ada.hears('after');
    expect(ada.told).toEqual(['after']);
  });

  it('is told of at most once a second, and nothing is lost or doubled by it', async () => {
    const [far, near] = await Promise.all([startNode(proxy), startNode(server)]);
    const ada = await join(far);
    const begun = performance.now();
    const sent: string[] = [];
    for (let n = 1; n <= 10; n += 1) {
      const taken = proxy.accepted;
      proxy.cut();
      await until(() => proxy.accepted > taken);
      sent.push(String(n));
      await near.rooms.publish(ROOM, 'said', String(n));
    }
    await ada.hears('10');
    await until(() => !ada.client.isDelayed);
    const seconds = (performance.now() - begun) / 1_000;
    const messages = ada.told.filter((line) => line !== 'delayed' && line !== 'current');
    expect(messages).toEqual(sent);
    expect(ada.told.length - messages.length).toBeLessThanOrEqual(2 * seconds);
  });
});
