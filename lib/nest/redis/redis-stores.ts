import type {
  Broker,
  Clock,
  Observer,
  PresenceStore,
  Random,
  RateStore,
  ReplyStore,
} from '../../core/index.js';
import type { RedisLink } from '../../redis/index.js';
import type { ResolvedRealtimeOptions } from '../options/realtime-options.interface.js';

/** What is on Redis, over connections that are shared. */
export interface RedisStores {
  readonly link: RedisLink;
  /** Makes the broker. */
  broker(): Broker;
  /** Makes the presence store. */
  presence(): PresenceStore;
  /** Makes what remembers replies. */
  replies(): ReplyStore;
  /** Makes what counts requests for limits. */
  rates(): RateStore;
  /** What Redis is missing, a sentence each. */
  probe(): Promise<string[]>;
}

/** A request waits for the word on its limit: no longer than this, in milliseconds, for the shared one. */
const RATE_TIMEOUT_MS = 1_000;

/**
 * Begins the connections to Redis, if the options ask for it. `ioredis`, an optional peer dependency, is
 * loaded only then.
 */
export async function openRedis(
  { redis, memory }: Pick<ResolvedRealtimeOptions, 'redis' | 'memory'>,
  clock: Clock,
  random: Random,
  observer: Observer,
): Promise<RedisStores | undefined> {
  if (redis === undefined) return undefined;
  const { RedisBroker, RedisKeys, RedisLink, RedisPresenceStore, RedisRateStore, ...stores } =
    await import('../../redis/index.js');
  const { RedisReplyStore, probeAtStart, sourceOf } = stores;
  const { prefix, sharded = true, probeMs = 3_000, timeoutMs = 5_000, ...options } = redis;
  const { operations = {}, leaseMs = 10_000 } = options;
  const keys = new RedisKeys(prefix);
  const tools = { clock, random, observer };
  const source = sourceOf(redis);
  const link = new RedisLink({ ...tools, source, keys, sharded, probeMs, timeoutMs });
  const { commands, publishVerb: publishCommand } = link;
  const setup = { ...tools, commands, channels: link, publishCommand };
  const common = { prefix: keys.prefix, callTimeoutMs: timeoutMs };
  return {
    link,
    broker: () => new RedisBroker({ ...tools, link, keys, options: { ...options, timeoutMs } }),
    presence: () => new RedisPresenceStore(setup, { ...common, leaseMs }),
    replies: () =>
      new RedisReplyStore(setup, {
        ...common,
        ...operations,
        ...(memory.replies?.leaseMs === undefined ? {} : { leaseMs: memory.replies.leaseMs }),
      }),
    rates: () =>
      new RedisRateStore(
        { commands, clock },
        { prefix: keys.prefix, callTimeoutMs: Math.min(timeoutMs, RATE_TIMEOUT_MS) },
      ),
    probe: () => probeAtStart({ link, keys, clock, random, timeoutMs }),
  };
}
