/** What Redis and its connections do wrong, and what becomes of replies; and how much is kept of them. */
import { afterEach, describe, expect, it } from '@jest/globals';

import type { Claim, Clock, Operation, RepeatedReply } from '../../lib/core/index.js';
import type { RedisChannels } from '../../lib/redis/redis-channels.js';
import { RedisReplyStore, type RedisReplyOptions } from '../../lib/redis/redis-reply-store.js';
import { ReplyKeys } from '../../lib/redis/reply-keys.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import { SystemClock } from '../../lib/transport/index.js';
import { RecordingObserver } from '../support/fakes.js';
import { RedisNodes, type RedisNode } from '../support/redis-nodes.js';
import { repeat, startRedis, type RedisServer } from '../support/redis-server.js';
import { deferred, turns } from '../support/turns.js';

const ada = (id: string): Operation => ({ client: 'ada', id });
const DONE = { payload: '"done"' };
const CALL_TIMEOUT_MS = 300;

let server: RedisServer;
let redis: RedisNodes;
let prefix: string;
let observer: RecordingObserver;
let stores: RedisReplyStore[] = [];

async function start(): Promise<void> {
  server = await startRedis();
  redis = new RedisNodes({ url: server.url }, 2);
  prefix = redis.prefix();
  observer = new RecordingObserver();
}

/** A store on a node's connections. */
function makeStore(
  index: number,
  clock: Clock,
  options: RedisReplyOptions = {},
  channels?: RedisChannels,
): RedisReplyStore {
  const node: RedisNode = redis.nodes[index]!;
  const { commands, link } = node;
  const { publishVerb: publishCommand } = link;
  const { random } = redis;
  const setup = { commands, channels: channels ?? link, publishCommand, clock, random, observer };
  const store = new RedisReplyStore(setup, { prefix, callTimeoutMs: CALL_TIMEOUT_MS, ...options });
  stores.push(store);
  return store;
}

/** Two stores, in the test's time. */
async function timed(
  options: RedisReplyOptions = {},
): Promise<{ clock: ManualClock; one: RedisReplyStore; two: RedisReplyStore }> {
  await start();
  const clock = new ManualClock();
  redis.clock = clock;
  const settings = { callTimeoutMs: 100_000_000, ...options };
  return { clock, one: makeStore(0, clock, settings), two: makeStore(1, clock, settings) };
}

afterEach(async () => {
  await Promise.all(stores.map((store) => store.close()));
  stores = [];
  redis.close();
  await server.stop();
});

type First = Extract<Claim, { isFirst: true }>;

async function begin(store: RedisReplyStore, operation: Operation): Promise<First> {
  const claim = await store.claim(operation);
  if (!claim.isFirst) throw new Error('expected the first claim');
  return claim;
}

/** Not awaited inside: the reply may be long in coming. */
async function repeated(
  store: RedisReplyStore,
  operation: Operation,
): Promise<{ readonly reply: Promise<RepeatedReply | undefined> }> {
  const claim = await store.claim(operation);
  if (claim.isFirst) throw new Error('expected a claim that is not the first');
  return { reply: claim.reply };
}

async function pass(clock: ManualClock, ms: number, stepMs = 1_000): Promise<void> {
  for (let left = ms; left > 0; left -= stepMs) {
    clock.advance(Math.min(left, stepMs));
    await redis.settle();
  }
}

