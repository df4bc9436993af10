/** Several applications that share one Redis, by nothing but the option `redis`. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { SubscribeMessage } from '@nestjs/websockets';
import { Redis } from 'ioredis';

import {
  RateLimit,
  RealtimeGateway,
  RealtimeRoom,
  REALTIME_REDIS,
  SessionService,
  type RealtimeRedisOptions,
  type RedisStores,
  type RoomPolicy,
} from '../../lib/index.js';
import type { RawClient } from '../../lib/testing/index.js';
import { closeApps, createApp, NestLog, startApp, type RunningApp } from '../support/nest-app.js';
import { repeat, startRedis, useRedis, type RedisServer } from '../support/redis-server.js';
import { freshKeys } from '../support/redis-world.js';

@RealtimeRoom('team/:name', { presence: true })
class TeamRooms implements RoomPolicy {
  canSubscribe(): boolean {
    return true;
  }
}

@RealtimeGateway()
class GuardedGateway {
  @RateLimit({ limit: 5, perMs: 3_600_000 })
  @SubscribeMessage('guarded')
  guarded(): boolean {
    return true;
  }
}

const ROOM = 'team/x';
const clients: RawClient[] = [];
let server: RedisServer;

beforeAll(async () => {
  server = await useRedis();
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await closeApps();
});

afterAll(() => server.stop());

/** As many nodes as asked for. */
async function startNodes(
  count: number,
  where: (prefix: string) => RealtimeRedisOptions = (prefix) => ({ url: server.url, prefix }),
): Promise<RunningApp[]> {
  const { prefix } = freshKeys();
  const start = (): Promise<RunningApp> =>
    startApp({ options: { redis: where(prefix) }, providers: [TeamRooms, GuardedGateway] });
  return Promise.all(Array.from({ length: count }, start));
}

async function connect(app: RunningApp, user: string): Promise<RawClient> {
  const client = await app.connect(`token-${user}`);
  clients.push(client);
  return client;
}

async function join(app: RunningApp, user: string): Promise<RawClient> {
  const client = await connect(app, user);
  client.send({ type: 'subscribe', id: 's', room: ROOM });
  await client.next('subscribed');
  return client;
}

describe('nodes that share a Redis', () => {
  it('bring a message of one to the clients of all, in one order', async () => {
    const [a, b] = (await startNodes(2)) as [RunningApp, RunningApp];
    const [ada, bob] = [await join(a, 'ada'), await join(b, 'bob')];
    const published = await Promise.all(
      [1, 2, 3, 4].map((n) => (n % 2 === 0 ? a : b).rooms.publish(ROOM, 'said', n)),
    );
    expect(published.map(({ durability }) => durability)).toEqual(Array(4).fill('redis'));
    const heard = async (client: RawClient): Promise<unknown[]> => {
      const messages = [];
      for (let n = 1; n <= 4; n += 1) messages.push(await client.next('message'));
      expect(messages.map(({ offset }) => offset)).toEqual([1, 2, 3, 4]);
      return messages.map(({ payload }) => payload);
    };
    expect(await heard(ada)).toEqual(await heard(bob));
  });

  it('know who is in a room on the others', async () => {
    const [a, b] = (await startNodes(2)) as [RunningApp, RunningApp];
    await join(a, 'ada');
    await join(b, 'bob');
    // Presence follows the subscription; nobody waits for it.
    await repeat(async () => (await a.rooms.presence(ROOM)).total === 2);
    const { members } = await a.rooms.presence(ROOM);
    expect(members.map(({ userId }) => userId).sort()).toEqual(['ada', 'bob']);
  });

  it('send to a user, ask and revoke wherever the user is', async () => {
    const [a, b] = (await startNodes(2)) as [RunningApp, RunningApp];
    const bob = await join(b, 'bob');
    await a.rooms.toUser('bob', 'note', 'hello');
    expect(await bob.next('message')).toMatchObject({ event: 'note', payload: 'hello' });
    const sessions = a.get(SessionService);
    expect((await sessions.list('bob')).map(({ user }) => user.id)).toEqual(['bob']);
    await sessions.revoke({ userId: 'bob' });
    expect((await bob.closed).code).toBe(4401);
  });

  it('count requests together, whichever a user is connected to (R-16)', async () => {
    const nodes = await startNodes(4);
    const answers = [];
    for (let n = 0; n < 12; n += 1) {
      const client = await connect(nodes[n % 4]!, 'ada');
      answers.push(await client.request('1', 'guarded'));
    }
    const refused = answers.filter((answer) => answer.type === 'error');
    expect(refused.map(({ code }) => code)).toEqual(Array(7).fill('rate-limited'));
  });

  it.each<[string, () => RealtimeRedisOptions]>([
    ['options of ioredis', () => ({ options: { host: server.host, port: server.port } })],
    ['a client of the application', () => ({ client: applicationClient() })],
  ])('connect by %s', async (_, where) => {
    const [a, b] = (await startNodes(2, (prefix) => ({ ...where(), prefix }))) as [
      RunningApp,
      RunningApp,
    ];
    const bob = await join(b, 'bob');
    await a.rooms.publish(ROOM, 'said', 1);
    expect(await bob.next('message')).toMatchObject({ payload: 1 });
  });

  it('leave the connection of the application alone', async () => {
    const client = applicationClient();
    const [app] = (await startNodes(1, (prefix) => ({ client, prefix }))) as [RunningApp];
    await app.close();
    expect(await client.ping()).toBe('PONG');
  });

  it('have their connections at hand for the application', async () => {
    const [app] = (await startNodes(1)) as [RunningApp];
    const { link } = app.app.get<RedisStores>(REALTIME_REDIS);
    expect(await link.commands.ping()).toBe('PONG');
  });
});

describe('the start of a node', () => {
  it('says what is wrong with Redis, a line each (D-12, D-17)', async () => {
    const evicting = await startRedis([
      '--maxmemory',
      '100mb',
      '--maxmemory-policy',
      'allkeys-lru',
    ]);
    try {
      const app = await startApp({ options: { redis: { url: evicting.url } } });
      expect(app.log.warnings.filter((line) => line.includes('realtime.redis'))).toEqual([
        expect.stringContaining('maxmemory-policy is allkeys-lru'),
      ]);
      await app.close();
    } finally {
      await evicting.stop();
    }
  });

  it('fails with one clear error where Redis is not there (D-01)', async () => {
    const gone = await startRedis();
    await gone.stop();
    const app = await createApp(
      { options: { redis: { url: gone.url, timeoutMs: 200 } } },
      new NestLog(),
    );
    await expect(app.init()).rejects.toMatchObject({
      code: 'unavailable',
      message: 'redis: expected a connection within 200 ms',
      cause: { code: 'ECONNREFUSED' },
    });
  });
});

function applicationClient(): Redis {
  return server.client();
}
