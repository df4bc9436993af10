/** D-16: payloads of 64 KiB, some thousands of them, on a real server. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import type { HistoryPolicy } from '../../lib/core/index.js';
import { Ear, put, read } from '../conformance/broker.world.js';
import { publication } from '../support/fakes.js';
import { startRedis, type RedisServer } from '../support/redis-server.js';
import { closeNodes, freshKeys, makeNode, type RedisNode } from '../support/redis-world.js';
import { until } from '../support/turns.js';

const ROOM = 'chat/general';
const COUNT = 3_000;
/** Publishes that are under way at once: no more than what may wait. */
const WINDOW = 30;
const PAYLOAD = JSON.stringify('x'.repeat(65_534));
/** As the module keeps it by default. */
const POLICY: HistoryPolicy = { size: 1_000, ttlMs: 300_000, bytes: 1_048_576 };
/** What counts as slow, in microseconds. */
const SLOW_US = 10_000;

const keys = freshKeys();
let server: RedisServer;
let writer: RedisNode;
let reader: RedisNode;
const ear = new Ear();

beforeAll(async () => {
  server = await startRedis([
    ...['--slowlog-log-slower-than', String(SLOW_US), '--slowlog-max-len', String(COUNT)],
  ]);
  [writer, reader] = [makeNode({ url: server.url }, keys), makeNode({ url: server.url }, keys)];
  await writer.broker.start(new Ear());
  await reader.broker.start(ear);
  await reader.broker.subscribe(ROOM);
});

afterAll(async () => {
  await closeNodes([writer, reader]);
  await server.stop();
});

async function publishAll(): Promise<void> {
  for (let n = 0; n < COUNT; n += WINDOW) {
    await Promise.all(
      Array.from({ length: WINDOW }, (_, index) => {
        const message = publication(`m${String(n + index + 1)}`, { payload: PAYLOAD });
        return put(writer.broker, ROOM, message, POLICY);
      }),
    );
  }
}

describe('D-16 payloads of 64 KiB at volume', () => {
  it('keep no script busy for long, come in order, and leave the history within its bytes', async () => {
    const client = server.client();
    await client.config('RESETSTAT');
    await publishAll();
    await until(() => ear.heard.length >= COUNT, 20_000);
    expect(ear.offsets(ROOM)).toEqual(Array.from({ length: COUNT }, (_, index) => index + 1));

    const statistics = await client.info('commandstats');
    const [, calls, mean] =
      /cmdstat_evalsha:calls=(\d+),.*?usec_per_call=([\d.]+)/.exec(statistics) ?? [];
    // A call takes what is published within a turn, so long as that is at most 256 KiB: four of these.
    expect(Number(calls)).toBeGreaterThanOrEqual(COUNT / 4);
    expect(Number(mean)).toBeLessThan(SLOW_US);
    // Those that something else on this machine has held up count as well.
    const slow = Number(await client.call('slowlog', ['LEN']));
    expect(slow).toBeLessThan(Number(calls) / 10);

    const { messages, oldest, top } = await read(writer.broker, ROOM);
    const held = messages.reduce((sum, { payload = '' }) => sum + payload.length + 256, 0);
    expect(held).toBeLessThanOrEqual(POLICY.bytes);
    expect(held).toBeGreaterThan(POLICY.bytes - 2 * PAYLOAD.length);
    expect(top.offset - oldest + 1).toBe(messages.length);
    // What Redis holds of it is no more than half as much again.
    const used = await client.memory('USAGE', keys.room(ROOM).stream, 'SAMPLES', 0);
    expect(Number(used)).toBeLessThan(POLICY.bytes * 1.5);
  });
});
