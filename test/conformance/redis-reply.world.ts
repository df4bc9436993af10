import type { ReplyStore } from '../../lib/core/index.js';
import { RedisReplyStore } from '../../lib/redis/redis-reply-store.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import type { RedisNodes } from '../support/redis-nodes.js';
import type { ReplyStoreWorld } from './reply-store.suite.js';
import { BOUNDS } from './reply-store.world.js';

const STEP_MS = 1_000;

/** Stores of as many nodes as there are connections, in a corner of Redis of their own, in the test's time. */
export async function redisReplies(redis: RedisNodes): Promise<ReplyStoreWorld> {
  const clock = new ManualClock();
  redis.clock = clock;
  const prefix = redis.prefix();
  const { random, observer } = redis;
  const stores = redis.nodes.map(({ link, commands }) => {
    const { publishVerb: publishCommand } = link;
    const setup = { commands, channels: link, publishCommand, clock, random, observer };
    return new RedisReplyStore(setup, { ...BOUNDS, prefix });
  });
  const [first, ...others] = stores.map((store) => settling(store, redis));
  return {
    nodes: [first!, ...others],
    ...BOUNDS,
    advance: async (ms) => {
      for (let left = ms; left > 0; left -= STEP_MS) {
        clock.advance(Math.min(left, STEP_MS));
        await redis.settle();
      }
    },
    dispose: async () => {
      await Promise.all(stores.map((store) => store.close()));
    },
  };
}

/** The suite looks at once at what others were told; here that takes as long as Redis takes to tell them. */
function settling(store: ReplyStore, redis: RedisNodes): ReplyStore {
  return {
    claim: async (operation) => {
      const claim = await store.claim(operation);
      await redis.settle();
      if (!claim.isFirst) return claim;
      return {
        isFirst: true,
        settle: async (reply) => {
          await claim.settle(reply);
          await redis.settle();
        },
        abandon: async () => {
          await claim.abandon();
          await redis.settle();
        },
      };
    },
    close: () => store.close(),
  };
}
