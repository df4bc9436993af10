/**
 * D-05 by an election of real sentinels: a master and two replicas, and two nodes with clients. Once with
 * replicas that have everything, once with replicas that lack the last acknowledged messages, and the
 * latter also under an epoch that knows nothing of the store's generation, to show that the case can fail.
 */
import { describe, expect, it, jest } from '@jest/globals';

import {
  RealtimeRoom,
  REALTIME_REDIS,
  type RedisStores,
  type RoomPolicy,
} from '../../lib/index.js';
import type { RedisKeys, RedisOptions } from '../../lib/redis/index.js';
import type { CheckResult } from '../checker/verdict.js';
import { Ear, put, read } from '../conformance/broker.world.js';
import { publication } from '../support/fakes.js';
import { ignoreGenerations } from '../support/naive-epoch.js';
import { startApp, type RunningApp } from '../support/nest-app.js';
import { RecordedRoom } from '../support/recorded-clients.js';
import { SentinelFarm } from '../support/redis-sentinel.js';
import { repeat } from '../support/redis-server.js';
import { closeNodes, freshKeys, makeNode, type RedisNode } from '../support/redis-world.js';
import { TcpProxy } from '../support/tcp-proxy.js';

const ROOM = 'chat/general';

// An election takes seconds, and more where a sentinel has to put a second master right.
jest.setTimeout(120_000);

@RealtimeRoom('chat/:room')
class ChatRooms implements RoomPolicy {
  canSubscribe(): boolean {
    return true;
  }
}

/** What happens besides the death of the master. */
interface Course {
  /** Whether the replicas are cut off before the last messages. */
  readonly isStale?: boolean;
  /** Whether the epoch knows nothing of the store's generation. */
  readonly isNaive?: boolean;
  /** Replicas that have to have a message before it is acknowledged. */
  readonly replicas?: number;
}

/** What ends with a course, the last first. */
type Closing = (() => unknown)[];

/** Ways of a node to the servers, on which everything can be held up. */
async function waysTo(
  farm: SentinelFarm,
  closing: Closing,
): Promise<{ options: RedisOptions; ways: TcpProxy[] }> {
  const ways = await Promise.all(farm.servers.map((server) => TcpProxy.start(server)));
  closing.push(() => Promise.all(ways.map((way) => way.stop())));
  const pairs = farm.servers.map(({ host, port }, index) => {
    const way = ways[index]!;
    return [`${host}:${String(port)}`, { host: way.host, port: way.port }] as const;
  });
  return { options: { ...farm.options, natMap: Object.fromEntries(pairs) }, ways };
}

async function startNode(
  options: RedisOptions,
  { prefix }: RedisKeys,
  { isNaive = false, replicas = 0 }: Course,
): Promise<RunningApp> {
  const redis = { options, prefix, replicas, timeoutMs: 1_000 };
  const app = await startApp({ options: { redis }, providers: [ChatRooms] });
  if (isNaive) ignoreGenerations(app.app.get<RedisStores>(REALTIME_REDIS).link);
  return app;
}

/** A node that listens to nothing, and so knows nothing of what is lost. */
async function startWriter(
  farm: SentinelFarm,
  keys: RedisKeys,
  closing: Closing,
  isNaive = false,
): Promise<RedisNode> {
  const writer = makeNode({ options: farm.options }, keys, { timeoutMs: 1_000 });
  closing.push(() => closeNodes([writer]));
  await writer.broker.start(new Ear());
  if (isNaive) ignoreGenerations(writer.link);
  return writer;
}

/** Publishes by the writer until so many are acknowledged. */
async function publishAfterwards(room: RecordedRoom, { broker }: RedisNode): Promise<void> {
  for (let acknowledged = 0; acknowledged < 3;) {
    const stored = await room.publish('writer', async ({ id }) => {
      const message = publication(id);
      const { position, durability } = await put(broker, ROOM, message);
      return { ...position, durability };
    });
    if (stored !== undefined) acknowledged += 1;
  }
}

async function publishBy(app: RunningApp, room: RecordedRoom, count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    await room.publish('app', async (payload) => {
      const { position, durability } = await app.rooms.publish(ROOM, 'said', payload);
      return { ...position, durability };
    });
  }
}

