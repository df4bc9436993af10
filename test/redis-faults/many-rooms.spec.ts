/** D-15: a node that listens to 100,000 rooms, and whose listening connection is cut. */
import { monitorEventLoopDelay } from 'node:perf_hooks';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { Ear, put } from '../conformance/broker.world.js';
import { repeat, startRedis, type RedisServer } from '../support/redis-server.js';
import { closeNodes, freshKeys, makeNode, type RedisNode } from '../support/redis-world.js';

const ROOMS = 100_000;
/** Rooms that one SUBSCRIBE names. */
const CHUNK = 500;
/** Every so many rooms one misses a message. */
const STEP = 1_000;

const keys = freshKeys();
const ear = new Ear();
let server: RedisServer;
let node: RedisNode;
let other: RedisNode;

const roomAt = (n: number): string => `chat/${String(n)}`;
const missing = Array.from({ length: ROOMS / STEP }, (_, n) => roomAt(n * STEP + STEP - 1));

beforeAll(async () => {
  server = await startRedis();
  // Neither the check of tops nor the watchdog helps: what is lost is found by the reconnect alone.
  node = makeNode({ url: server.url }, keys, { checkMs: 600_000 }, 600_000);
  other = makeNode({ url: server.url }, keys);
  await node.broker.start(ear);
  await other.broker.start(new Ear());
  // So many at once as can be confirmed within the time that each of them has.
  for (let from = 0; from < ROOMS; from += 5_000) {
    const some = Array.from({ length: 5_000 }, (_, n) => node.broker.subscribe(roomAt(from + n)));
    await Promise.all(some);
  }
}, 120_000);

afterAll(async () => {
  await closeNodes([node, other]);
  await server.stop();
});

/** How often a command was called, also by scripts. */
async function callsOf(command: string): Promise<number> {
  const statistics = await server.client().info('commandstats');
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(statistics)?.[1] ?? 0);
}

/** Publishes one message after the other until it is over; gives how many were acknowledged. */
async function publishUntil(isOver: () => boolean): Promise<number> {
  let count = 0;
  for (; !isOver(); count += 1) await put(node.broker, 'elsewhere', `m${String(count)}`);
  return count;
}

describe('D-15 a node in 100,000 rooms whose listening connection is cut', () => {
  it('is in all of them again with a few commands, loses nothing, and serves others meanwhile', async () => {
    const client = server.client();
    await client.config('RESETSTAT');
    const delay = monitorEventLoopDelay({ resolution: 10 });
    delay.enable();
    await client.call('client', ['KILL', 'TYPE', 'pubsub', 'SKIPME', 'yes']);
    await Promise.all(missing.map((room) => put(other.broker, room, `in ${room}`)));
    const isOver = (): boolean => ear.heard.length >= missing.length;
    const published = await publishUntil(isOver);
    await repeat(async () => (await callsOf('evalsha')) >= ROOMS);
    delay.disable();

    expect(ear.heard.map(({ room }) => room).toSorted()).toEqual(missing.toSorted());
    expect(ear.heard.every(({ message }) => message.position?.offset === 1)).toBe(true);
    // Two nodes have an inbox, two streams of commands and a probe besides.
    const subscribes = await callsOf('subscribe');
    expect(subscribes).toBeGreaterThanOrEqual(ROOMS / CHUNK);
    expect(subscribes).toBeLessThan(ROOMS / CHUNK + 20);
    // One question a room. History was read where something was missing only.
    const scripts = await callsOf('evalsha');
    expect(scripts - published).toBeLessThan(ROOMS + 10 * missing.length);
    // Questions for all at once would keep the event loop, and the node's other commands, for seconds.
    expect(published).toBeGreaterThan(20);
    expect(delay.percentile(99) / 1e6).toBeLessThan(1_000);
    expect(node.observer.failures.filter(({ where }) => where.startsWith('reading'))).toEqual([]);
  });
});
