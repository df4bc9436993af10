/** Nodes on one Redis, and a way to let the store's time pass. */
import { randomUUID } from 'node:crypto';

import type { Redis } from 'ioredis';

import type { BrokerListener } from '../../lib/core/index.js';
import {
  RedisBroker,
  RedisKeys,
  RedisLink,
  type RedisBrokerOptions,
  type RedisSource,
} from '../../lib/redis/index.js';
import { keySlot } from '../../lib/redis/key-slot.js';
import { isCluster } from '../../lib/redis/redis-commands.js';
import { SystemClock, SystemRandom } from '../../lib/transport/index.js';
import { put, type BrokerWorld, type Outage } from '../conformance/broker.world.js';
import { publication, RecordingObserver } from './fakes.js';
import { freePort } from './redis-server.js';
import type { TcpProxy } from './tcp-proxy.js';
import { deferred, turns } from './turns.js';

/** A broker with connections of its own. */
export interface RedisNode {
  readonly broker: RedisBroker;
  readonly link: RedisLink;
  readonly observer: RecordingObserver;
}

/** A key prefix that no other test has. */
export function freshKeys(): RedisKeys {
  return new RedisKeys(`test-${randomUUID()}`);
}

/** Makes a node. Nothing of it is a double but the observer. */
export function makeNode(
  source: RedisSource,
  keys: RedisKeys,
  options: RedisBrokerOptions = {},
  probeMs = 3_000,
): RedisNode {
  const observer = new RecordingObserver();
  const tools = { keys, clock: new SystemClock(), random: new SystemRandom(), observer };
  const link = new RedisLink({ ...tools, source, probeMs });
  return { broker: new RedisBroker({ ...tools, link, options }), link, observer };
}

/**
 * Waits until every node has heard what was published before: a message more goes the way of the others,
 * behind them. `clients` reach every master.
 */
export async function settleNodes(
  nodes: readonly RedisNode[],
  keys: RedisKeys,
  clients: readonly Redis[],
): Promise<void> {
  await Promise.all(nodes.map(({ link }) => hearAll(link, keys, clients)));
  await turns(2);
}

async function hearAll(link: RedisLink, keys: RedisKeys, clients: readonly Redis[]): Promise<void> {
  const isSharded = link.publishVerb === 'SPUBLISH';
  const channels = isSharded ? shardChannels(link, keys) : [keys.probe(randomUUID())];
  const heard = deferred();
  let due = isSharded ? channels.length : clients.length;
  const message = (): void => {
    due -= 1;
    if (due === 0) heard.resolve();
  };
  for (const channel of channels) {
    await link.subscribe(channel, { message, missed: () => undefined });
    // An ordinary channel's messages come from each server by a way of its own.
    if (isSharded) await link.publish(channel, '');
    else await Promise.all(clients.map((client) => client.publish(channel, '')));
  }
  await heard.promise;
  for (const channel of channels) await link.unsubscribe(channel);
}

/** A channel on each master. */
function shardChannels({ commands }: RedisLink, keys: RedisKeys): string[] {
  if (!isCluster(commands)) return [];
  const found = new Map<string | undefined, string>();
  while (found.size < new Set(commands.slots.map(([address]) => address)).size) {
    const channel = keys.probe(randomUUID());
    found.set(commands.slots[keySlot(channel)]?.[0], channel);
  }
  return [...found.values()];
}

