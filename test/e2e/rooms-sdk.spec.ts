import { Injectable } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { WebSocket } from 'ws';

import { RealtimeClient } from '../../lib/client/index.js';
import { RealtimeRoom, RoomService, type RoomPolicy } from '../../lib/index.js';
import { closeApps, startApp, type RunningApp } from '../support/nest-app.js';
import { turns, until } from '../support/turns.js';

/** The application's own state: a set of numbers a room. */
@Injectable()
class Book {
  readonly #entries = new Map<string, Set<number>>();

  constructor(private readonly rooms: RoomService) {}

  of(room: string): Set<number> {
    const entries = this.#entries.get(room) ?? new Set();
    this.#entries.set(room, entries);
    return entries;
  }

  async add(room: string, entry: number): Promise<void> {
    this.of(room).add(entry);
    await this.rooms.publish(room, 'added', entry);
  }
}

@RealtimeRoom('chat/:name', { events: { said: true } })
class ChatRooms implements RoomPolicy {
  canSubscribe(): boolean {
    return true;
  }

  canPublish(): boolean {
    return true;
  }
}

/** Keeps so little that a client which was away has to begin with the state. */
@RealtimeRoom('book/:name', { history: { size: 3 } })
class BookRooms implements RoomPolicy {
  constructor(private readonly book: Book) {}

  canSubscribe(): boolean {
    return true;
  }

  async snapshot({ name = '' }: Record<string, string>): Promise<number[]> {
    await turns(1);
    return [...this.book.of(`book/${name}`)];
  }
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1);

describe('a room of the SDK on a link that breaks', () => {
  let app: RunningApp;
  let sockets: Set<WebSocket>;
  let clients: RealtimeClient[];

  beforeEach(async () => {
    app = await startApp({ providers: [Book, ChatRooms, BookRooms] });
    sockets = new Set();
    clients = [];
  });

  afterEach(async () => {
    for (const client of clients) client.close();
    await closeApps();
  });

  /** A socket whose link a test can cut. */
  function createClient(): RealtimeClient {
    const open = sockets;
    class CuttableSocket extends WebSocket {
      constructor(url: string, protocols?: string[]) {
        super(url, protocols);
        open.add(this);
        this.once('close', () => open.delete(this));
      }
    }
    const client = new RealtimeClient(app.url, {
      WebSocket: CuttableSocket,
      token: 'token-ada',
      reconnect: { minDelayMs: 1, maxDelayMs: 20 },
    });
    clients.push(client);
    return client;
  }

  /** Cuts every link, mid-frame or not. */
  function cut(): void {
    for (const socket of sockets) socket.terminate();
  }

  it('has every message once and in order: 500 of them, 20 cuts', async () => {
    const room = createClient().room('chat/x');
    const heard: unknown[] = [];
    const losses: unknown[] = [];
    room.on('said', (payload) => heard.push(payload));
    room.on('gap', (gap) => losses.push(gap));
    await room.subscribe();
    for (const n of numbers(500)) {
      await app.rooms.publish('chat/x', 'said', n);
      if (n % 25 === 0) cut();
      if (n % 5 === 0) await turns(1);
    }
    await until(() => heard.length >= 500);
    expect(heard).toEqual(numbers(500));
    expect(losses).toEqual([]);
  });

  it('has a state without a hole, whatever was lost: one reset, then messages', async () => {
    const room = createClient().room('book/x');
    let state = new Set<number>();
    let resets = 0;
    const losses: unknown[] = [];
    room.on('reset', (entries) => {
      state = new Set(entries as number[]);
      resets += 1;
    });
    room.on('added', (entry) => state.add(entry as number));
    room.on('gap', (gap) => losses.push(gap));
    await room.subscribe();
    const book = app.get(Book);
    for (const n of numbers(200)) {
      if (n % 40 === 0) cut();
      await book.add('book/x', n);
      if (n % 7 === 0) await turns(1);
    }
    await until(() => state.size === 200);
    expect([...state].sort((a, b) => a - b)).toEqual(numbers(200));
    expect(resets).toBeGreaterThan(1);
    expect(losses).toEqual([]);
  });

  it('P4 takes each publish once, in order, though their answers are lost: 200 of them', async () => {
    const client = createClient();
    await client.connect();
    const room = client.room('chat/x');
    const receipts: Promise<{ readonly offset?: number }>[] = [];
    for (const n of numbers(200)) {
      receipts.push(room.publish('said', n));
      if (n % 20 === 0) {
        await turns(1);
        cut();
        await until(() => client.state === 'connected');
      }
    }
    const offsets = (await Promise.all(receipts)).map(({ offset }) => offset);
    const { messages } = await app.rooms.history('chat/x', { limit: 1_000 });
    expect(messages.map(({ payload }) => payload)).toEqual(numbers(200));
    expect(offsets).toEqual(numbers(200));
  });
});
