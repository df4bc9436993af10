import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ValidationPipe } from '@nestjs/common';
import { MessageBody, SubscribeMessage } from '@nestjs/websockets';
import { IsInstance } from 'class-validator';
import { WebSocket } from 'ws';

import {
  binaryJson,
  handle,
  history,
  RealtimeClient,
  stream,
  type RealtimeClientOptions,
} from '../../lib/client/index.js';
import { RealtimeGateway, RealtimeRoom, RoomService, type RoomPolicy } from '../../lib/index.js';
import { closeApps, startApp, type RunningApp } from '../support/nest-app.js';

class Upload {
  @IsInstance(Uint8Array)
  readonly file!: Uint8Array;
}

@RealtimeGateway()
class FileGateway {
  @SubscribeMessage('upload')
  upload(@MessageBody(new ValidationPipe({ transform: true })) { file }: Upload): unknown {
    return { isBuffer: Buffer.isBuffer(file), sum: file.reduce((sum, byte) => sum + byte, 0) };
  }

  @SubscribeMessage('reverse')
  reverse(@MessageBody() file: Buffer): Buffer {
    return Buffer.from(file).reverse();
  }

  @SubscribeMessage('chunks')
  async *chunks(): AsyncGenerator<{ readonly chunk: Uint8Array }> {
    for (let n = 0; n < 3; n += 1) yield await Promise.resolve({ chunk: Uint8Array.of(n) });
  }
}

@RealtimeRoom('files/:room', { events: { file: true }, history: { size: 10 } })
class FileRooms implements RoomPolicy {
  canSubscribe(): boolean {
    return true;
  }

  canPublish(): boolean {
    return true;
  }

  canReadHistory(): boolean {
    return true;
  }

  snapshot(): unknown {
    return { files: [Buffer.from([9])] };
  }
}

const file = Uint8Array.of(0, 1, 128, 255);

describe('bytes', () => {
  let app: RunningApp;
  const clients: RealtimeClient[] = [];

  function createClient(more: RealtimeClientOptions = { json: binaryJson }): RealtimeClient {
    const client = new RealtimeClient(app.url, { WebSocket, token: 'token-ada', ...more });
    clients.push(client);
    return client;
  }

  beforeAll(async () => {
    app = await startApp({ providers: [FileGateway, FileRooms] });
  });

  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
  });

  afterAll(closeApps);

  it('reach handlers as a Buffer, through validation, and come back as a Uint8Array', async () => {
    const client = createClient();
    expect(await client.request('upload', { file })).toEqual({ isBuffer: true, sum: 384 });
    expect(await client.request('reverse', file)).toEqual(Uint8Array.of(255, 128, 1, 0));
    const large = new Uint8Array(100_000).fill(1);
    expect(await client.request('upload', { file: large })).toEqual({
      isBuffer: true,
      sum: 100_000,
    });
  });

  it('are items of streams, and answers to the server', async () => {
    const client = createClient();
    const items: unknown[] = [];
    for await (const item of stream(client, 'chunks')) items.push(item);
    expect(items).toEqual([0, 1, 2].map((n) => ({ chunk: Uint8Array.of(n) })));
    handle(client, 'photo', (asked) => ({ asked, photo: file }));
    const { connectionId = '' } = client;
    const answer = await app.get(RoomService).request(connectionId, 'photo', Uint8Array.of(7));
    expect(answer).toEqual({ asked: Buffer.from([7]), photo: Buffer.from(file) });
  });

  it('are messages of rooms, of their history and of their state, for clients and the application', async () => {
    const [publisher, reader] = [createClient(), createClient()];
    const room = reader.room('files/all');
    const states: unknown[] = [];
    room.on('reset', (state) => states.push(state));
    const heard: unknown[] = [];
    const both = new Promise<void>((resolve) => {
      room.on('file', (payload) => {
        if (heard.push(payload) === 2) resolve();
      });
    });
    await room.subscribe();
    await publisher.room('files/all').publish('file', { file });
    await app.get(RoomService).publish('files/all', 'file', [Buffer.from(file)]);
    await both;
    expect(heard).toEqual([{ file }, [file]]);
    expect(states).toEqual([{ files: [Uint8Array.of(9)] }]);
    const { messages } = await history(reader, 'files/all');
    expect(messages.map(({ payload }) => payload)).toEqual([{ file }, [file]]);
    const past = await app.get(RoomService).history('files/all');
    expect(past.messages.map(({ payload }) => payload)).toEqual([
      { file: Buffer.from(file) },
      [Buffer.from(file)],
    ]);
  });

  it('are shown as they are on the wire to a client that has not asked for them', async () => {
    const client = createClient({});
    expect(await client.request('reverse', { $bytes: 'AAE=' })).toEqual({ $bytes: 'AQA=' });
  });
});
