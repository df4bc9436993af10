/** Limits that nodes share, on a real server and in its own time: of the catalogue of faults. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';

import { InsuredRateStore, type RateCharge } from '../../lib/core/index.js';
import { MemoryRateStore } from '../../lib/memory/index.js';
import { RedisRateStore, type RedisRateOptions } from '../../lib/redis/index.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import { SystemClock } from '../../lib/transport/index.js';
import { RecordingObserver } from '../support/fakes.js';
import { RedisNodes } from '../support/redis-nodes.js';
import { repeat, startRedis, type RedisServer } from '../support/redis-server.js';
import { TcpProxy } from '../support/tcp-proxy.js';

const NODES = 4;
const HOUR_MS = 3_600_000;
const FAST: RateCharge = { limit: 20, perMs: 100, burst: 10, cost: 1 };
const SLOW: RateCharge = { limit: 8, perMs: HOUR_MS, burst: 8, cost: 1 };

/** Machines that run tests are slow now and then. */
const PATIENT: RedisRateOptions = { callTimeoutMs: 60_000 };

let server: RedisServer;
let proxy: TcpProxy;
let redis: RedisNodes;
let client: Redis;

beforeEach(async () => {
  server = await startRedis();
  proxy = await TcpProxy.start(server);
  redis = new RedisNodes({ options: { host: proxy.host, port: proxy.port } }, NODES);
  await Promise.all(redis.nodes.map(({ link }) => link.ready()));
  client = server.client();
});

afterEach(async () => {
  redis.close();
  await proxy.stop();
  await server.stop();
});

/** The store of each node, by the server's own time. */
function makeStores(options: RedisRateOptions = PATIENT): RedisRateStore[] {
  const clock = new SystemClock();
  return redis.nodes.map(
    ({ link: { commands } }) => new RedisRateStore({ commands, clock }, options),
  );
}

/** The store of one node, with its commands seen and its time made by the test. */
function makeTimedStore(options: RedisRateOptions = PATIENT): RedisRateStore {
  return new RedisRateStore(
    { commands: redis.nodes[0]!.commands, clock: new SystemClock() },
    options,
  );
}

/** Milliseconds since 1970, by the server. */
async function serverMs(): Promise<number> {
  const [seconds, micros] = await client.time();
  return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
}

describe('a limit that four nodes share', () => {
  it('R-16 lets pass what it says and no more, however many ask at once', async () => {
    const stores = makeStores();
    const begin = await serverMs();
    let allowed = 0;
    let asked = 0;
    const ask = async (store: RedisRateStore): Promise<void> => {
      for (let n = 0; n < 150; n += 1) {
        asked += 1;
        if ((await store.consume('ada', [FAST])).isAllowed) allowed += 1;
      }
    };
    await Promise.all([...stores, ...stores, ...stores].map(ask));
    const passedMs = (await serverMs()) - begin;
    const most = FAST.burst + (FAST.limit * (passedMs + 1)) / FAST.perMs;
    expect(allowed).toBeLessThanOrEqual(most);
    // What comes back within the last moments may be left.
    expect(allowed).toBeGreaterThanOrEqual(Math.min(asked, FAST.burst));
  });

  it('R-16 tells every node the truth about when to come again', async () => {
    const stores = makeStores();
    await stores[0]!.consume('ada', [{ ...FAST, cost: 10 }]);
    const before = await serverMs();
    const refused = await stores[1]!.consume('ada', [{ ...FAST, cost: 10 }]);
    const after = await serverMs();
    expect(refused.isAllowed).toBe(false);
    const { retryAfterMs } = refused as Extract<typeof refused, { isAllowed: false }>;
    for (;;) {
      const asked = await serverMs();
      if ((await stores[2]!.consume('ada', [{ ...FAST, cost: 10 }])).isAllowed) break;
      expect(asked).toBeLessThan(after + retryAfterMs);
    }
    expect(await serverMs()).toBeGreaterThanOrEqual(before + retryAfterMs);
  });

  it('costs one command a question', async () => {
    const store = makeTimedStore();
    const { timed } = redis.nodes[0]!;
    await store.consume('ada', [FAST]);
    const sent = timed.sent.length;
    await store.consume('ada', [FAST, SLOW]);
    expect(timed.sent.slice(sent)).toEqual(['evalsha']);
  });

  it('R-14 goes on when the clock of the server is put back, without more passing', async () => {
    const store = makeTimedStore();
    const minute = { ...FAST, limit: 10, perMs: 60_000 };
    const time = new ManualClock(4_102_444_800_000);
    redis.clock = time;
    await store.consume('ada', [{ ...minute, cost: 10 }]);
    const earlier = new ManualClock(time.now() - HOUR_MS);
    redis.clock = earlier;
    // Nothing has come back, and nothing waits for the hour to pass again.
    const wait = { isAllowed: false, retryAfterMs: 6_000 };
    expect(await store.consume('ada', [minute])).toEqual(wait);
    earlier.advance(6_000);
    expect(await store.consume('ada', [minute])).toEqual({ isAllowed: true });
    expect(await store.consume('ada', [minute])).toEqual(wait);
  });
});

