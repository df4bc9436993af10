import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { MessageBody, SubscribeMessage } from '@nestjs/websockets';
import { of, type Observable } from 'rxjs';
import { WebSocket } from 'ws';

import { RealtimeClient } from '../../lib/client/index.js';
import { RealtimeGateway, RealtimeRoom, type RoomPolicy } from '../../lib/index.js';
import { closeApps, startApp, type RunningApp } from '../support/nest-app.js';
import { outcome } from './support/world.js';

@RealtimeGateway()
class EchoGateway {
  @SubscribeMessage('echo')
  echo(@MessageBody() payload: unknown): unknown {
    return payload;
  }

  @SubscribeMessage('count')
  count(): Observable<number> {
    return of(1, 2, 3);
  }
}

@RealtimeRoom('chat/:room')
class ChatRooms implements RoomPolicy {
  canSubscribe(_user: unknown, { room }: { room: string }): boolean {
    return room !== 'secret';
  }
}

let app: RunningApp;
const sockets = new Set<WebSocket>();

/** A socket whose link a test can cut. */
class CuttableSocket extends WebSocket {
  constructor(url: string, protocols?: string[]) {
    super(url, protocols);
    sockets.add(this);
    this.once('close', () => sockets.delete(this));
  }
}

const clients: RealtimeClient[] = [];

function createClient(token: string): RealtimeClient {
  const reconnect = { minDelayMs: 1, maxDelayMs: 50 };
  const client = new RealtimeClient(app.url, { WebSocket: CuttableSocket, token, reconnect });
  client.on('error', () => undefined);
  clients.push(client);
  return client;
}

beforeAll(async () => {
  app = await startApp({ providers: [EchoGateway, ChatRooms] });
});

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

afterAll(closeApps);

describe('the SDK and the server', () => {
  it('agree on requests, streams and refusals', async () => {
    const client = createClient('token-ada');
    expect(await client.request('echo', { text: 'hi' })).toEqual({ text: 'hi' });
    expect(client.user).toEqual({ id: 'ada' });
    const items: unknown[] = [];
    for await (const item of client.stream('count')) items.push(item);
    expect(items).toEqual([1, 2, 3]);
    expect(await outcome(client.request('nobody'))).toMatchObject({ code: 'unknown-event' });
    expect(await outcome(client.request('count'))).toMatchObject({ code: 'unexpected-stream' });
  });

  it('agree on rooms: in order, and honest about what a broken connection missed', async () => {
    const client = createClient('token-ada');
    const room = client.room('chat/general');
    const heard: unknown[] = [];
    const heardOf = (awaited: unknown) =>
      new Promise<void>((resolve) => {
        room.on('chat.message', (payload) => {
          if (payload === awaited) resolve();
        });
      });
    room.on('gap', ({ reason }) => heard.push(reason));
    room.on('chat.message', (payload) => heard.push(payload));
    await room.subscribe();
    const three = heardOf(3);
    for (const n of [1, 2, 3]) await app.rooms.publish('chat/general', 'chat.message', n);
    await three;
    const back = new Promise<void>((resolve) => {
      room.on('subscribed', () => {
        resolve();
      });
    });
    for (const socket of [...sockets]) socket.terminate();
    await app.rooms.publish('chat/general', 'chat.message', 'missed');
    await back;
    const last = heardOf('after');
    await app.rooms.publish('chat/general', 'chat.message', 'after');
    await last;
    expect([
      [1, 2, 3, 'evicted', 'after'],
      [1, 2, 3, 'missed', 'after'],
    ]).toContainEqual(heard);
  });

  it('agree on rooms that are refused', async () => {
    const client = createClient('token-ada');
    expect(await outcome(client.room('chat/secret').subscribe())).toMatchObject({
      code: 'forbidden',
    });
    await client.connect();
    expect(await outcome(client.room('elsewhere').subscribe())).toMatchObject({
      code: 'unknown-room',
    });
  });

  it('agree that a fixed token that is refused ends it', async () => {
    const client = createClient('nonsense');
    expect(await outcome(client.connect())).toMatchObject({ code: 'unauthorized' });
  });
});
