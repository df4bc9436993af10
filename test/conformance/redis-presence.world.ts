import { RedisPresenceStore } from '../../lib/redis/redis-presence.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import { CutClock } from '../support/cut-clock.js';
import type { RedisNodes } from '../support/redis-nodes.js';
import type { PresenceWorld } from './presence-store.world.js';

const LEASE_MS = 10_000;

/** Time that passes at once before everybody does what is due: a node renews its lease after three of these. */
const STEP_MS = LEASE_MS / 20;

/** Stores of as many nodes as there are connections, in a corner of Redis of their own, in the test's time. */
export async function redisPresence(redis: RedisNodes): Promise<PresenceWorld> {
  const common = new ManualClock();
  redis.clock = common;
  const prefix = redis.prefix();
  const clocks = redis.nodes.map(() => new CutClock(common));
  const { random, observer } = redis;
  const nodes = redis.nodes.map(({ link, commands }, index) => {
    const clock = clocks[index]!;
    const { publishVerb: publishCommand } = link;
    const setup = { commands, channels: link, publishCommand, clock, random, observer };
    return new RedisPresenceStore(setup, { prefix, leaseMs: LEASE_MS });
  });
  return {
    nodes,
    leaseMs: LEASE_MS,
    freeze: (node) => clocks[node]?.cut(),
    thaw: async (node) => {
      clocks[node]?.restore();
      await redis.settle();
    },
    advance: async (ms) => {
      for (let left = ms; left > 0; left -= STEP_MS) {
        common.advance(Math.min(left, STEP_MS));
        await redis.settle();
      }
    },
    settle: () => redis.settle(),
    dispose: async () => {
      await Promise.all(nodes.map((store) => store.close()));
    },
  };
}
