/**
 * What a store that has lost acknowledged messages does to subscribers: the experiment by which usual
 * (epoch, offset) positions fail. Each case runs with the scripts as they are, and with an epoch that
 * knows nothing of the store's generation, to show that the case can fail.
 */
import { afterEach, describe, expect, it } from '@jest/globals';

import type { Broker } from '../../lib/core/index.js';
import type { MessageFrame, ServerFrame } from '../../lib/protocol/index.js';
import type { RedisKeys, RedisOptions } from '../../lib/redis/index.js';
import { Ear, put } from '../conformance/broker.world.js';
import { publication } from '../support/fakes.js';
import { ignoreGenerations } from '../support/naive-epoch.js';
import { NodeWorld } from '../support/node-world.js';
import {
  repeat,
  startRedis,
  startReplica,
  stopAll,
  type RedisServer,
} from '../support/redis-server.js';
import { freshKeys, makeNode, type RedisNode } from '../support/redis-world.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/turns.js';

const ROOM = 'chat/general';

/** Makes a store lose what `tail` puts into it. */
interface Disaster {
  /** Before anything is published. */
  prepare?(master: RedisServer): Promise<RedisServer>;
  /** Returns the server that is there afterwards. */
  strike(
    master: RedisServer,
    replica: RedisServer,
    tail: () => Promise<void>,
  ): Promise<RedisServer>;
}

let servers: RedisServer[] = [];
let closing: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closing.reverse()) await close();
  await stopAll(servers);
  closing = [];
  servers = [];
});

/** A replica that was cut off before the tail is promoted. */
const promotion: Disaster = {
  prepare: startReplica,
  strike: async (master, replica, tail) => {
    const client = replica.client();
    await whenSame(master, replica);
    await client.replicaof('127.0.0.1', 1);
    await tail();
    await master.kill();
    await client.replicaof('NO', 'ONE');
    return replica;
  },
};

/** The server crashes and starts with what it had saved before the tail. */
const restart: Disaster = {
  strike: async (master, _, tail) => {
    await master.client().save();
    await tail();
    await master.kill();
    await master.restart();
    return master;
  },
};

/** The server crashes and starts with nothing. */
const emptyRestart: Disaster = {
  strike: async (master, _, tail) => {
    await tail();
    await master.kill();
    await master.restart();
    return master;
  },
};

/** Everything is deleted under running nodes. */
const flush: Disaster = {
  strike: async (master, _, tail) => {
    await tail();
    await master.client().flushall();
    return master;
  },
};

/** What became of the subscribers of one room. */
interface Outcome {
  /** Of one who was there all the time: ids of messages, and `told` where it was told of a loss. */
  readonly live: readonly string[];
  /** Of one who had seen everything before the disaster, and came back after it. */
  readonly back: readonly string[];
}

async function run(disaster: Disaster, isNaive = false): Promise<Outcome> {
  const master = await startRedis();
  servers.push(master);
  // A server gets another generation with its first replica: that has to be over.
  const replica = (await disaster.prepare?.(master)) ?? master;
  if (replica !== master) servers.push(replica);
  const way = await TcpProxy.start(master);
  closing.push(() => way.stop());
  const keys = freshKeys();
  const { broker } = open({ host: way.host, port: way.port }, keys, isNaive);
  const world = await NodeWorld.start({ broker: () => broker });
  const live = await listen(world);
  for (const n of [1, 2, 3]) await publish(broker, n);
  const survivor = await disaster.strike(master, replica, async () => {
    for (const n of [4, 5]) await publish(broker, n);
    await until(() => told(live()).includes('m5'));
    way.isSilent = true;
  });
  // Somebody who knows nothing of what was lost is the first to publish.
  const writer = open({ host: survivor.host, port: survivor.port }, keys, isNaive);
  await writer.broker.start(new Ear());
  for (const n of [6, 7, 8]) await publish(writer.broker, n);
  way.isSilent = false;
  way.target = survivor;
  way.cut();
  await until(() => told(live()).includes('m8'));
  const last = live().find((frame) => frame.type === 'message' && frame.payload === 'm5');
  const { epoch, offset } = last as MessageFrame;
  return { live: told(live()), back: await comeBack(world, { epoch, offset }) };
}

