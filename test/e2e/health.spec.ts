/** What a process says of its own health: alone, with Redis, and while Redis is away. */
import { afterEach, describe, expect, it } from '@jest/globals';

import {
  REALTIME_BROKER,
  REALTIME_CLOCK,
  REALTIME_PRESENCE_STORE,
  RealtimeHealth,
  RealtimeRoom,
  RealtimeService,
  type Broker,
  type PresenceStore,
  type RoomPolicy,
} from '../../lib/index.js';
import { ManualClock } from '../../lib/testing/index.js';
import { closeApps, startApp, type AppSetup, type RunningApp } from '../support/nest-app.js';
import { repeat, startRedis, type RedisServer } from '../support/redis-server.js';
import { TcpProxy } from '../support/tcp-proxy.js';

@RealtimeRoom('team/:name')
class TeamRooms implements RoomPolicy {
  canSubscribe(): boolean {
    return true;
  }
}

let server: RedisServer | undefined;
let proxy: TcpProxy | undefined;

afterEach(async () => {
  await closeApps();
  await proxy?.stop();
  await server?.stop();
  proxy = undefined;
  server = undefined;
});

async function start(setup: AppSetup = {}): Promise<[RunningApp, RealtimeHealth]> {
  const app = await startApp({ providers: [TeamRooms], ...setup });
  return [app, app.get(RealtimeHealth)];
}

/** An application whose Redis is behind a proxy. */
async function startWithRedis(): Promise<[RunningApp, RealtimeHealth, RedisServer, TcpProxy]> {
  server = await startRedis();
  proxy = await TcpProxy.start(server);
  const { host, port } = proxy;
  const redis = { options: { host, port }, timeoutMs: 500, probeMs: 60_000 };
  return [...(await start({ options: { redis } })), server, proxy];
}

describe('the health of a process', () => {
  it('is up, with what it has to do', async () => {
    const [app, health] = await start();
    const client = await app.connect();
    client.send({ type: 'subscribe', id: 's', room: 'team/x' });
    await client.next('subscribed');
    const since = expect.any(Number);
    expect(await health.check()).toEqual({
      status: 'up',
      connections: 1,
      rooms: 1,
      broker: { status: 'up', since },
      presence: { status: 'up', since },
    });
    await client.close();
  });

  it('is an indicator of terminus: the report under a key', async () => {
    const [, health] = await start();
    const { status, ...facts } = await health.check();
    expect(await health.isHealthy('sockets')).toEqual({
      sockets: { status: 'up', state: status, ...facts },
    });
    expect(Object.keys(await health.isHealthy())).toEqual(['realtime']);
  });

  it('is draining from the moment that it takes no new connections', async () => {
    const [app, health] = await start();
    await app.get(RealtimeService).drain();
    expect((await health.check()).status).toBe('draining');
    expect(await health.isHealthy()).toMatchObject({
      realtime: { status: 'down', state: 'draining', broker: { status: 'up' } },
    });
  });

  it('is degraded where only presence fails, and says no more of why than it may', async () => {
    const [app, health] = await start();
    const presences = app.app.get<PresenceStore>(REALTIME_PRESENCE_STORE);
    presences.read = () => Promise.reject(new Error('password in here'));
    const report = await health.check();
    expect(report).toMatchObject({ status: 'degraded', broker: { status: 'up' } });
    expect(report.presence.error).toBe('expected it to answer, but it failed');
    expect(await health.isHealthy()).toMatchObject({ realtime: { status: 'up' } });
  });

  it('tells since when a part is as it is, and asks it one question at a time', async () => {
    const clock = new ManualClock();
    const [app, health] = await start({ overrides: new Map([[REALTIME_CLOCK, clock]]) });
    const startedAt = clock.now();
    clock.advance(1_000);
    expect((await health.check()).broker).toEqual({ status: 'up', since: startedAt });
    const broker = app.app.get<Broker>(REALTIME_BROKER);
    let asked = 0;
    let answer: () => void = () => undefined;
    broker.top = () => {
      asked += 1;
      return new Promise((resolve) => {
        answer = () => {
          resolve({ epoch: 'e', offset: 0 });
        };
      });
    };
    const checks = [health.check({ timeoutMs: 200 }), health.check({ timeoutMs: 200 })];
    await new Promise(setImmediate);
    clock.advance(200);
    const down = { status: 'down', since: startedAt + 1_200 };
    for (const { broker: part } of await Promise.all(checks)) expect(part).toMatchObject(down);
    clock.advance(50);
    const again = health.check({ timeoutMs: 200 });
    answer();
    expect((await again).broker).toEqual({ status: 'up', since: startedAt + 1_250 });
    expect(asked).toBe(1);
  });

  it('refuses a time that no timer can wait', async () => {
    const [, health] = await start();
    await expect(health.check({ timeoutMs: 0 })).rejects.toMatchObject({ code: 'invalid-field' });
  });
});

describe('the health of a process whose Redis is away', () => {
  it('is down at once where the connection is lost, though clients stay, and up when it is back', async () => {
    const [app, health, redis] = await startWithRedis();
    const client = await app.connect();
    expect((await health.check()).status).toBe('up');
    await redis.kill();
    await repeat(async () => (await health.check({ timeoutMs: 60_000 })).status === 'down');
    const report = await health.check({ timeoutMs: 60_000 });
    const error = 'redis: expected a connection, got none';
    expect(report).toMatchObject({
      connections: 1,
      broker: { status: 'down', error },
      presence: { status: 'down', error },
    });
    expect(report.broker.since).toBeLessThanOrEqual(Date.now());
    await redis.restart();
    await repeat(async () => (await health.check()).status === 'up');
    await client.close();
  });

  it('is down within the time it is given where Redis is connected and silent', async () => {
    const [, health, , between] = await startWithRedis();
    between.isSilent = true;
    const report = await health.check({ timeoutMs: 50 });
    expect(report.status).toBe('down');
    expect(report.broker.error).toBe('expected an answer within 50 ms, got none');
    between.isSilent = false;
    between.cut();
    await repeat(async () => (await health.check()).status === 'up');
  });
});
