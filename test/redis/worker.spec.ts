/** A worker: the application's module without HTTP, by `NestFactory.createApplicationContext()`. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { RealtimeRoom, type RoomPolicy } from '../../lib/index.js';
import type { RawClient } from '../../lib/testing/index.js';
import { startCalling, type CallingProcess } from '../support/calling-process.js';
import { closeApps, startApp, type RunningApp } from '../support/nest-app.js';
import { startRedis, type RedisServer } from '../support/redis-server.js';

const ROOM = 'team/x';

@RealtimeRoom('team/:name', { history: { size: 3 } })
class TeamRooms implements RoomPolicy {
  canSubscribe(): boolean {
    return true;
  }
}

let server: RedisServer;
let app: RunningApp;
let worker: CallingProcess | undefined;
let clients: RawClient[] = [];

beforeEach(async () => {
  server = await startRedis();
  const redis = { url: server.url };
  app = await startApp({ options: { redis }, providers: [TeamRooms] });
  worker = await startCalling('worker-process.js', redis);
});

/** Has the worker call a method of its `RoomService`. */
function call(method: string, ...args: unknown[]): Promise<unknown> {
  return worker!.call(method, ...args);
}

afterEach(async () => {
  worker?.close();
  await worker?.ended;
  worker = undefined;
  await Promise.all(clients.map((client) => client.close()));
  clients = [];
  await closeApps();
  await server.stop();
});

async function enter(user: string): Promise<RawClient> {
  const client = await app.connect(`token-${user}`);
  clients.push(client);
  client.send({ type: 'subscribe', id: 's', room: ROOM });
  await client.next('subscribed');
  return client;
}

describe('a worker without HTTP', () => {
  it('publishes as a server does, in one order with it, and knows what room classes say', async () => {
    const ada = await enter('ada');
    await app.rooms.publish(ROOM, 'said', 1);
    const receipt = await call('publish', ROOM, 'said', 2);
    await app.rooms.publish(ROOM, 'said', 3);
    expect(await call('publish', ROOM, 'typing', 'x')).toMatchObject({ durability: 'none' });
    const heard = [];
    for (let n = 0; n < 4; n += 1) heard.push(await ada.next('message'));
    expect(heard.map(({ payload, offset }) => [payload, offset])).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
      ['x', undefined],
    ]);
    const { id, epoch } = heard[1]!;
    expect(receipt).toEqual({ id, position: { epoch, offset: 2 }, durability: 'redis' });
    expect(await call('history', ROOM)).toMatchObject({
      messages: [{ payload: 1 }, { payload: 2 }, { payload: 3 }],
    });
  });

  it('reaches users, asks clients, and disconnects them', async () => {
    const ada = await enter('ada');
    await call('toUser', 'ada', 'note', 'hello');
    expect(await ada.next('message')).toMatchObject({ event: 'note', payload: 'hello' });
    const asked = call('requestAll', ROOM, 'ready?');
    const { id } = await ada.next('request');
    ada.send({ type: 'response', id, payload: 'yes' });
    expect(await asked).toMatchObject({ answers: [{ userId: 'ada', payload: 'yes' }] });
    await call('disconnectUser', 'ada');
    expect((await ada.closed).code).toBe(4300);
  });

  it('opens no port, and ends by itself once it is closed', async () => {
    worker!.end();
    expect(await worker!.hear()).toEqual({ listened: 0 });
    expect(await worker!.ended).toBe(0);
  });
});
