/** `RealtimeService` and the end of an application, as a Nest developer has them. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { SubscribeMessage } from '@nestjs/websockets';

import type { Redis } from 'ioredis';

import {
  REALTIME_CLOCK,
  RealtimeGateway,
  RealtimeService,
  type RealtimeModuleOptions,
} from '../../lib/index.js';
import { SystemClock } from '../../lib/transport/index.js';
import {
  closeApps,
  createApp,
  NestLog,
  platforms,
  startApp,
  refusal,
} from '../support/nest-app.js';
import { freePort, repeat, startRedis } from '../support/redis-server.js';
import { deferred, until } from '../support/turns.js';

@RealtimeGateway()
class EchoGateway {
  readonly gate = deferred();
  readonly waits = deferred();

  @SubscribeMessage('echo')
  echo(): string {
    return 'echo';
  }

  @SubscribeMessage('wait')
  async wait(): Promise<string> {
    this.waits.resolve();
    await this.gate.promise;
    return 'waited';
  }
}

afterEach(closeApps);

describe.each(platforms)('RealtimeService on %s', (platform) => {
  const start = () => startApp({ platform, providers: [EchoGateway] });

  it('drains: answers, closes, refuses who comes, and leaves the rest of the application alone', async () => {
    const app = await start();
    const service = app.get(RealtimeService);
    const client = await app.connect();
    client.send({ type: 'request', id: '1', event: 'wait' });
    await app.get(EchoGateway).waits.promise;
    expect(service.isDraining).toBe(false);
    const drained = service.drain();
    expect(service.isDraining).toBe(true);
    expect(await client.next('going-away')).toMatchObject({ afterMs: 0 });
    expect(await refusal(app.url)).toBe(503);
    app.get(EchoGateway).gate.resolve();
    expect(await client.next('response')).toMatchObject({ payload: 'waited' });
    await drained;
    expect(await client.closed).toMatchObject({ code: 1001 });
    expect((await fetch(app.url.replace(/^ws/, 'http'))).status).toBe(404);
    await service.drain();
  });

  it('rebalances: asks a part, and takes whom it asked back', async () => {
    const app = await start();
    const clients = await Promise.all(['token-a', 'token-b'].map((token) => app.connect(token)));
    const asked = app.get(RealtimeService).rebalance(1);
    for (const client of clients) {
      expect(await client.next('going-away')).toBeDefined();
      expect(await client.request('1', 'echo')).toMatchObject({ payload: 'echo' });
    }
    const again = await app.connect('token-a');
    expect(await asked).toBe(2);
    for (const client of clients) expect(await client.closed).toMatchObject({ code: 1001 });
    expect(await again.request('1', 'echo')).toMatchObject({ payload: 'echo' });
    expect(app.get(RealtimeService).isDraining).toBe(false);
  });

  it.each([-0.1, 1.1, NaN])('refuses to rebalance the fraction %d', async (fraction) => {
    const app = await start();
    const refused = app.get(RealtimeService).rebalance(fraction);
    await expect(refused).rejects.toMatchObject({ code: 'invalid-field' });
  });

  it('lets clients move where it is told that there are other nodes', async () => {
    const options = { shutdown: { handover: true, drainMs: 60_000 } };
    const app = await startApp({ platform, options, providers: [EchoGateway] });
    const client = await app.open();
    client.send({ type: 'hello', token: 'token-a', clientKey: 'k'.repeat(22), attempt: 1 });
    await client.next('connected');
    const closed = app.close();
    await client.next('going-away');
    expect(await client.request('1', 'echo')).toMatchObject({ payload: 'echo' });
    await client.close();
    await closed;
  });
});

/** Knows how many callbacks wait. */
class CountedClock extends SystemClock {
  waiting = 0;

  override after(delayMs: number, callback: () => void): () => void {
    this.waiting += 1;
    const end = (): void => {
      if (!isWaiting) return;
      isWaiting = false;
      this.waiting -= 1;
    };
    let isWaiting = true;
    const cancel = super.after(delayMs, () => {
      end();
      callback();
    });
    return () => {
      end();
      cancel();
    };
  }
}

describe('app.close()', () => {
  it('G-04 two hundred times leaves no handle and no timer', async () => {
    const clock = new CountedClock();
    // What one application leaves for good (caches, pools of Node) is there after the first few.
    for (let n = 0; n < 5; n += 1) await openAndClose(clock);
    const before = resources();
    for (let n = 0; n < 200; n += 1) await openAndClose(clock);
    expect([resources(), clock.waiting]).toEqual([before, 0]);
  });

  it('G-04 leaves no connection and no subscription at Redis either', async () => {
    const redis = await startRedis();
    const oracle = redis.client();
    try {
      const clock = new CountedClock();
      for (let n = 0; n < 10; n += 1) await openAndClose(clock, { redis: { url: redis.url } });
      await repeat(async () => (await clientsOf(oracle)) === 1);
      expect(await oracle.pubsub('CHANNELS', '*')).toEqual([]);
      expect(clock.waiting).toBe(0);
    } finally {
      await redis.stop();
    }
  });

  it('G-02 while the application starts ends both', async () => {
    const gate = deferred();
    class SlowStart {
      onModuleInit(): Promise<void> {
        return gate.promise;
      }
    }
    const app = await createApp({ providers: [EchoGateway, SlowStart] });
    const started = app.init();
    const closed = app.close();
    gate.resolve();
    await Promise.all([started, closed]);
    expect(app.get(RealtimeService).isDraining).toBe(true);
  });

  it('G-02 while the start waits for Redis ends both at once, says why, and leaves nothing', async () => {
    const sockets = (): number => resources()['TCPSocketWrap'] ?? 0;
    const before = sockets();
    const clock = new CountedClock();
    // Without an end of the wait, neither would end while this test may run.
    const url = `redis://127.0.0.1:${String(await freePort())}`;
    const options = { redis: { url, timeoutMs: 600_000 } };
    const overrides = new Map([[REALTIME_CLOCK, clock]]);
    const log = new NestLog();
    const app = await createApp({ options, overrides, providers: [EchoGateway] }, log);
    const started = app.init();
    await until(() => log.errors.length > 0);
    const closed = app.close();
    await expect(started).rejects.toMatchObject({
      code: 'unavailable',
      message: 'redis: the connection was closed',
      cause: { message: expect.stringContaining('ECONNREFUSED') },
    });
    await closed;
    expect(clock.waiting).toBe(0);
    await repeat(() => Promise.resolve(sockets() <= before));
  });
});

async function openAndClose(clock: CountedClock, options?: RealtimeModuleOptions): Promise<void> {
  const overrides = new Map([[REALTIME_CLOCK, clock]]);
  const app = await startApp({
    providers: [EchoGateway],
    overrides,
    ...(options === undefined ? {} : { options }),
  });
  const client = await app.connect();
  await client.request('1', 'echo');
  // By the server: as most clients are when it ends.
  await app.close();
  await client.closed;
}

async function clientsOf(oracle: Redis): Promise<number> {
  return String(await oracle.client('LIST'))
    .trim()
    .split('\n').length;
}

/** How much of each kind there is that keeps a process alive. */
function resources(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of process.getActiveResourcesInfo()) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
