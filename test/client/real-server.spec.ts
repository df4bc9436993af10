import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { MessageBody, SubscribeMessage } from '@nestjs/websockets';
import { of, type Observable } from 'rxjs';
import { WebSocket } from 'ws';

import { handle, history, RealtimeClient, stream } from '../../lib/client/index.js';
import { Idempotent, RealtimeGateway, RealtimeRoom, type RoomPolicy } from '../../lib/index.js';
import { closeApps, startApp, type RunningApp } from '../support/nest-app.js';
import { outcome } from './support/world.js';

@RealtimeGateway()
class EchoGateway {
  @SubscribeMessage('echo')
  echo(@MessageBody() payload: unknown): unknown {
    return payload;
  }

  @SubscribeMessage('numbers')
  async *numbers(): AsyncGenerator<number> {
    for (let n = 0; n < 300; n += 1) {
      produced = n;
      yield await Promise.resolve(n);
    }
  }

  @Idempotent()
  @SubscribeMessage('pay')
  async pay(): Promise<number> {
    payments += 1;
    onPayment();
    await new Promise<void>((resolve) => (finishPayment = resolve));
    return payments;
  }

  @SubscribeMessage('pay-twice')
  payTwice(): Promise<void> {
    payments += 1;
    onPayment();
    return new Promise(() => undefined);
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

  canReadHistory(): boolean {
    return true;
  }

  canSeePresence(): boolean {
    return true;
  }
}

@RealtimeRoom('board/:board')
class BoardRooms implements RoomPolicy {
  canSubscribe(): boolean {
    return true;
  }

  snapshot(): unknown {
    return { strokes };
  }
}

let app: RunningApp;
let payments = 0;
let onPayment: () => void = () => undefined;
let finishPayment: () => void = () => undefined;
let produced = 0;
let strokes = 0;
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

/** Cuts every link. */
function cut(): void {
  for (const socket of [...sockets]) socket.terminate();
}

/** Resolves when something that the client tells makes it true. */
function until(isTrue: () => boolean, watch: (check: () => void) => unknown): Promise<void> {
  return new Promise((resolve) => {
    const check = () => {
      if (isTrue()) resolve();
    };
    watch(check);
    check();
  });
}

function createClient(token: string): RealtimeClient {
  const reconnect = { minDelayMs: 1, maxDelayMs: 50 };
  const client = new RealtimeClient(app.url, { WebSocket: CuttableSocket, token, reconnect });
  client.on('error', () => undefined);
  clients.push(client);
  return client;
}

beforeAll(async () => {
  app = await startApp({ providers: [EchoGateway, ChatRooms, BoardRooms] });
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
    for await (const item of stream(client, 'count')) items.push(item);
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
    cut();
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

  it('agree on a state that has no hole to the messages after it', async () => {
    const client = createClient('token-ada');
    const room = client.room('board/one');
    const heard: unknown[] = [];
    room.on('reset', (state, { position }) => heard.push([state, position.offset]));
    room.on('stroke', (payload) => heard.push(payload));
    await app.rooms.publish('board/one', 'stroke', (strokes += 1));
    await room.subscribe();
    const second = until(
      () => heard.length > 1,
      (check) => room.on('stroke', check),
    );
    await app.rooms.publish('board/one', 'stroke', (strokes += 1));
    await second;
    expect(heard).toEqual([[{ strokes: 1 }, 1], 2]);
    room.on('reset', () => undefined);
    await until(
      () => heard.length > 2,
      (check) => room.on('reset', check),
    );
    expect(heard[2]).toEqual([{ strokes: 2 }, 2]);
  });

  it("agree on a room's past", async () => {
    const client = createClient('token-ada');
    const room = 'chat/past';
    for (const n of [1, 2, 3]) await app.rooms.publish(room, 'chat.message', n);
    const { messages, complete, position } = await history(client, room, {
      direction: 'backwards',
      limit: 2,
    });
    expect([messages.map(({ payload }) => payload), complete]).toEqual([[3, 2], false]);
    expect(position).toEqual(messages[0]?.position);
    const older = await history(client, room, { before: messages[1]?.position });
    expect(older.messages.map(({ payload }) => payload)).toEqual([1]);
    expect(older.complete).toBe(true);
  });

  it('agree on who is in a room, also over a broken connection', async () => {
    const room = createClient('token-ada').room('chat/people');
    const changes: unknown[] = [];
    const ids = (members: readonly { userId: string }[]) => members.map(({ userId }) => userId);
    let told: () => void = () => undefined;
    const next = () => new Promise<void>((resolve) => (told = resolve));
    const first = next();
    room.presence.watch(({ total }, { joined, left }) => {
      changes.push([total, ids(joined), ids(left)]);
      told();
    });
    await first;
    const second = next();
    const bob = createClient('token-bob').room('chat/people');
    await bob.subscribe();
    await second;
    expect(changes).toEqual([
      [1, ['ada'], []],
      [2, ['bob'], []],
    ]);
    const third = next();
    bob.unsubscribe();
    await third;
    expect(changes.at(-1)).toEqual([1, [], ['bob']]);
    expect(changes).toHaveLength(3);
    const back = new Promise<unknown>((resolve) => room.on('recovered', resolve));
    cut();
    await back;
    expect((await room.presence.get()).total).toBe(1);
    // The same user by another connection: nobody left or joined.
    expect(changes.slice(3)).toEqual([[1, [], []]]);
  });

  it('agree that an idempotent request takes effect once, over a broken connection', async () => {
    const client = createClient('token-ada');
    payments = 0;
    let started = new Promise<void>((resolve) => (onPayment = resolve));
    const paid = client.request('pay');
    await started;
    cut();
    await client.connect();
    finishPayment();
    expect(await paid).toBe(1);
    started = new Promise<void>((resolve) => (onPayment = resolve));
    const lost = outcome(client.request('pay-twice'));
    await started;
    cut();
    expect(await lost).toMatchObject({ code: 'connection-lost' });
    expect(payments).toBe(2);
  });

  it('agree that a stream waits for its reader', async () => {
    const client = createClient('token-ada');
    let read = 0;
    for await (const n of stream(client, 'numbers', undefined, { credit: 8 })) {
      expect(n).toBe(read);
      read += 1;
      expect(produced - read).toBeLessThanOrEqual(9);
    }
    expect(read).toBe(300);
  });

  it('agree on requests of the server', async () => {
    const client = createClient('token-ada');
    handle(client, 'confirm', (payload) => ({ confirmed: payload }));
    await client.room('chat/asked').subscribe();
    const { answers } = await app.rooms.requestAll('chat/asked', 'confirm', 7, {
      timeoutMs: 5_000,
    });
    expect(answers.map(({ payload }) => payload)).toEqual([{ confirmed: 7 }]);
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