describe('whoever waits for a reply', () => {
  it('gets it by looking when the message is lost', async () => {
    const { clock, one } = await timed();
    const deaf: RedisChannels = {
      subscribe: () => Promise.resolve(),
      unsubscribe: () => Promise.resolve(),
    };
    const two = makeStore(1, clock, { pollMs: 2_000, callTimeoutMs: 100_000_000 }, deaf);
    const first = await begin(one, ada('1'));
    const { reply } = await repeated(two, ada('1'));
    await redis.settle();
    await first.settle(DONE);
    await redis.settle();
    expect(await Promise.race([reply, turns(2)])).toBeUndefined();
    await pass(clock, 2_000);
    expect(await reply).toEqual(DONE);
  });

  it('gets it by looking when channels cannot be listened to, which is told', async () => {
    const { clock, one } = await timed();
    const refusing: RedisChannels = {
      subscribe: () => Promise.reject(new Error('refused')),
      unsubscribe: () => Promise.resolve(),
    };
    const two = makeStore(1, clock, { callTimeoutMs: 100_000_000 }, refusing);
    const first = await begin(one, ada('1'));
    const { reply } = await repeated(two, ada('1'));
    await first.settle(DONE);
    await pass(clock, 2_000);
    expect(await reply).toEqual(DONE);
    expect(observer.failures.map(({ where }) => where)).toEqual(['reply store']);
  });

  it('gets it at once when it came while the listening began', async () => {
    const { clock, one } = await timed();
    const { link } = redis.nodes[1]!;
    const gate = deferred();
    const slow: RedisChannels = {
      subscribe: async (channel, listener) => {
        await gate.promise;
        await link.subscribe(channel, listener);
      },
      unsubscribe: (channel) => link.unsubscribe(channel),
    };
    const two = makeStore(1, clock, { callTimeoutMs: 100_000_000 }, slow);
    const first = await begin(one, ada('1'));
    const { reply } = await repeated(two, ada('1'));
    await first.settle(DONE);
    gate.resolve();
    // The clock stands still: nobody looks again later.
    expect(await reply).toEqual(DONE);
  });

  it('D-08 gets it when the subscriber connection was killed meanwhile', async () => {
    await start();
    const clock = new SystemClock();
    const [one, two] = [0, 1].map((index) => makeStore(index, clock, { pollMs: 600_000 }));
    const first = await begin(one!, ada('1'));
    const { reply } = await repeated(two!, ada('1'));
    await redis.settle();
    await redis.nodes[0]!.link.commands.call('client', ['KILL', 'TYPE', 'pubsub']);
    await first.settle(DONE);
    expect(await reply).toEqual(DONE);
  });

  it('D-14 gets it though somebody else writes to the channel', async () => {
    const { one, two } = await timed();
    const first = await begin(one, ada('1'));
    const { reply } = await repeated(two, ada('1'));
    await redis.settle();
    const { channel } = new ReplyKeys(prefix).client('ada');
    for (const text of ['nonsense', 'null', '{}', '{"operation":"1","token":"other","reply":{}}']) {
      await redis.nodes[0]!.link.publish(channel, text);
    }
    await redis.settle();
    await first.settle(DONE);
    expect(await reply).toEqual(DONE);
  });

  it('is let go when Redis has forgotten the operation, which may then be done again', async () => {
    const { clock, one, two } = await timed();
    await begin(one, ada('1'));
    const { reply } = await repeated(two, ada('1'));
    await redis.settle();
    await redis.nodes[0]!.link.commands.flushall();
    await pass(clock, 2_000);
    expect(await reply).toBeUndefined();
    await begin(two, ada('1'));
  });

  it('is not listened for any longer when nobody waits', async () => {
    const { one, two } = await timed();
    const first = await begin(one, ada('1'));
    const waiting = await Promise.all([repeated(two, ada('1')), repeated(two, ada('1'))]);
    const { channel } = new ReplyKeys(prefix).client('ada');
    const { commands } = redis.nodes[0]!.link;
    await redis.settle();
    expect(await commands.pubsub('NUMSUB', channel)).toEqual([channel, 1]);
    await first.settle(DONE);
    for (const { reply } of waiting) expect(await reply).toEqual(DONE);
    await repeat(async () => (await commands.pubsub('NUMSUB', channel))[1] === 0);
  });
});

describe('a run', () => {
  it('is remembered however long it takes, while its node lives', async () => {
    const { clock, one, two } = await timed({ windowMs: 120_000, leaseMs: 60_000 });
    const first = await begin(one, ada('1'));
    await pass(clock, 600_000, 10_000);
    expect(await (await repeated(two, ada('1'))).reply).toBeUndefined();
    await first.settle(DONE);
    expect(await (await repeated(two, ada('1'))).reply).toEqual(DONE);
  });

  it('is forgotten with the window when its node has died, however often it is asked for', async () => {
    const { clock, one, two } = await timed({ windowMs: 120_000, leaseMs: 60_000 });
    await begin(one, ada('1'));
    redis.nodes[0]!.timed.before = () => {
      throw new Error('it has died');
    };
    for (let asked = 0; asked < 11; asked += 1) {
      await pass(clock, 10_000, 10_000);
      void (await repeated(two, ada('1'))).reply;
    }
    await pass(clock, 11_000, 10_000);
    await begin(two, ada('1'));
  });

  it('does not take another one’s place when it ends after it was forgotten', async () => {
    const { clock, one, two } = await timed({ windowMs: 120_000 });
    const late = await begin(one, ada('1'));
    redis.nodes[0]!.timed.before = () => {
      throw new Error('it is away');
    };
    await pass(clock, 121_000, 10_000);
    const second = await begin(two, ada('1'));
    redis.nodes[0]!.timed.before = () => undefined;
    await late.settle({ payload: '"late"' });
    const { reply } = await repeated(one, ada('1'));
    await late.abandon();
    await second.settle(DONE);
    expect(await reply).toEqual(DONE);
  });
});

