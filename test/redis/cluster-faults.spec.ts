/** What becomes of rooms when the servers of a cluster change places (D-07). */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';

import { keySlot } from '../../lib/redis/key-slot.js';
import { Ear, put } from '../conformance/broker.world.js';
import { repeat, startCluster, stopAll, type RedisServer } from '../support/redis-server.js';
import { freshKeys, makeNode, type RedisNode } from '../support/redis-world.js';
import { until } from '../support/turns.js';

interface Running extends RedisNode {
  readonly ear: Ear;
}

const keys = freshKeys();
let servers: RedisServer[];
let nodes: Running[] = [];

beforeAll(async () => {
  servers = await startCluster();
});

afterEach(async () => {
  for (const { broker, link } of nodes) {
    await broker.close();
    link.close();
  }
  nodes = [];
});

afterAll(() => stopAll(servers));

async function startNode(): Promise<Running> {
  const addresses = servers.map(({ host, port }) => ({ host, port }));
  const node = makeNode({ cluster: { nodes: addresses } }, keys, { checkMs: 1_000 }, 300);
  const ear = new Ear();
  await node.broker.start(ear);
  const running = { ...node, ear };
  nodes.push(running);
  return running;
}

/** What `CLUSTER NODES` says of one server. */
interface Member {
  readonly id: string;
  readonly isMaster: boolean;
  readonly masterId: string;
  readonly server: RedisServer;
  readonly slots: readonly (readonly [number, number])[];
}

async function members(): Promise<Member[]> {
  for (const server of servers) {
    const text = await server
      .client({ maxRetriesPerRequest: 0 })
      .call('cluster', ['nodes'])
      .catch(() => undefined);
    if (typeof text === 'string') return text.trim().split('\n').flatMap(parseMember);
  }
  throw new Error('expected a server that answers');
}

function parseMember(line: string): Member[] {
  const [id = '', address = '', flags = '', masterId = '', , , , link, ...ranges] = line.split(' ');
  const port = Number(/:(\d+)@/.exec(address)?.[1]);
  const server = servers.find((each) => each.port === port);
  if (server === undefined || link !== 'connected' || flags.includes('fail')) return [];
  const slots = ranges.flatMap((range) => {
    const [from, to = from] = range.split('-').map(Number);
    return from === undefined || to === undefined || Number.isNaN(from)
      ? []
      : [[from, to] as const];
  });
  return [{ id, isMaster: flags.includes('master'), masterId, server, slots }];
}

async function masterOf(room: string): Promise<Member> {
  const slot = keySlot(keys.room(room).meta);
  const all = await members();
  const found = all.find(({ slots }) => slots.some(([from, to]) => from <= slot && slot <= to));
  if (found === undefined) throw new Error('expected a master');
  return found;
}

/** Publishes as soon as it can be. */
async function putSoon({ broker }: Running, room: string, id: string): Promise<void> {
  const operation = { client: 'test', id };
  await repeat(async () => {
    const history = { size: 100, ttlMs: 60_000, bytes: 1e6 };
    const message = { id, event: 'said', timestamp: 1 };
    await broker.publish(room, message, { history, operation });
    return true;
  });
}

async function bothHear(room: string, ids: readonly string[]): Promise<void> {
  await until(() => nodes.every(({ ear }) => ear.ids(room).includes(ids.at(-1) ?? '')), 20_000);
  for (const { ear } of nodes) expect(ear.ids(room)).toEqual(ids);
}

describe('a cluster', () => {
  it('D-07 moves a slot between live masters: its channel follows', async () => {
    const room = 'moved';
    const [reader, writer] = [await startNode(), await startNode()];
    await Promise.all(nodes.map(({ broker }) => broker.subscribe(room)));
    await put(reader.broker, room, 'm1');
    const slot = keySlot(keys.room(room).meta);
    const from = await masterOf(room);
    const to = (await members()).find(({ isMaster, id }) => isMaster && id !== from.id)!;
    const [source, target] = [from.server.client(), to.server.client()];
    await target.cluster('SETSLOT', slot, 'IMPORTING', from.id);
    await source.cluster('SETSLOT', slot, 'MIGRATING', to.id);
    const held = await source.cluster('GETKEYSINSLOT', slot, 100);
    const { host, port } = to.server;
    await source.call('migrate', [host, String(port), '', '0', '5000', 'KEYS', ...held]);
    for (const { server, isMaster } of await members()) {
      if (isMaster) await server.client().cluster('SETSLOT', slot, 'NODE', to.id);
    }
    await putSoon(writer, room, 'm2');
    await put(writer.broker, room, 'm3');
    await bothHear(room, ['m1', 'm2', 'm3']);
  });

  it('D-07 hands a shard over to its replica: all is in order, in another epoch', async () => {
    const room = 'handed-over';
    const [reader, writer] = [await startNode(), await startNode()];
    await Promise.all(nodes.map(({ broker }) => broker.subscribe(room)));
    const first = await put(reader.broker, room, 'm1');
    const master = await masterOf(room);
    const replica = (await members()).find(({ masterId }) => masterId === master.id)!;
    await replica.server.client().cluster('FAILOVER');
    await repeat(async () => (await masterOf(room)).id === replica.id);
    await putSoon(writer, room, 'm2');
    await bothHear(room, ['m1', 'm2']);
    expect((await reader.broker.top(room)).epoch).not.toBe(first.position.epoch);
  });

  it('D-07 loses a master: its replica goes on', async () => {
    const room = 'lost';
    const [reader, writer] = [await startNode(), await startNode()];
    await Promise.all(nodes.map(({ broker }) => broker.subscribe(room)));
    await put(reader.broker, room, 'm1');
    const master = await masterOf(room);
    await master.server.kill();
    await putSoon(writer, room, 'm2');
    await putSoon(writer, room, 'm3');
    await bothHear(room, ['m1', 'm2', 'm3']);
  });
});
