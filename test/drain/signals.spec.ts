/** A node in a process of its own, and what the platform does to it. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';

import { RawClient } from '../../lib/testing/index.js';
import { startRedis, type RedisServer } from '../support/redis-server.js';
import { DrainProcess, type DrainSetup } from './support/drain-process.js';

const DRAIN_MS = 2_000;
const SHUTDOWN = { drainMs: DRAIN_MS, graceMs: 500 };
/** What the end may take beyond the drain; the promise is 5 s. */
const REST_MS = 5_000;
const OPEN_TO_ONE_ADDRESS = { attemptBurst: 10_000, connectionsPerIp: 10_000 };

let redis: RedisServer;
const nodes: DrainProcess[] = [];

beforeAll(async () => {
  redis = await startRedis();
});

afterEach(async () => {
  for (const node of nodes.splice(0)) await node.kill();
});

afterAll(async () => {
  await redis.stop();
});

function spawn(setup: DrainSetup): DrainProcess {
  const node = DrainProcess.spawn(setup);
  nodes.push(node);
  return node;
}

async function start(realtime: NonNullable<DrainSetup['realtime']> = {}): Promise<DrainProcess> {
  const node = spawn({
    realtime: { shutdown: SHUTDOWN, limits: OPEN_TO_ONE_ADDRESS, ...realtime },
  });
  await node.until('listening');
  return node;
}

/** Clients of as many users, a hundred at a time. */
async function crowd(node: DrainProcess, count: number): Promise<RawClient[]> {
  const clients: RawClient[] = [];
  while (clients.length < count) {
    const names = Array.from({ length: Math.min(100, count - clients.length) }, (_, n) => {
      return `token-u${String(clients.length + n)}`;
    });
    clients.push(...(await Promise.all(names.map((token) => RawClient.connect(node.url, token)))));
  }
  return clients;
}

/** A client that numbers its connections, as the SDK does, and then never opens another one. */
async function numbered(node: DrainProcess, n: number): Promise<RawClient> {
  const client = await RawClient.open(node.url);
  const clientKey = String(n).padEnd(22, 'k');
  client.send({ type: 'hello', token: `token-u${String(n)}`, clientKey, attempt: 1 });
  await client.next('connected');
  return client;
}

describe('SIGTERM', () => {
  it('G-01 answers what is in flight, closes a thousand clients with 1001 and exits with 0 in time', async () => {
    const node = await start();
    const clients = await crowd(node, 1_000);
    const busy = clients.slice(0, 100);
    for (const client of busy)
      client.send({ type: 'request', id: '1', event: 'work', payload: 500 });
    await node.until('works', 100);
    const { code, tookMs } = await node.stop();
    const closes = await Promise.all(clients.map(({ closed }) => closed));
    expect(new Set(closes.map((close) => close.code))).toEqual(new Set([1001]));
    for (const client of busy) {
      expect(await client.next('response')).toMatchObject({ id: '1', payload: 'done' });
    }
    expect(code).toBe(0);
    expect(tookMs).toBeLessThan(DRAIN_MS + REST_MS);
  });

  it('G-01 is obeyed in time where clients could move, and nobody does', async () => {
    const node = await start({ redis: { url: redis.url } });
    const clients = await Promise.all(Array.from({ length: 50 }, (_, n) => numbered(node, n)));
    const { code, tookMs } = await node.stop();
    const closes = await Promise.all(clients.map(({ closed }) => closed));
    expect(new Set(closes.map((close) => close.code))).toEqual(new Set([1001]));
    expect(code).toBe(0);
    expect(tookMs).toBeLessThan(DRAIN_MS + REST_MS);
  });

  it('G-02 sent twice is the same as once', async () => {
    const node = await start({ redis: { url: redis.url } });
    const [client] = await crowd(node, 1);
    client?.send({ type: 'request', id: '1', event: 'work', payload: 300 });
    await node.until('works');
    node.signal();
    node.signal();
    const { code } = await node.stop();
    expect(code).toBe(0);
    expect(await client?.next('response')).toMatchObject({ payload: 'done' });
    expect(await client?.closed).toMatchObject({ code: 1001 });
  });

  it('G-02 during the start ends the process as well', async () => {
    const node = spawn({ isSlow: true, realtime: { redis: { url: redis.url } } });
    await node.until('starts');
    const { code, tookMs } = await node.stop();
    expect(code).toBe(0);
    expect(tookMs).toBeLessThan(REST_MS);
  });

  it('G-02 while missed messages are being replayed closes that client as any other', async () => {
    const node = await start({ redis: { url: redis.url } });
    const [writer, reader] = await crowd(node, 2);
    if (writer === undefined || reader === undefined) throw new Error('expected two');
    reader.send({ type: 'subscribe', id: 's', room: 'chat/a' });
    const { epoch } = await reader.next('subscribed');
    const payload = 'x'.repeat(1_000);
    for (let n = 0; n < 1_000; n += 1) {
      const frame = { type: 'publish', room: 'chat/a', event: 'said', payload } as const;
      writer.send(n === 999 ? { ...frame, id: 'last' } : frame);
    }
    await writer.next('published');
    const late = await RawClient.open(node.url, {});
    const rooms = [{ room: 'chat/a', epoch, offset: 0 }];
    late.send({ type: 'hello', token: 'token-late', rooms });
    await late.next('message');
    const { code } = await node.stop();
    expect(code).toBe(0);
    expect(await late.closed).toMatchObject({ code: 1001 });
  });
});

describe('a handler that goes wrong', () => {
  it('N-03 gets its client an error, and the node goes on', async () => {
    const node = await start();
    const [client] = await crowd(node, 1);
    for (const event of ['throws', 'rejects']) {
      client?.send({ type: 'request', id: event, event });
      expect(await client?.next('error')).toMatchObject({ id: event, code: 'internal' });
    }
    client?.send({ type: 'request', id: '1', event: 'work', payload: 0 });
    expect(await client?.next('response')).toMatchObject({ id: '1', payload: 'done' });
  });

  it('N-03 N-05 may block the node for longer than the heartbeat: nobody is closed for it', async () => {
    const node = await start({ heartbeat: { intervalMs: 1_000, timeoutMs: 1_500 } });
    const clients = await crowd(node, 20);
    const [first] = clients;
    for (const id of ['1', '2']) {
      first?.send({ type: 'request', id, event: 'spin', payload: 2_000 });
      expect(await first?.next('response')).toMatchObject({ id, payload: 'awake' });
      // Heartbeats that were due meanwhile come now.
      first?.send({ type: 'request', id: `${id}-after`, event: 'work', payload: 1_000 });
      await first?.next('response');
    }
    for (const [n, client] of clients.entries()) {
      client.send({ type: 'request', id: String(n), event: 'work', payload: 0 });
    }
    for (const client of clients) expect(await client.next('response')).toBeDefined();
  });
});
