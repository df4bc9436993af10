/** D-07 and presence: what becomes of members when the servers of a cluster change places. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';

import type { PresenceRecord } from '../../lib/core/index.js';
import { PresenceKeys } from '../../lib/redis/presence-keys.js';
import { SystemClock } from '../../lib/transport/index.js';
import { startStore, type StoreUnderTest } from '../redis/presence-world.js';
import { ClusterFarm } from '../support/redis-cluster.js';
import { RedisNodes } from '../support/redis-nodes.js';
import { repeat } from '../support/redis-server.js';

/** Shorter than what the cluster takes to promote a replica: every lease is over by then. */
const LEASE_MS = 2_000;

let cluster: ClusterFarm;
let redis: RedisNodes;
let keys: PresenceKeys;
let stores: StoreUnderTest[];
/** A room on another master than the leases. */
let room: string;

const rec = (userId: string): PresenceRecord => ({
  userId,
  client: userId,
  connectionId: `${userId}-1`,
});

beforeAll(async () => {
  cluster = await ClusterFarm.start();
}, 60_000);

afterAll(() => cluster.stop());

beforeEach(async () => {
  redis = new RedisNodes({ cluster: { nodes: cluster.addresses } }, 2);
  const prefix = redis.prefix();
  keys = new PresenceKeys(prefix);
  const options = { prefix, leaseMs: LEASE_MS, callTimeoutMs: 1_000 };
  await Promise.all(redis.nodes.map(({ commands }) => commands.ping()));
  stores = await Promise.all(
    redis.nodes.map((node) => startStore(redis, node, new SystemClock(), options)),
  );
  room = await roomElsewhere();
});

afterEach(async () => {
  await Promise.all(stores.map(({ store }) => store.close()));
  redis.close();
});

async function roomElsewhere(): Promise<string> {
  const { id } = await cluster.masterOf(keys.leases);
  for (let n = 0; ; n += 1) {
    const name = `room-${String(n)}`;
    if ((await cluster.masterOf(keys.room(name).users)).id !== id) return name;
  }
}

/** Whom each node has put. */
const put = new Map<StoreUnderTest, Set<string>>();

/** Puts a user as soon as it can be, and again whenever the node is told to, as servers do. */
async function putSoon(node: StoreUnderTest, user: string): Promise<void> {
  const users = put.get(node) ?? new Set();
  put.set(node, users.add(user));
  node.ear.onExpired = () => {
    for (const each of users) void repeat(() => node.store.put(room, rec(each)).then(() => true));
  };
  await repeat(() => node.store.put(room, rec(user)).then(() => true));
}

/** Ada on one node and Bob on the other; both watch. */
async function gather(): Promise<readonly [StoreUnderTest, StoreUnderTest]> {
  const [a, b] = [stores[0]!, stores[1]!];
  await putSoon(a, 'ada');
  await putSoon(b, 'bob');
  for (const { store } of stores) await store.watch(room, 10);
  return [a, b];
}

const membersOf = async ({ store }: StoreUnderTest): Promise<string[]> =>
  (await store.read(room, 10)).members.map(({ userId }) => userId).toSorted();

/** Waits until every node sees just these. */
async function bothSee(...users: readonly string[]): Promise<void> {
  for (const node of stores) {
    await repeat(async () => (await membersOf(node)).join() === users.join());
  }
}

/** Waits until both nodes have heard it, or that they have missed something. */
async function bothHear(what: string): Promise<void> {
  const has = ({ ear: { story } }: StoreUnderTest): boolean =>
    story.includes(what) || story.includes('missed');
  await repeat(() => Promise.resolve(stores.every(has)));
}

/** What was told of users who were there all the time: nothing. */
function toldOfAdaAndBob(): string[] {
  return stores.flatMap(({ ear }) => ear.story.filter((entry) => /^[+-](ada|bob)$/.test(entry)));
}

/** Waits until every node's lease was renewed since: then what was going to be removed is. */
async function renewed(): Promise<void> {
  const { commands } = redis.nodes[0]!.link;
  const ends = async (): Promise<number[]> =>
    (await commands.zrange(keys.leases, '0', '-1', 'WITHSCORES'))
      .filter((_, index) => index % 2 === 1)
      .map(Number);
  const before = Math.max(...(await ends()), 0);
  await repeat(async () => {
    const [first = 0, second = 0] = await ends();
    return Math.min(first, second) > before + LEASE_MS;
  });
}

describe('D-07 members of a room in a cluster', () => {
  it('stay when the room’s slot moves between live masters, and changes go on', async () => {
    const [a, b] = await gather();
    await cluster.move(keys.room(room).users);
    // Nobody needs to send anything to that slot to be told.
    await repeat(() => Promise.resolve(stores.every(({ ear }) => ear.count('missed') > 0)));
    await putSoon(a, 'eve');
    await bothHear('+eve');
    await bothSee('ada', 'bob', 'eve');
    await putSoon(b, 'dan');
    await a.store.remove(room, rec('eve'), 'connection');
    await bothSee('ada', 'bob', 'dan');
    for (const { ear } of stores) {
      await repeat(() => Promise.resolve(ear.story.at(-1) === '-eve'));
      expect(ear.story.filter((entry) => entry !== 'missed')).toEqual(['+eve', '+dan', '-eve']);
    }
  });

  it('stay when the slot of the leases moves', async () => {
    const [a] = await gather();
    await cluster.move(keys.leases);
    await renewed();
    await putSoon(a, 'eve');
    await bothHear('+eve');
    await bothSee('ada', 'bob', 'eve');
    expect(toldOfAdaAndBob()).toEqual([]);
  });

  it.each([
    ['the room', () => keys.room(room).users],
    ['the leases', () => keys.leases],
  ])('stay when the master of %s is killed, and changes go on', async (_, keyOf) => {
    const [a, b] = await gather();
    const { server } = await cluster.masterOf(keyOf());
    await repeat(async () => (await server.client().wait(1, 100)) === 1);
    const killed = await cluster.kill(keyOf());
    await putSoon(a, 'eve');
    await bothSee('ada', 'bob', 'eve');
    await renewed();
    await bothSee('ada', 'bob', 'eve');
    // A node that ends is gone within its lease, and only its members with it.
    await b.store.close();
    stores = [a];
    await repeat(async () => (await membersOf(a)).join() === 'ada,eve');
    expect(a.ear.count('-ada') + a.ear.count('-eve')).toBe(0);
    await cluster.revive(killed);
  });
});