/** Everything that is known of time in the store, moved into the past: what a script sees as age. */
const AGE = `
for _, key in ipairs(KEYS) do
  local ms = tonumber(ARGV[1])
  local ttl = redis.call('PTTL', key)
  local kind = redis.call('TYPE', key).ok
  if ttl >= 0 and ttl <= ms then
    redis.call('DEL', key)
  elseif kind == 'stream' then
    local entries = redis.call('XRANGE', key, '-', '+')
    redis.call('DEL', key)
    for _, entry in ipairs(entries) do
      local offset, at = string.match(entry[1], '^(%d+)-(%d+)$')
      local id = offset .. '-' .. string.format('%.0f', tonumber(at) - ms)
      redis.call('XADD', key, id, unpack(entry[2]))
    end
    if #entries > 0 then redis.call('PEXPIRE', key, ttl - ms) end
  else
    if kind == 'hash' and string.find(key, ':repeats:', 1, true) then
      local function earlier(before, at) return before .. string.format('%.0f', tonumber(at) - ms) end
      local fields = redis.call('HGETALL', key)
      for i = 1, #fields, 2 do
        local is_state = fields[i] == 'state'
        local aged = string.gsub(fields[i + 1], is_state and '^(.* )(%d+)$' or '(\\29%d+ )(%d+)', earlier)
        redis.call('HSET', key, fields[i], aged)
      end
    end
    if kind == 'hash' and redis.call('HEXISTS', key, 'kept') == 1 then
      redis.call('HINCRBY', key, 'kept', -ms)
    end
    if ttl >= 0 then redis.call('PEXPIRE', key, ttl - ms) end
  end
end`;

/** Lets the time of a prefix's keys pass, without waiting for it. */
export async function age(clients: readonly Redis[], keys: RedisKeys, ms: number): Promise<void> {
  for (const client of clients) {
    const found = await client.keys(`${keys.prefix}:*:stream*`);
    const metas = await client.keys(`${keys.prefix}:*:meta`);
    for (const key of [...found, ...metas]) await client.eval(AGE, 1, key, ms);
  }
}

/** What the conformance checks need. `clients` reach every master. */
export function redisBrokerWorld(
  source: RedisSource,
  clients: readonly Redis[],
  count: number,
  keys = freshKeys(),
): BrokerWorld {
  const operations = { windowMs: 120_000, perClient: 50 };
  const nodes = Array.from({ length: count }, () => makeNode(source, keys, { operations }));
  const [first] = nodes;
  return {
    nodes: nodes.map(({ broker }) => broker),
    operations,
    forget: async (room) => {
      await first?.link.commands.del(keys.room(room).meta);
    },
    advance: (ms) => age(clients, keys, ms),
    settle: () => settleNodes(nodes, keys, clients),
    dispose: async () => {
      await closeNodes(nodes);
    },
  };
}

/**
 * The same of nodes that reach the server through a proxy, by which they can be cut off.
 *
 * @param url of the server itself.
 */
export function severableBrokerWorld(
  proxy: TcpProxy,
  url: string,
  clients: readonly Redis[],
  count: number,
): BrokerWorld {
  const near = new URL(url);
  near.host = `${proxy.host}:${String(proxy.port)}`;
  const keys = freshKeys();
  const world = redisBrokerWorld({ url: near.href }, clients, count, keys);
  const others: RedisNode[] = [];
  return {
    ...world,
    outage: async (): Promise<Outage> => {
      const { target } = proxy;
      const node = makeNode({ url }, keys);
      others.push(node);
      await node.broker.start(SILENT);
      proxy.target = { host: proxy.host, port: await freePort() };
      proxy.cut();
      return {
        publish: async (room, ids) => {
          await Promise.all(ids.map((id) => put(node.broker, room, publication(id), LONG)));
        },
        end: () => {
          proxy.target = target;
        },
      };
    },
    dispose: async () => {
      await world.dispose();
      await closeNodes(others);
      await proxy.stop();
    },
  };
}

/** More than the checks publish during an outage. */
const LONG = { size: 1_000, ttlMs: 60_000, bytes: 1_000_000 };

/** Of a node that only publishes. */
const SILENT: BrokerListener = {
  message: () => undefined,
  command: () => undefined,
  answer: () => Promise.resolve({ kind: 'sessions', sessions: [] }),
};

/** Ends nodes in good order, one after the other. */
export async function closeNodes(nodes: readonly RedisNode[]): Promise<void> {
  for (const { broker, link } of nodes) {
    await broker.close();
    link.close();
  }
}