describe('keys of limits', () => {
  it('R-18 last until they have rested, and are gone then though nobody asks any more', async () => {
    const [store] = makeStores();
    const users = Array.from({ length: 200 }, (_, n) => `user ${n}`);
    await Promise.all(users.map((user) => store!.consume(user, [SLOW])));
    const keys = await client.keys('*');
    expect(keys).toHaveLength(users.length);
    const rests = await Promise.all(keys.map((key) => client.pttl(key)));
    expect(rests.filter((rest) => rest <= 0 || rest > SLOW.perMs / SLOW.limit)).toEqual([]);
    expect(await client.memory('USAGE', keys[0]!)).toBeLessThan(200);
    await store!.consume('in a hurry', [{ limit: 1, perMs: 2_000, burst: 1, cost: 1 }]);
    expect(await client.dbsize()).toBe(users.length + 1);
    await repeat(async () => (await client.dbsize()) === users.length);
  });

  it('are not made by what counts nothing', async () => {
    const [store] = makeStores();
    expect(await store!.consume('ada', [{ ...FAST, cost: 0 }])).toEqual({ isAllowed: true });
    expect(await client.dbsize()).toBe(0);
  });

  it('begin with the prefix, and hold no name of a user as it is', async () => {
    const [store] = makeStores({ ...PATIENT, prefix: 'shop' });
    await store!.consume('{ada}*\n', [SLOW]);
    expect(await client.keys('*')).toEqual(['shop:rate:{%7bada%7d%2a%0a}']);
  });
});

describe('a store that cannot be asked', () => {
  it('says so at once without a connection, and puts nothing off', async () => {
    const store = makeTimedStore();
    client.disconnect();
    await server.kill();
    await repeat(async () => !redis.nodes[0]!.link.isReady);
    const { timed } = redis.nodes[0]!;
    const sent = timed.sent.length;
    await expect(store.consume('ada', [FAST])).rejects.toMatchObject({ code: 'unavailable' });
    expect(timed.sent.length).toBe(sent);
  });

  it('gives a server that does not answer no longer than it may take', async () => {
    const [store] = makeStores({ callTimeoutMs: 50 });
    proxy.isSilent = true;
    await expect(store!.consume('ada', [FAST])).rejects.toMatchObject({
      code: 'unavailable',
      message: 'rate store: Redis is not available',
    });
  });

  it('R-17 leaves each node its share, never more, and counts for all when it is back', async () => {
    const clock = new ManualClock();
    const observer = new RecordingObserver();
    const insured = makeStores().map(
      (store) =>
        new InsuredRateStore({
          store,
          local: new MemoryRateStore(clock),
          nodes: NODES,
          clock,
          observer,
        }),
    );
    const passing = async (key: string): Promise<number> => {
      const calls = Array.from({ length: 100 }, (_, n) => insured[n % NODES]!.consume(key, [SLOW]));
      return (await Promise.all(calls)).filter(({ isAllowed }) => isAllowed).length;
    };
    expect(await passing('ada')).toBe(8);
    await server.kill();
    await repeat(async () => redis.nodes.every(({ link }) => !link.isReady));
    expect(await passing('bob')).toBe(8);
    expect(observer.failures.map(({ where }) => where)).toEqual(
      Array(NODES).fill('the rate store'),
    );
    await server.restart();
    await Promise.all(redis.nodes.map(({ link }) => link.ready()));
    clock.advance(1_000);
    // Of one node now: the whole, which only shared counts can give it; and nothing to the others.
    const [first, ...others] = insured;
    const whole = [{ ...SLOW, cost: SLOW.burst }];
    expect((await first!.consume('eve', whole)).isAllowed).toBe(true);
    for (const node of others) expect((await node.consume('eve', [SLOW])).isAllowed).toBe(false);
  });
});