function open(options: RedisOptions, keys: RedisKeys, isNaive: boolean): RedisNode {
  const node = makeNode({ options }, keys);
  closing.push(async () => {
    await node.broker.close();
    node.link.close();
  });
  if (isNaive) ignoreGenerations(node.link);
  return node;
}

/** A subscriber; gives everything that came to it so far. */
async function listen(world: NodeWorld): Promise<() => readonly ServerFrame[]> {
  const peer = await world.connect('ada');
  const frames: ServerFrame[] = [];
  const read = (): readonly ServerFrame[] => {
    frames.push(...peer.frames());
    return frames;
  };
  peer.say({ type: 'subscribe', id: '1', room: ROOM });
  await until(() => read().some(({ type }) => type === 'subscribed'));
  return read;
}

function publish(broker: Broker, n: number): Promise<unknown> {
  const id = `m${String(n)}`;
  return put(broker, ROOM, publication(id, { payload: JSON.stringify(id) }));
}

/** Waits until a replica has everything. */
async function whenSame(master: RedisServer, replica: RedisServer): Promise<void> {
  const offset = async (server: RedisServer): Promise<string | undefined> => {
    const info = await server.client().info('replication');
    return /(?:slave_repl|master_repl)_offset:(\d+)/.exec(info)?.[1];
  };
  await repeat(async () => (await offset(master)) === (await offset(replica)));
}

async function comeBack(world: NodeWorld, position: object): Promise<string[]> {
  const peer = await world.connect('bob');
  peer.say({ type: 'subscribe', id: '1', room: ROOM, ...position });
  const frames: ServerFrame[] = [];
  await until(() => {
    frames.push(...peer.frames());
    const subscribed = frames.find((frame) => frame.type === 'subscribed');
    if (subscribed === undefined) return false;
    const { replayed = 0 } = subscribed;
    return frames.filter(({ type }) => type === 'message').length === replayed;
  });
  return ['m1', 'm2', 'm3', 'm4', 'm5', ...told(frames)];
}

/** Ids of messages, and where a loss was told. */
function told(frames: readonly ServerFrame[]): string[] {
  return frames.flatMap((frame) => {
    if (frame.type === 'message') return String(frame.payload);
    if (frame.type === 'gap') return 'told';
    return frame.type === 'subscribed' && frame.recovered === false ? 'told' : [];
  });
}

/** Acknowledged messages that a subscriber did not get without being told before the next one. */
function silentlyLost(seen: readonly string[]): string[] {
  const lost: string[] = [];
  let due = 1;
  for (const what of seen) {
    if (what === 'told') due = 0;
    else {
      const number = Number(what.slice(1));
      for (let missed = due === 0 ? number : due; missed < number; missed += 1) {
        lost.push(`m${String(missed)}`);
      }
      due = number + 1;
    }
  }
  // Who was told has to ask anew; who was not believes to have everything.
  if (due > 0) for (; due <= 8; due += 1) lost.push(`m${String(due)}`);
  return lost;
}

describe('a store that has lost acknowledged messages', () => {
  it.each([
    ['D-04 was restarted with what it had saved', restart],
    ['D-05 was a replica without the tail, and was promoted', promotion],
    ['D-03 was restarted empty', emptyRestart],
    ['D-14 was flushed', flush],
  ])('has every subscriber told before the next message, when it %s', async (_, disaster) => {
    const { live, back } = await run(disaster);
    expect(silentlyLost(live)).toEqual([]);
    expect(silentlyLost(back)).toEqual([]);
    expect(live).toEqual(['m1', 'm2', 'm3', 'm4', 'm5', 'told', 'm6', 'm7', 'm8']);
    expect(back).toEqual(['m1', 'm2', 'm3', 'm4', 'm5', 'told']);
  });

  it.each([
    ['D-04 it was restarted', restart],
    ['D-05 a replica was promoted', promotion],
  ])('loses messages silently under an epoch without generation, when %s', async (_, disaster) => {
    const { live, back } = await run(disaster, true);
    expect(silentlyLost(live)).toEqual(['m6', 'm7']);
    expect(silentlyLost(back)).toEqual(['m6', 'm7']);
  });
});
