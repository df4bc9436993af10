/** What connections and servers do to a broker, on a real server behind a proxy. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import type { RedisBrokerOptions } from '../../lib/redis/index.js';
import { Ear, KEPT, put, putOnce, putVolatile, read, upTo } from '../conformance/broker.world.js';
import { publication } from '../support/fakes.js';
import {
  repeat,
  startRedis,
  startReplica,
  stopAll,
  type RedisServer,
} from '../support/redis-server.js';
import { closeNodes, freshKeys, makeNode, type RedisNode } from '../support/redis-world.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { turns, until } from '../support/turns.js';

const ROOM = 'chat/general';
const keys = freshKeys();

/** A node that is running. */
interface Running extends RedisNode {
  readonly ear: Ear;
}

let server: RedisServer;
let proxy: TcpProxy;
let nodes: Running[] = [];
let others: RedisServer[] = [];

beforeEach(async () => {
  server = await startRedis();
  proxy = await TcpProxy.start(server);
});

afterEach(async () => {
  proxy.tamper = undefined;
  await closeNodes(nodes);
  await proxy.stop();
  await stopAll([server, ...others]);
  nodes = [];
  others = [];
});

async function startNode(
  options: RedisBrokerOptions = {},
  probeMs = 60_000,
  { host, port }: { readonly host: string; readonly port: number } = proxy,
): Promise<Running> {
  const node = makeNode({ options: { host, port } }, keys, options, probeMs);
  const ear = new Ear();
  await node.broker.start(ear);
  const running = { ...node, ear };
  nodes.push(running);
  return running;
}

/** A node behind the proxy, in the room, and one beside it that publishes. */
async function startPair(
  options: RedisBrokerOptions = {},
  probeMs?: number,
): Promise<[Running, Running]> {
  const reader = await startNode({ checkMs: 60_000, ...options }, probeMs);
  await reader.broker.subscribe(ROOM);
  return [reader, await startNode({}, undefined, server)];
}

function heard({ ear }: Running): string[] {
  return ear.ids(ROOM);
}

/** Loses what the server sends if it holds the text, so often. Returns whether it has. */
function lose(text: string, times = 1): () => boolean {
  let left = times;
  proxy.tamper = (piece) => {
    if (left === 0 || !piece.includes(text)) return piece;
    left -= 1;
    return undefined;
  };
  return () => left === 0;
}

describe('what a channel loses', () => {
  it('comes with the next message, in order (D-10)', async () => {
    const [reader, writer] = await startPair();
    await put(writer.broker, ROOM, 'm1');
    await until(() => heard(reader).length === 1);
    const isLost = lose('"m2"');
    await put(writer.broker, ROOM, 'm2');
    // Else both could come in one piece, and both be lost.
    await until(isLost);
    await put(writer.broker, ROOM, 'm3');
    await until(() => heard(reader).includes('m3'));
    expect(heard(reader)).toEqual(['m1', 'm2', 'm3']);
  });

  it('is found by the check of tops if no message follows (D-10, D-18)', async () => {
    const [reader, writer] = await startPair({ checkMs: 100 });
    lose('"m1"');
    await put(writer.broker, ROOM, 'm1');
    await until(() => heard(reader).includes('m1'));
    expect(reader.ear.offsets(ROOM)).toEqual([1]);
  });

  it('comes at once when the connection that listened was killed (D-08)', async () => {
    const [reader, writer] = await startPair();
    const other = server.client();
    await other.call('client', ['KILL', 'TYPE', 'pubsub']);
    await put(writer.broker, ROOM, 'm1');
    await until(() => heard(reader).includes('m1'));
    await put(writer.broker, ROOM, 'm2');
    await until(() => heard(reader).includes('m2'));
    expect(heard(reader)).toEqual(['m1', 'm2']);
  });

  it('comes after the server cut a reader that was too slow (D-09)', async () => {
    const [reader, writer] = await startPair();
    await server.client().config('SET', 'client-output-buffer-limit', 'pubsub 100kb 0 0');
    proxy.isSilent = true;
    const payload = JSON.stringify('x'.repeat(100_000));
    for (const n of upTo(60)) {
      await put(writer.broker, ROOM, publication(`m${String(n)}`, { payload }), {
        ...KEPT,
        bytes: 1e8,
      });
    }
    proxy.isSilent = false;
    proxy.cut();
    await until(() => heard(reader).includes('m60'));
    expect(reader.ear.offsets(ROOM)).toEqual(upTo(60));
  });

  it('is nothing when the connection for commands was killed (D-08)', async () => {
    const [reader] = await startPair();
    await server.client().call('client', ['KILL', 'TYPE', 'normal', 'SKIPME', 'yes']);
    await put(reader.broker, ROOM, 'm1');
    await until(() => heard(reader).includes('m1'));
    expect(heard(reader)).toEqual(['m1']);
  });

  it('comes when the whole connection was silent and nobody said so', async () => {
    const [reader, writer] = await startPair({}, 100);
    const taken = proxy.accepted;
    proxy.isSilent = true;
    await put(writer.broker, ROOM, 'm1');
    await until(() => reader.observer.failures.length > 0);
    await until(() => proxy.accepted > taken);
    proxy.isSilent = false;
    // What was begun while it was silent answers never.
    proxy.cut();
    await until(() => heard(reader).includes('m1'));
  });

  it('comes when only the connection that listens is silent', async () => {
    const [reader, writer] = await startPair({}, 100);
    lose('message', 1_000_000);
    await put(writer.broker, ROOM, 'm1');
    await until(() => reader.observer.failures.some(({ where }) => where.startsWith('listening')));
    proxy.tamper = undefined;
    await until(() => heard(reader).includes('m1'));
  });
});

