/** What publishes without a server: `RealtimeEmitter`, on a real Redis beside real applications. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import {
  RealtimeEmitter,
  RealtimeOptionsError,
  type RealtimeEmitterOptions,
} from '../../lib/emitter/index.js';
import { RealtimeRoom, type RoomPolicy } from '../../lib/index.js';
import type { RawClient } from '../../lib/testing/index.js';
import { Ear } from '../conformance/broker.world.js';
import { startCalling } from '../support/calling-process.js';
import { closeApps, startApp, type RunningApp } from '../support/nest-app.js';
import {
  repeat,
  startCluster,
  startRedis,
  stopAll,
  type RedisServer,
} from '../support/redis-server.js';
import { freshKeys, makeNode } from '../support/redis-world.js';
import { TcpProxy } from '../support/tcp-proxy.js';

const ROOM = 'team/x';
let isWelcome = true;

@RealtimeRoom('team/:name', { history: { size: 3 } })
class TeamRooms implements RoomPolicy {
  canSubscribe(): boolean {
    return isWelcome;
  }
}

let server: RedisServer;
let proxy: TcpProxy;
let open: { close(): unknown }[] = [];

beforeEach(async () => {
  isWelcome = true;
  server = await startRedis();
  proxy = await TcpProxy.start(server);
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
  await closeApps();
  await proxy.stop();
  await server.stop();
  open = [];
});

function startServer(): Promise<RunningApp> {
  return startApp({ options: { redis: { url: server.url } }, providers: [TeamRooms] });
}

/** An emitter behind the proxy. */
function emit(options: RealtimeEmitterOptions = {}): RealtimeEmitter {
  const { host, port } = proxy;
  const place = options.cluster ?? options.client ?? options.url;
  const where = place === undefined ? { options: { host, port } } : {};
  const emitter = new RealtimeEmitter({ ...where, ...options });
  open.push(emitter);
  return emitter;
}

async function enter(app: RunningApp, user: string): Promise<RawClient> {
  const client = await app.connect(`token-${user}`);
  open.push(client);
  client.send({ type: 'subscribe', id: 's', room: ROOM });
  await client.next('subscribed');
  return client;
}

describe('a process without Nest', () => {
  it('puts messages between those of the servers, and ends once it is closed', async () => {
    const app = await startServer();
    const ada = await enter(app, 'ada');
    const worker = await startCalling('emitter-process.js', { url: server.url });
    open.push(worker);
    const receipts = [];
    for (let n = 1; n <= 6; n += 1) {
      const publish = n % 2 === 0 ? worker.call('publish', ROOM, 'said', n) : undefined;
      receipts.push(await (publish ?? app.rooms.publish(ROOM, 'said', n)));
    }
    const heard = [];
    for (let n = 1; n <= 6; n += 1) heard.push(await ada.next('message'));
    expect(heard.map(({ payload, offset }) => [payload, offset])).toEqual(
      [1, 2, 3, 4, 5, 6].map((n) => [n, n]),
    );
    expect(receipts).toEqual(
      heard.map(({ id, epoch, offset }) => ({
        id,
        position: { epoch, offset },
        durability: 'redis',
      })),
    );
    worker.end();
    expect(await worker.ended).toBe(0);
  });
});

