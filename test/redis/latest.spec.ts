/** Messages of which only the last counts, from one node to who reads slowly on another. */
import { afterEach, beforeEach, expect, it } from '@jest/globals';

import { RealtimeNode, type Connection } from '../../lib/core/index.js';
import { RealtimeEmitter } from '../../lib/emitter/index.js';
import { RealtimeRoom, type RoomPolicy } from '../../lib/index.js';
import { handshake } from '../support/fakes.js';
import { MemoryLink } from '../support/memory-link.js';
import { closeApps, startApp, type RunningApp } from '../support/nest-app.js';
import { startRedis, type RedisServer } from '../support/redis-server.js';
import { RoomReader } from '../support/room-reader.js';
import { until } from '../support/turns.js';

const ROOM = 'board/x';

/** Bytes of a quarter of the default outbox, and some: who has not read them is behind. */
const BEHIND = 'x'.repeat(270_000);

@RealtimeRoom('board/:board', {
  events: { cursor: true, typing: true },
  volatile: ['typing'],
  latest: { cursor: ({ id }) => id },
})
class BoardRooms implements RoomPolicy {
  canSubscribe(): boolean {
    return true;
  }

  canPublish(): boolean {
    return true;
  }
}

let server: RedisServer;
let near: RunningApp;
let far: RunningApp;

beforeEach(async () => {
  server = await startRedis();
  const setup = { options: { redis: { url: server.url } }, providers: [BoardRooms] };
  [near, far] = await Promise.all([startApp(setup), startApp(setup)]);
});

afterEach(async () => {
  await closeApps();
  await server.stop();
});

/** A client of a node in this process, which can stop reading at any byte. */
async function enter(app: RunningApp): Promise<MemoryLink> {
  const link = new MemoryLink();
  const connection = app.get(RealtimeNode).accept(link, handshake()) as Connection;
  link.attach(connection);
  link.say({ type: 'hello', token: 'token-slow', rooms: [{ room: ROOM }] });
  await until(() => link.received.length === 2);
  link.frames();
  return link;
}

function shown(link: MemoryLink): unknown[] {
  return link.frames().map((frame) => {
    if (frame.type === 'skipped') return `skipped ${String(frame.count)}`;
    if (frame.type !== 'message') return frame;
    return frame.payload === BEHIND ? 'large' : frame.payload;
  });
}

/** Who reads everything, and so knows when its node has heard it. */
async function quick(app: RunningApp): Promise<() => Promise<unknown[]>> {
  const reader = await RoomReader.open(app, ROOM, { user: 'quick' });
  return async () => {
    const position = (await near.rooms.publish(ROOM, 'said', 'end')).position!;
    return (await reader.readUpTo(position)).payloads;
  };
}

it('of a service and an emitter, the newest of each key comes to who is behind on another node', async () => {
  const slow = await enter(far);
  const everything = await quick(far);
  const emitter = new RealtimeEmitter({ url: server.url });
  slow.stopReading();
  await near.rooms.publish(ROOM, 'said', BEHIND);
  for (const n of [1, 2, 3]) {
    const latest = { latest: `key ${String(n % 2)}` };
    await near.rooms.publish(ROOM, 'price', `service ${String(n)}`, latest);
  }
  for (const n of [4, 5]) {
    const sent = await emitter.publish(ROOM, 'price', `emitter ${String(n)}`, { latest: 'key 0' });
    expect(sent).toEqual({ id: expect.any(String), durability: 'none' });
  }
  emitter.close();
  expect(await everything()).toHaveLength(7);
  slow.startReading();
  expect(shown(slow)).toEqual(['large', 'end', 'skipped 3', 'service 3', 'emitter 5']);
});

it('of clients, the newest of each comes where their room’s class gives the event a key', async () => {
  const slow = await enter(far);
  const everything = await quick(far);
  const clients = [await near.connect('token-ada'), await near.connect('token-bob')];
  slow.stopReading();
  await near.rooms.publish(ROOM, 'said', BEHIND);
  for (const [n, client] of [...clients, ...clients].entries()) {
    for (const event of ['cursor', 'typing']) {
      const id = `${event} ${String(n)}`;
      client.send({ type: 'publish', id, room: ROOM, event, payload: id });
      expect(await client.answer(id)).toEqual({ type: 'published', id, durability: 'none' });
    }
  }
  expect(await everything()).toHaveLength(10);
  slow.startReading();
  expect(shown(slow)).toEqual(['large', 'end', 'skipped 6', 'cursor 2', 'cursor 3']);
});