describe('a publish', () => {
  it('takes effect once when its answer is lost with the connection', async () => {
    const [reader] = await startPair();
    let isLost = false;
    proxy.tamper = (piece) => {
      // The answer to the script: epoch and offset. The channel's message goes another way.
      if (isLost || !piece.toString().startsWith('*2\r\n') || piece.includes('message'))
        return piece;
      isLost = true;
      proxy.cut();
      return undefined;
    };
    const { position } = await put(reader.broker, ROOM, 'm1');
    expect(isLost).toBe(true);
    expect(position.offset).toBe(1);
    expect((await put(reader.broker, ROOM, 'm2')).position.offset).toBe(2);
    await until(() => heard(reader).includes('m2'));
    expect(heard(reader)).toEqual(['m1', 'm2']);
  });

  it('ends as unknown while the server stands still, and a repeat does not double it (D-02)', async () => {
    const [, writer] = await startPair();
    const reader = await startNode({ timeoutMs: 200 }, undefined, server);
    await reader.broker.subscribe(ROOM);
    await put(writer.broker, ROOM, 'm1');
    const operation = { client: 'ada', id: '1' };
    server.process?.kill('SIGSTOP');
    const sent = putOnce(reader.broker, ROOM, 'm2', operation);
    await expect(sent).rejects.toMatchObject({ code: 'timeout' });
    // The one before it is under way: this one was never sent.
    const waiting = put(reader.broker, ROOM, 'm3');
    await expect(waiting).rejects.toMatchObject({ code: 'unavailable' });
    await expect(reader.broker.top(ROOM)).rejects.toMatchObject({ code: 'unavailable' });
    server.process?.kill('SIGCONT');
    await repeat(async () => (await putOnce(reader.broker, ROOM, 'm4', operation)).id === 'm2');
    await until(() => heard(reader).length === 2);
    expect(heard(reader)).toEqual(['m1', 'm2']);
  });

  it('waits for a server that is away, and no longer than it may (D-02)', async () => {
    const [reader] = await startPair({ timeoutMs: 300 });
    const { epoch } = await reader.broker.top(ROOM);
    await server.kill();
    await until(() => !reader.link.isReady);
    await expect(put(reader.broker, ROOM, 'm1')).rejects.toMatchObject({ code: 'unavailable' });
    await expect(putVolatile(reader.broker, ROOM, 'v1')).rejects.toMatchObject({
      code: 'unavailable',
    });
    await server.restart();
    await repeat(async () => (await put(reader.broker, ROOM, 'm2')).position.offset === 1);
    expect((await reader.broker.top(ROOM)).epoch).not.toBe(epoch);
    await until(() => heard(reader).includes('m2'));
  });

  it('is refused where too much waits already', async () => {
    const [reader] = await startPair({ maxQueuedBytes: 600 });
    const results = await Promise.allSettled(
      upTo(4).map((n) => put(reader.broker, ROOM, `m${String(n)}`)),
    );
    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'rejected',
    ]);
    expect((await put(reader.broker, ROOM, 'm5')).position.offset).toBe(3);
  });

  it('takes no effect if it was not sent when the broker closes, and may have if it was', async () => {
    const reader = await startNode();
    const waiting = put(reader.broker, ROOM, 'm1');
    const closed = reader.broker.close();
    await expect(waiting).rejects.toMatchObject({ code: 'unavailable' });
    await closed;
    const other = await startNode({}, undefined, server);
    expect((await other.broker.top(ROOM)).offset).toBe(0);
    server.process?.kill('SIGSTOP');
    const sent = put(other.broker, ROOM, 'm2');
    await turns(10);
    const ended = other.broker.close();
    await expect(sent).rejects.toMatchObject({ code: 'timeout' });
    server.process?.kill('SIGCONT');
    await ended;
  });

  it('is refused if its payload could be taken for the end of a message', async () => {
    const [reader] = await startPair();
    const bad = publication('m1', { payload: '"\u001e"' });
    await expect(put(reader.broker, ROOM, bad)).rejects.toMatchObject({ code: 'bad-request' });
  });

  it('finds its script again when the server has forgotten it (D-13 NOSCRIPT)', async () => {
    const [reader] = await startPair();
    await put(reader.broker, ROOM, 'm1');
    await server.client().script('FLUSH');
    expect((await put(reader.broker, ROOM, 'm2')).position.offset).toBe(2);
  });

  it.each<[string, () => Promise<unknown>, string]>([
    ['OOM', () => server.client().config('SET', 'maxmemory', '1'), 'OOM'],
    [
      'NOREPLICAS (D-06)',
      () => server.client().config('SET', 'min-replicas-to-write', '1'),
      'NOREPLICAS',
    ],
  ])('is refused without effect when the server says %s (D-13)', async (_, prepare, code) => {
    const [reader] = await startPair();
    await put(reader.broker, ROOM, 'm1');
    await prepare();
    await expect(put(reader.broker, ROOM, 'm2')).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining(code),
    });
    await server.client().config('SET', 'maxmemory', '0');
    await server.client().config('SET', 'min-replicas-to-write', '0');
    expect((await put(reader.broker, ROOM, 'm3')).position.offset).toBe(2);
  });

  it('starts a new epoch where the room’s meta was evicted, and is honest where its stream was (D-12)', async () => {
    const [reader] = await startPair();
    const first = await put(reader.broker, ROOM, 'm1');
    await server.client().del(keys.room(ROOM).stream);
    const second = await put(reader.broker, ROOM, 'm2');
    expect(second.position).toEqual({ ...first.position, offset: 2 });
    expect((await read(reader.broker, ROOM)).oldest).toBe(2);
    await server.client().del(keys.room(ROOM).meta);
    const third = await put(reader.broker, ROOM, 'm3');
    expect(third.position.epoch).not.toBe(first.position.epoch);
  });

  it('overwrites what others have put into its stream (D-14)', async () => {
    const [reader] = await startPair();
    await server.client().xadd(keys.room(ROOM).stream, '900-1', 'x', 'y');
    expect((await put(reader.broker, ROOM, 'm1')).position.offset).toBe(1);
    const page = await read(reader.broker, ROOM);
    expect(page.messages.map(({ id }) => id)).toEqual(['m1']);
  });
});

describe('a publish that wants replicas', () => {
  it('is replicated when they have it, and unknown when they are too few', async () => {
    const replica = await startReplica(server);
    others.push(replica);
    const writer = await startNode({ replicas: 1, timeoutMs: 2_000 });
    expect(await put(writer.broker, ROOM, 'm1')).toMatchObject({ durability: 'replicated' });
    expect((await putVolatile(writer.broker, ROOM, 'v1')).durability).toBe('none');
    await replica.client().replicaof('127.0.0.1', 1);
    await repeat(async () => /connected_slaves:0/.test(await server.client().info('replication')));
    await expect(put(writer.broker, ROOM, 'm2')).rejects.toMatchObject({ code: 'timeout' });
  });
});