describe('a Redis that is away', () => {
  it('is unavailable to a claim within a bound, which is then nobody’s', async () => {
    await start();
    const store = makeStore(0, new SystemClock());
    await server.kill();
    const began = performance.now();
    await expect(store.claim(ada('1'))).rejects.toMatchObject({ code: 'unavailable' });
    expect(performance.now() - began).toBeLessThan(CALL_TIMEOUT_MS * 10);
    await server.restart();
    // What was sent before is carried out first: it is begun, and given up.
    await repeat(async () => (await store.claim(ada('1'))).isFirst);
  });

  it('gets a reply later that it could not be given at once', async () => {
    const { clock, one, two } = await timed();
    const first = await begin(one, ada('1'));
    redis.nodes[0]!.timed.before = () => {
      throw new Error('Redis is away');
    };
    await expect(first.settle(DONE)).resolves.toBeUndefined();
    const { reply } = await repeated(two, ada('1'));
    await pass(clock, 5_000);
    redis.nodes[0]!.timed.before = () => undefined;
    await pass(clock, 5_000);
    expect(await reply).toEqual(DONE);
    expect(observer.failures.map(({ where }) => where)).toEqual(['reply store']);
  });

  it('is not asked for ever, and not after the store is closed', async () => {
    const { clock, one } = await timed();
    const [first, second] = [await begin(one, ada('1')), await begin(one, ada('2'))];
    redis.nodes[0]!.timed.before = () => {
      throw new Error('Redis is away');
    };
    await first.settle(DONE);
    await pass(clock, 100_000, 10_000);
    expect(clock.waiting).toBe(1);
    await second.settle(DONE);
    expect(clock.waiting).toBe(2);
    await one.close();
    expect(clock.waiting).toBe(0);
  });

  it('does not reject a run’s end after the store is closed', async () => {
    const { one } = await timed();
    const first = await begin(one, ada('1'));
    await one.close();
    await expect(first.settle(DONE)).resolves.toBeUndefined();
    await expect(first.abandon()).resolves.toBeUndefined();
  });

  it('leaves nothing begun by a claim that the end of the store came before', async () => {
    const { one, two } = await timed();
    const claiming = one.claim(ada('1'));
    await one.close();
    await expect(claiming).rejects.toMatchObject({ code: 'unavailable' });
    await begin(two, ada('1'));
  });

  it('lets a claim go that waits when the end of the store comes', async () => {
    const { one, two } = await timed();
    await begin(two, ada('1'));
    const claiming = repeated(one, ada('1'));
    await one.close();
    expect(await (await claiming).reply).toBeUndefined();
  });
});

describe('what is kept of a client', () => {
  it('is bounded in bytes: of the oldest replies is only known that they were given', async () => {
    const { one, two } = await timed({ maxReplyBytes: 400, maxClientBytes: 1_000 });
    const reply = { payload: JSON.stringify('x'.repeat(300)) };
    for (const id of ['1', '2', '3', '4']) await (await begin(one, ada(id))).settle(reply);
    const told = await Promise.all(
      ['1', '2', '3', '4'].map(async (id) => (await repeated(two, ada(id))).reply),
    );
    expect(told).toEqual([{ isOmitted: true }, reply, reply, reply]);
    const { replies } = new ReplyKeys(prefix).client('ada');
    const held = Number(await redis.nodes[0]!.link.commands.hget(replies, 'bytes'));
    expect(held).toBeGreaterThan(0);
    expect(held).toBeLessThanOrEqual(1_000);
  });

  it('is bounded in number, and gone with the window', async () => {
    const { one } = await timed({ perClient: 10, windowMs: 120_000 });
    for (let n = 0; n < 40; n += 1) await (await begin(one, ada(String(n)))).settle(DONE);
    const { replies, order, kept } = new ReplyKeys(prefix).client('ada');
    const { commands } = redis.nodes[0]!.link;
    expect(await commands.zcard(order)).toBe(10);
    expect(await commands.zcard(kept)).toBe(10);
    expect(await commands.hlen(replies)).toBe(11);
    const size = JSON.stringify(DONE).length;
    expect(await commands.hget(replies, 'bytes')).toBe(String(10 * size));
    for (const key of [replies, order, kept]) {
      const ttl = await commands.pttl(key);
      expect(ttl).toBeGreaterThan(100_000);
      expect(ttl).toBeLessThanOrEqual(121_000);
    }
  });

  it('D-13 is unavailable where a key is not what it was', async () => {
    const { one } = await timed();
    const { replies } = new ReplyKeys(prefix).client('ada');
    await redis.nodes[0]!.link.commands.set(replies, 'foreign');
    await expect(one.claim(ada('1'))).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('a claim whose answer was lost', () => {
  it('is the first when it is sent again', async () => {
    const { one } = await timed();
    const { timed: commands } = redis.nodes[0]!;
    await begin(one, ada('0'));
    const call = commands.commands.call.bind(commands.commands) as (
      name: string,
      args: (string | number | Buffer)[],
    ) => Promise<unknown>;
    const seen: (string | number | Buffer)[][] = [];
    const twice = new Proxy(commands.commands, {
      get: (target, key) =>
        key === 'call'
          ? async (name: string, args: (string | number | Buffer)[]) => {
              seen.push(args);
              await call(name, args);
              return call(name, args);
            }
          : (Reflect.get(target, key) as unknown),
    });
    const { link } = redis.nodes[0]!;
    const { random, clock } = redis;
    const channels: RedisChannels = link;
    const setup = {
      commands: twice,
      channels,
      publishCommand: link.publishVerb,
      clock,
      random,
      observer,
    };
    const store = new RedisReplyStore(setup, { prefix });
    stores.push(store);
    await begin(store, ada('1'));
    expect(seen.length).toBeGreaterThan(0);
  });
});
