/** What becomes of rooms when the servers of a cluster change places (D-07). */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';

import { Ear, put } from '../conformance/broker.world.js';
import { publication } from '../support/fakes.js';
import { ClusterFarm } from '../support/redis-cluster.js';
import { repeat } from '../support/redis-server.js';
import { closeNodes, freshKeys, makeNode, type RedisNode } from '../support/redis-world.js';
import { until } from '../support/turns.js';

interface Running extends RedisNode {
  readonly ear: Ear;
}

const keys = freshKeys();
let cluster: ClusterFarm;
let nodes: Running[] = [];

beforeAll(async () => {
  cluster = await ClusterFarm.start();
});

afterEach(async () => {
  await closeNodes(nodes);
  nodes = [];
});

afterAll(() => cluster.stop());

async function startNode(): Promise<Running> {
  const node = makeNode({ cluster: { nodes: cluster.addresses } }, keys, { checkMs: 1_000 }, 300);
  const ear = new Ear();
  await node.broker.start(ear);
  const running = { ...node, ear };
  nodes.push(running);
  return running;
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

/** A room that another master has than a key. */
async function elsewhere(than: string, room: string): Promise<string> {
  const { id } = await cluster.masterOf(than);
  for (let n = 0; ; n += 1) {
    const other = `${room}-${String(n)}`;
    if ((await cluster.masterOf(keys.room(other).meta)).id !== id) return other;
  }
}

/** Of messages to users and to everyone, which have no room. */
const DIRECT = keys.control('commands').meta;

describe('a cluster', () => {
  it('D-07 moves a slot between live masters: its channel follows', async () => {
    const room = 'moved';
    const [reader, writer] = [await startNode(), await startNode()];
    await Promise.all(nodes.map(({ broker }) => broker.subscribe(room)));
    await put(reader.broker, room, 'm1');
    await cluster.move(keys.room(room).meta);
    await putSoon(writer, room, 'm2');
    await put(writer.broker, room, 'm3');
    await bothHear(room, ['m1', 'm2', 'm3']);
  });

  it('D-07 hands a shard over to its replica: all is in order, in another epoch', async () => {
    const room = 'handed-over';
    const [reader, writer] = [await startNode(), await startNode()];
    await Promise.all(nodes.map(({ broker }) => broker.subscribe(room)));
    const first = await put(reader.broker, room, 'm1');
    const master = await cluster.masterOf(keys.room(room).meta);
    const replica = (await cluster.members()).find(({ masterId }) => masterId === master.id)!;
    await replica.server.client().cluster('FAILOVER');
    await repeat(async () => (await cluster.masterOf(keys.room(room).meta)).id === replica.id);
    await putSoon(writer, room, 'm2');
    await bothHear(room, ['m1', 'm2']);
    expect((await reader.broker.top(room)).epoch).not.toBe(first.position.epoch);
  });

  it('D-07 loses a master: its replica goes on', async () => {
    const room = await elsewhere(DIRECT, 'lost');
    const [reader, writer] = [await startNode(), await startNode()];
    await Promise.all(nodes.map(({ broker }) => broker.subscribe(room)));
    await put(reader.broker, room, 'm1');
    const other = await elsewhere(keys.room(room).meta, room);
    await reader.broker.subscribe(other);
    const late = new Set<string>();
    reader.ear.onDelay = () => {
      for (const name of [room, other]) if (reader.ear.isDelayed(name)) late.add(name);
    };
    await cluster.kill(keys.room(room).meta);
    await put(writer.broker, other, 'm1');
    await putSoon(writer, room, 'm2');
    await putSoon(writer, room, 'm3');
    await bothHear(room, ['m1', 'm2', 'm3']);
    await until(() => !reader.ear.isDelayed(room));
    expect([...late]).toEqual([room]);
    expect(reader.ear.ids(other)).toEqual(['m1']);
  });

  it('D-07 loses the master of messages that have no room: whoever is in one is told, too', async () => {
    const [reader, writer] = [await startNode(), await startNode()];
    const room = await elsewhere(DIRECT, 'aside');
    await reader.broker.subscribe(room);
    await until(() => !reader.ear.isDelayed(room));
    let isTold = false;
    reader.ear.onDelay = () => {
      isTold ||= reader.ear.isDelayed(room);
    };
    await cluster.kill(DIRECT);
    await put(writer.broker, room, 'm1');
    await until(() => isTold && !reader.ear.isDelayed(room), 20_000);
    await until(() => reader.ear.ids(room).includes('m1'));
    await repeat(async () => {
      await writer.broker.command({
        kind: 'to-user',
        userId: 'ada',
        publication: publication('m1'),
      });
      return true;
    });
    await until(() => reader.ear.commands.length > 0);
  });
});