describe('an emitter', () => {
  it('keeps as much of a room as its class says, and of a new room as it is told', async () => {
    const app = await startServer();
    const emitter = emit({ history: { size: 2 } });
    for (const n of [1, 2, 3]) await app.rooms.publish(ROOM, 'said', n);
    for (const n of [4, 5]) await emitter.publish(ROOM, 'said', n);
    const kept = async (room: string): Promise<unknown[]> =>
      (await app.rooms.history(room)).messages.map(({ payload }) => payload);
    expect(await kept(ROOM)).toEqual([3, 4, 5]);
    for (const n of [1, 2, 3]) await emitter.publish('team/new', 'said', n);
    expect(await kept('team/new')).toEqual([2, 3]);
    await app.rooms.publish('team/new', 'said', 4);
    expect(await kept('team/new')).toEqual([2, 3, 4]);
  });

  it('sends what is of use only now, and leaves out whom it is told to', async () => {
    const app = await startServer();
    const [ada, bob] = [await enter(app, 'ada'), await enter(app, 'bob')];
    const emitter = emit();
    const volatile = await emitter.publish(ROOM, 'typing', 'x', { volatile: true });
    expect(volatile).toEqual({ id: expect.any(String), durability: 'none' });
    const [member] = await app.rooms.members(ROOM);
    await emitter.publish(ROOM, 'said', 1, { except: member!.connectionId });
    const typing = { event: 'typing', payload: 'x', id: volatile.id };
    expect(await ada.next('message')).toMatchObject(typing);
    expect(await bob.next('message')).toMatchObject(typing);
    expect(await bob.next('message')).toMatchObject({ payload: 1, offset: 1 });
    expect(await ada.next('position')).toMatchObject({ room: ROOM, offset: 1 });
  });

  it('reaches users and everybody, wherever they are', async () => {
    const apps = [await startServer(), await startServer()];
    const [ada, bob] = [await enter(apps[0]!, 'ada'), await enter(apps[1]!, 'bob')];
    const emitter = emit();
    await emitter.toUser('bob', 'note', 'to bob');
    await emitter.toAll('note', 'to all');
    expect(await bob.next('message')).toMatchObject({ event: 'note', payload: 'to bob' });
    expect(await bob.next('message')).toMatchObject({ event: 'note', payload: 'to all' });
    expect(await ada.next('message')).toMatchObject({ event: 'note', payload: 'to all' });
  });

  it('ends connections and sessions, and has rights asked again', async () => {
    const app = await startServer();
    const emitter = emit();
    const [ada, bob, eve] = [
      await enter(app, 'ada'),
      await enter(app, 'bob'),
      await enter(app, 'eve'),
    ];
    const [first] = await app.rooms.members(ROOM);
    await emitter.disconnect(first!.connectionId, { code: 4000, reason: 'moved' });
    expect(await ada.closed).toEqual({ code: 4000, reason: 'moved' });
    await emitter.disconnectUser('bob');
    expect((await bob.closed).code).toBe(4300);
    isWelcome = false;
    await emitter.reauthorize('eve');
    expect(await eve.next('unsubscribed')).toMatchObject({ room: ROOM, reason: 'forbidden' });
    await emitter.revoke({ userId: 'eve' });
    expect((await eve.closed).code).toBe(4401);
  });

  it.each<[string, (emitter: RealtimeEmitter) => Promise<unknown>, string]>([
    ['a bad room name', (emitter) => emitter.publish('a//b', 'said'), 'room: expected a room name'],
    ['a bad event name', (emitter) => emitter.publish(ROOM, ''), 'event: expected a string'],
    [
      'the latest of nothing',
      (emitter) => emitter.publish(ROOM, 'said', 1, { latest: '' }),
      'latest: expected a string of 1 to 64 characters',
    ],
    [
      'the latest of something, to be stored',
      (emitter) => emitter.publish(ROOM, 'said', 1, { latest: 'x', volatile: false }),
      'latest: expected a message that may be volatile',
    ],
    [
      'the same to a user',
      (emitter) => emitter.toUser('ada', 'x'.repeat(129)),
      'event: expected a string',
    ],
    [
      'a code that is not an application’s',
      (emitter) => emitter.disconnect('c', { code: 1001 }),
      'code: ',
    ],
    ['a rule for nobody', (emitter) => emitter.revoke({}), 'rule: expected at least one of'],
  ])('refuses %s as a server does, and sends nothing', async (_, call, message) => {
    const emitter = emit();
    await emitter.ready();
    const error = { code: 'invalid-field', message: expect.stringContaining(message) };
    await expect(call(emitter)).rejects.toMatchObject(error);
    expect(await server.client().dbsize()).toBe(0);
  });

  it('refuses a payload that JSON cannot hold', async () => {
    await expect(emit().publish(ROOM, 'said', 1n)).rejects.toThrow(TypeError);
  });

  it('publishes on a cluster to the shard of the room, where servers listen', async () => {
    const servers = await startCluster();
    const keys = freshKeys();
    const nodes = servers.map(({ host, port }) => ({ host, port }));
    const { broker, link } = makeNode({ cluster: { nodes } }, keys);
    try {
      const ear = new Ear();
      await broker.start(ear);
      await broker.subscribe(ROOM);
      const emitter = emit({ cluster: { nodes }, prefix: keys.prefix, replicas: 1 });
      const { id, durability } = await emitter.publish(ROOM, 'said', 1);
      await repeat(async () => ear.ids(ROOM).length > 0);
      expect(ear.ids(ROOM)).toEqual([id]);
      expect(durability).toBe('replicated');
    } finally {
      await broker.close();
      link.close();
      await stopAll(servers);
    }
  });
});

