/**
 * D-06: two servers that both take writes, because a replica was promoted while its master lived on, cut
 * off from it but not from its clients.
 */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import type { RedisKeys } from '../../lib/redis/index.js';
import { Ear, put, read } from '../conformance/broker.world.js';
import {
  RealtimeRoom,
  REALTIME_REDIS,
  type RedisStores,
  type RoomPolicy,
} from '../../lib/index.js';
import { publication } from '../support/fakes.js';
import { ignoreGenerations } from '../support/naive-epoch.js';
import { closeApps, startApp, type RunningApp } from '../support/nest-app.js';
import { RecordedRoom } from '../support/recorded-clients.js';
import {
  repeat,
  startRedis,
  stopAll,
  whenReplicated,
  type RedisServer,
} from '../support/redis-server.js';
import { freshKeys, makeNode, type RedisNode } from '../support/redis-world.js';
import { TcpProxy } from '../support/tcp-proxy.js';

const ROOM = 'chat/general';

@RealtimeRoom('chat/:room')
class ChatRooms implements RoomPolicy {
  canSubscribe(): boolean {
    return true;
  }
}

let master: RedisServer;
let replica: RedisServer;
/** Between replica and master. */
let link: TcpProxy;
/** Between the application and whatever is the master for it. */
let way: TcpProxy;
let keys: RedisKeys;
let room: RecordedRoom;
let app: RunningApp;
let writer: RedisNode | undefined;

/** A node with clients on the master, which accepts writes only as `settings` say. */
async function start(settings: readonly string[], isNaive = false): Promise<void> {
  master = await startRedis(settings);
  link = await TcpProxy.start(master);
  replica = await startRedis(['--replicaof', `${link.host} ${String(link.port)}`]);
  await whenReplicated(replica);
  way = await TcpProxy.start(master);
  const { host, port } = way;
  const redis = { options: { host, port }, prefix: keys.prefix, timeoutMs: 1_000 };
  app = await startApp({ options: { redis }, providers: [ChatRooms] });
  if (isNaive) ignoreGenerations(app.app.get<RedisStores>(REALTIME_REDIS).link);
  for (const user of ['ada', 'bob']) await room.add(user, app.url).room.subscribe();
  await publish(3);
  await room.allHave('app/3');
  await whenSame();
}

beforeEach(() => {
  keys = freshKeys();
  room = new RecordedRoom(ROOM);
});

afterEach(async () => {
  room.close();
  await closeApps();
  await writer?.broker.close();
  writer?.link.close();
  writer = undefined;
  await Promise.all([link.stop(), way.stop()]);
  await stopAll([master, replica]);
});

async function publish(count = 1): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    await room.publish('app', async (payload) => {
      const { position, durability } = await app.rooms.publish(ROOM, 'said', payload);
      return { ...position, durability };
    });
  }
}

async function whenSame(): Promise<void> {
  const clients = [master.client(), replica.client()];
  const offset = (info: string): string | undefined =>
    /(?:slave_repl|master_repl)_offset:(\d+)/.exec(info)?.[1];
  await repeat(async () => {
    const [a, b] = await Promise.all(clients.map((client) => client.info('replication')));
    return a !== undefined && b !== undefined && offset(a) === offset(b);
  });
}

/** Cuts the replica off and promotes it, with a node of its own; the master goes on. */
async function split(isNaive = false): Promise<RedisNode> {
  link.isSilent = true;
  await replica.client().replicaof('NO', 'ONE');
  const node = makeNode({ url: replica.url }, keys);
  writer = node;
  await node.broker.start(new Ear());
  if (isNaive) ignoreGenerations(node.link);
  return node;
}

async function publishThere({ broker }: RedisNode, count = 1): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    await room.publish('writer', async ({ id }) => {
      const { position, durability } = await put(broker, ROOM, publication(id));
      return { ...position, durability };
    });
  }
}

/** The old master becomes a replica of the new one, and the node is led there, as sentinels would. */
async function heal(node: RedisNode): Promise<void> {
  room.killed('master');
  await master.client().replicaof(replica.host, replica.port);
  way.target = replica;
  way.cut();
  await publishThere(node);
  const page = await read(node.broker, ROOM);
  const last = (JSON.parse(page.messages.at(-1)?.payload ?? '{}') as { id: string }).id;
  await room.allHave(last, 20_000);
  room.recorder.final(ROOM, page);
}

/** How each publish of the application ended, by its number. */
function endings(): string[] {
  return room.recorder.records.flatMap((record) =>
    record.p === 'app' && /^pub\.(ok|no|maybe)$/.test(record.type) ? record.type : [],
  );
}

describe('D-06 a master that was cut off from its replica, which was promoted', () => {
  it('refuses writes with a code where it needs a replica for them', async () => {
    await start(['--min-replicas-to-write', '1', '--min-replicas-max-lag', '1']);
    const node = await split();
    await publishThere(node);
    await repeat(async () => {
      await publish();
      return endings().at(-1) === 'pub.no';
    });
    await expect(app.rooms.publish(ROOM, 'said', { id: 'refused' })).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('NOREPLICAS'),
    });
    await heal(node);
    expect(room.complaints()).toBe('');
    expect(room.losses).not.toEqual([]);
  });

  it('acknowledges what will be lost where it needs none: epochs differ, and everybody is told', async () => {
    await start([]);
    const node = await split();
    await publish(2);
    await room.allHave('app/5');
    await publishThere(node, 3);
    await heal(node);
    expect(endings()).toEqual(Array(5).fill('pub.ok'));
    expect(room.complaints()).toBe('');
    const told = room.losses.map((record) => (record as { readonly p: string }).p);
    expect(told).toEqual(expect.arrayContaining(['ada', 'bob']));
  });

  it('gives out positions twice under an epoch without generation', async () => {
    await start([], true);
    const node = await split(true);
    await publish(2);
    await room.allHave('app/5');
    await publishThere(node, 3);
    await heal(node);
    const broken = room.check().filter(({ holds }) => !holds);
    expect(broken.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['agreement', 'honest loss']),
    );
  });
});