/** Plays a course to its end, and gives what everybody has seen. */
async function play(course: Course): Promise<RecordedRoom> {
  const closing: Closing = [];
  try {
    return await run(course, closing);
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

async function run(course: Course, closing: Closing): Promise<RecordedRoom> {
  const farm = await SentinelFarm.start();
  closing.push(() => farm.stop());
  const keys = freshKeys();
  const { options, ways } = await waysTo(farm, closing);
  const app = await startNode(options, keys, course);
  closing.push(() => app.app.close());
  const writer = await startWriter(farm, keys, closing, course.isNaive);
  const room = new RecordedRoom(ROOM);
  closing.push(() => room.close());
  const live = room.add('live', app.url);
  const door = await TcpProxy.start({ host: '127.0.0.1', port: Number(new URL(app.url).port) });
  closing.push(() => door.stop());
  const away = room.add('away', app.url.replace(/:\d+/, `:${String(door.port)}`));
  await Promise.all(room.clients.map((client) => client.room.subscribe()));
  await publishBy(app, room, 3);
  await room.allHave('app/3');
  await farm.whenSame();

  if (course.isStale === true) farm.partition();
  const isOpen = door.target;
  door.target = { ...isOpen, port: farm.sentinels[0]!.port };
  door.cut();
  await publishBy(app, room, 2);
  await repeat(() => Promise.resolve(live.seen.has('app/5')));
  if (course.isStale !== true) await farm.whenSame();

  // Whoever is first to publish after the election is not the node that has seen the last messages.
  for (const way of ways) way.isSilent = true;
  room.killed('master');
  await farm.elect();
  await publishAfterwards(room, writer);
  for (const way of ways) {
    way.isSilent = false;
    way.cut();
  }
  door.target = isOpen;
  await finish(room, writer, course.isNaive === true ? [live] : [live, away]);
  return room;
}

/** Publishes until everybody has the last message, and notes what the store holds. */
async function finish(
  room: RecordedRoom,
  writer: RedisNode,
  who: readonly RecordedRoom['clients'][number][],
): Promise<void> {
  await repeat(() => Promise.resolve(who.every(({ room: { state } }) => state === 'subscribed')));
  await publishAfterwards(room, writer);
  const page = await read(writer.broker, ROOM);
  const last = (JSON.parse(page.messages.at(-1)?.payload ?? '{}') as { id?: string }).id ?? '';
  await repeat(() => Promise.resolve(who.every(({ seen }) => seen.has(last))), 30_000);
  room.recorder.final(ROOM, page);
}

function resultOf(room: RecordedRoom, name: string): CheckResult {
  const result = room.check().find((each) => each.name === name);
  if (result === undefined) throw new Error(`expected an assertion called ${name}`);
  return result;
}

const upTo = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `app/${String(index + 1)}`);

// Each has servers and sentinels of its own, and mostly waits until these agree that a master is dead.
describe('D-05 sentinels that promote a replica', () => {
  it.concurrent(
    'with everything: nobody who was there misses a message, and everybody is told of the change',
    async () => {
      const room = await play({});
      expect(room.complaints()).toBe('');
      expect([...(room.clients[0]?.seen ?? [])].slice(0, 5)).toEqual(upTo(5));
      for (const p of ['live', 'away']) {
        expect(room.losses).toContainEqual(
          expect.objectContaining({ p, type: 'gap', reason: 'epoch-changed' }),
        );
      }
    },
  );

  it.concurrent(
    'without the last messages: who does not have them was told before the next one',
    async () => {
      const room = await play({ isStale: true });
      expect(room.complaints()).toBe('');
      expect(room.clients.map(({ seen }) => upTo(5).filter((id) => !seen.has(id)))).toEqual([
        [],
        ['app/4', 'app/5'],
      ]);
      expect(resultOf(room, 'honest loss').declaredLosses).toBeGreaterThanOrEqual(2);
    },
  );

  it.concurrent(
    'without the last messages, under an epoch without generation: loses others silently',
    async () => {
      const room = await play({ isStale: true, isNaive: true });
      const broken = room.check().filter(({ holds }) => !holds);
      expect(broken.map(({ name }) => name)).toEqual(
        expect.arrayContaining(['agreement', 'complete', 'honest loss']),
      );
    },
  );

  it.concurrent(
    'without the last messages, where a replica was asked for: they were never acknowledged',
    async () => {
      const room = await play({ isStale: true, replicas: 1 });
      expect(room.complaints()).toBe('');
      expect(room.recorder.records.filter(({ type }) => type === 'pub.maybe')).toMatchObject([
        { id: 'app/4', why: 'timeout' },
        { id: 'app/5', why: 'timeout' },
      ]);
    },
  );
});