describe('an emitter whose Redis is away', () => {
  it('waits no longer than it may, says that nothing was sent, and goes on when it is back', async () => {
    const errors: unknown[] = [];
    const emitter = emit({ timeoutMs: 300, onError: (error) => errors.push(error) });
    await emitter.ready();
    await server.kill();
    const refused = { code: 'unavailable', message: 'redis: expected a connection within 300 ms' };
    await repeat(async () => errors.length > 0);
    await expect(emitter.publish(ROOM, 'said', 'lost')).rejects.toMatchObject(refused);
    await expect(emitter.toUser('ada', 'note')).rejects.toMatchObject(refused);
    await expect(emitter.ready()).rejects.toMatchObject({ code: 'unavailable' });
    await server.restart();
    await repeat(() => emitter.ready().then(() => true));
    expect(await emitter.publish(ROOM, 'said', 'kept')).toMatchObject({ position: { offset: 1 } });
    expect(errors).toHaveLength(1);
  });

  it('says that nobody knows what was sent and not answered, and leaves a silent connection', async () => {
    const emitter = emit({ timeoutMs: 200 });
    await emitter.ready();
    proxy.isSilent = true;
    const before = proxy.accepted;
    const unknown = { code: 'timeout', message: 'redis: expected an answer within 200 ms' };
    await expect(emitter.publish(ROOM, 'said', 1)).rejects.toMatchObject(unknown);
    proxy.isSilent = false;
    // What the silence swallowed is sent again by the next connection, and takes effect once.
    await repeat(async () => proxy.accepted > before);
    await repeat(async () => (await emitter.publish(ROOM, 'said', 2)).position?.offset === 2);
  });

  it('holds no more than it may of what waits', async () => {
    const emitter = emit({ timeoutMs: 60_000, maxQueuedBytes: 1_024 });
    await emitter.ready();
    proxy.isSilent = true;
    const waiting = emitter.publish(ROOM, 'said', 'x'.repeat(512));
    const tooMany = {
      code: 'unavailable',
      message: 'redis: too many messages wait to be published',
    };
    await expect(emitter.publish(ROOM, 'said', 'x'.repeat(512))).rejects.toMatchObject(tooMany);
    emitter.close();
    await expect(waiting).rejects.toMatchObject({ code: 'unavailable' });
    await expect(emitter.publish(ROOM, 'said')).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('the options of an emitter', () => {
  it.each<[string, RealtimeEmitterOptions, string]>([
    ['nowhere', {}, 'emitter: expected exactly one of url, options, cluster and client, got 0'],
    ['no URL of Redis', { url: 'http://u:secret@h' }, 'emitter.url: expected a URL such as'],
    ['a time of nothing', { url: 'redis://h', timeoutMs: 0 }, 'emitter.timeoutMs: expected an'],
    ['what servers only have', { url: 'redis://h', leaseMs: 1 } as object, 'emitter.leaseMs: unk'],
    ['a history of less than nothing', { url: 'redis://h', history: { size: -1 } }, 'history.size'],
  ])('are refused if they name %s', (_, options, message) => {
    const make = (): RealtimeEmitter => new RealtimeEmitter(options);
    expect(make).toThrow(RealtimeOptionsError);
    expect(make).toThrow(message);
    expect(make).toThrow(/^(?:(?!secret)[^])*$/);
  });
});
