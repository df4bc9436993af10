import { ForbiddenException, Injectable } from '@nestjs/common';
import { WsException } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';

import {
  ExactSnapshot,
  RealtimeError,
  RealtimeRoom,
  RoomService,
  type Position,
  type RealtimeUser,
  type RoomParams,
  type RoomPolicy,
} from '../../lib/index.js';
import { closeApps, startApp, type RunningApp } from '../support/nest-app.js';
import { RoomReader } from '../support/room-reader.js';
import { turns } from '../support/turns.js';

/** The application's own state: what was said in each room, kept where a database would be. */
@Injectable()
class Book {
  readonly #entries = new Map<string, number[]>();
  /** The position of the last entry, stored together with it. */
  readonly positions = new Map<string, Position>();

  constructor(private readonly rooms: RoomService) {}

  of(room: string): number[] {
    const entries = this.#entries.get(room) ?? [];
    this.#entries.set(room, entries);
    return entries;
  }

  /** First the state, then the message: whoever sees the message finds it in the state. */
  async add(room: string, entry: number): Promise<void> {
    this.of(room).push(entry);
    await this.rooms.publish(room, 'added', entry);
  }

  /** State and position change together. */
  async addExactly(room: string, entry: number): Promise<void> {
    const { position } = await this.rooms.publish(room, 'added', entry);
    this.of(room).push(entry);
    if (position !== undefined) this.positions.set(room, position);
  }
}

/** Takes a few turns of the event loop for a snapshot, as a database would. */
@RealtimeRoom('book/:name')
class BookRooms implements RoomPolicy {
  constructor(private readonly book: Book) {}

  canSubscribe(user: RealtimeUser): boolean {
    return user.id !== 'stranger';
  }

  async snapshot({ name }: RoomParams): Promise<unknown> {
    await turns(1);
    const entries = [...this.book.of(`book/${name ?? ''}`)];
    await turns(2);
    return { entries };
  }
}

@RealtimeRoom('exact/:name')
class ExactRooms extends BookRooms {
  constructor(private readonly exactly: Book) {
    super(exactly);
  }

  override async snapshot({ name }: RoomParams): Promise<unknown> {
    const room = `exact/${name ?? ''}`;
    const entries = [...this.exactly.of(room)];
    const position = this.exactly.positions.get(room);
    await turns(3);
    return position === undefined ? { entries } : new ExactSnapshot({ entries }, position);
  }
}

@RealtimeRoom('mine/:name')
class OwnRooms extends BookRooms {
  override snapshot(params: RoomParams, user?: RealtimeUser): Promise<unknown> {
    return Promise.resolve({ ...params, of: user?.id });
  }
}

@RealtimeRoom('stale/:name', { history: { size: 2 } })
class StaleRooms extends BookRooms {
  override snapshot(): Promise<unknown> {
    return Promise.resolve(new ExactSnapshot('old', { epoch: 'other', offset: 0 }));
  }
}

@RealtimeRoom('plain/:name')
class PlainRooms implements RoomPolicy {
  canSubscribe(): boolean {
    return true;
  }
}

const circle: Record<string, unknown> = {};
circle['self'] = circle;

@RealtimeRoom('broken/:how')
class BrokenRooms extends PlainRooms {
  snapshot({ how }: RoomParams): unknown {
    if (how === 'realtime') throw new RealtimeError('archived', 'the room is archived');
    if (how === 'ws') throw new WsException('not today');
    if (how === 'http') throw new ForbiddenException();
    if (how === 'error') throw new Error('secret of the database');
    return how === 'cycle' ? circle : undefined;
  }
}

function start(): Promise<RunningApp> {
  const classes = [BookRooms, ExactRooms, OwnRooms, StaleRooms, PlainRooms, BrokenRooms];
  return startApp({ providers: [Book, ...classes] });
}

const entriesOf = ({ subscribed }: RoomReader): number[] =>
  (subscribed.snapshot as { entries: number[] }).entries;

const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1);

afterEach(closeApps);

describe('state and stream', () => {
  it('have no hole between them while 200 messages fly', async () => {
    const app = await start();
    const book = app.get(Book);
    const readers: Promise<RoomReader>[] = [];
    for (const n of numbers(200)) {
      await book.add('book/x', n);
      if (n % 10 === 0) {
        readers.push(RoomReader.open(app, 'book/x', { user: `user-${String(n)}`, snapshot: true }));
      }
      if (n % 3 === 0) await turns(1);
    }
    const top = await app.rooms.position('book/x');
    const sizes = await Promise.all(
      readers.map(async (opening) => {
        const reader = await (await opening).readUpTo(top);
        const seen = new Set<unknown>([...entriesOf(reader), ...reader.payloads]);
        expect([...seen]).toEqual(numbers(200));
        return entriesOf(reader).length;
      }),
    );
    // They came at different times, or nothing would be shown.
    expect(new Set(sizes).size).toBeGreaterThan(5);
  });

  it('have nothing in common where the application knows the position', async () => {
    const app = await start();
    const book = app.get(Book);
    const readers: Promise<RoomReader>[] = [];
    for (const n of numbers(200)) {
      await book.addExactly('exact/x', n);
      if (n % 10 === 0) {
        readers.push(
          RoomReader.open(app, 'exact/x', { user: `user-${String(n)}`, snapshot: true }),
        );
      }
      if (n % 3 === 0) await turns(1);
    }
    const top = await app.rooms.position('exact/x');
    for (const opening of readers) {
      const reader = await (await opening).readUpTo(top);
      expect([...entriesOf(reader), ...reader.payloads]).toEqual(numbers(200));
    }
  });

  it('follow each other when a client subscribes later than its hello', async () => {
    const app = await start();
    await app.get(Book).add('book/x', 1);
    const client = await app.connect();
    client.send({ type: 'subscribe', id: '1', room: 'book/x', snapshot: true });
    expect(await client.answer('1')).toEqual({
      type: 'subscribed',
      id: '1',
      room: 'book/x',
      ...(await app.rooms.position('book/x')),
      snapshot: { entries: [1] },
    });
    await app.get(Book).add('book/x', 2);
    expect(await client.nextFrame()).toMatchObject({ payload: 2, offset: 2 });
  });
});

describe('a snapshot', () => {
  it('is for a room and a user', async () => {
    const reader = await RoomReader.open(await start(), 'mine/x', { snapshot: true });
    expect(reader.subscribed.snapshot).toEqual({ name: 'x', of: 'ada' });
  });

  it('does not come to who does not ask', async () => {
    const reader = await RoomReader.open(await start(), 'book/x');
    expect(reader.subscribed).not.toHaveProperty('snapshot');
  });

  it('does not come to who can go on from where it was: it gets what it missed', async () => {
    const app = await start();
    const before = await RoomReader.open(app, 'book/x', { snapshot: true });
    await before.breakOff();
    await app.get(Book).add('book/x', 1);
    const after = await RoomReader.open(app, 'book/x', { from: before.position, snapshot: true });
    expect(after.subscribed).toMatchObject({ recovered: true, replayed: 1 });
    expect(after.subscribed).not.toHaveProperty('snapshot');
    expect((await after.read(1)).payloads).toEqual([1]);
  });

  it('comes with the reason to who cannot', async () => {
    const app = await start();
    await app.get(Book).add('book/x', 1);
    const from = { epoch: 'another', offset: 7 };
    const reader = await RoomReader.open(app, 'book/x', { from, snapshot: true });
    expect(reader.subscribed).toMatchObject({
      recovered: false,
      reason: 'epoch-changed',
      offset: 1,
      snapshot: { entries: [1] },
    });
    await reader.hasNothing();
  });

  it('is not taken for who may not be in the room', async () => {
    const client = await (await start()).connect('token-stranger');
    client.send({ type: 'subscribe', id: '1', room: 'book/x', snapshot: true });
    expect(await client.answer('1')).toMatchObject({ type: 'error', code: 'forbidden' });
  });

  it('is refused where the class has none', async () => {
    const client = await (await start()).connect();
    client.send({ type: 'subscribe', id: '1', room: 'plain/x', snapshot: true });
    expect(await client.answer('1')).toMatchObject({ type: 'error', code: 'unsupported' });
  });

  it('is refused for now where its position is never one that can be gone on from', async () => {
    const client = await (await start()).connect();
    client.send({ type: 'subscribe', id: '1', room: 'stale/x', snapshot: true });
    expect(await client.answer('1')).toMatchObject({ code: 'unavailable', retryable: true });
  });

  it.each([
    ['a RealtimeError', 'realtime', 'archived', 'the room is archived'],
    ['a WsException', 'ws', 'rejected', 'not today'],
    ['an HttpException', 'http', 'forbidden', 'Forbidden'],
    ['any other error', 'error', 'internal', 'the snapshot failed'],
    ['a cycle', 'cycle', 'internal', 'the snapshot failed'],
    ['nothing', 'nothing', 'internal', 'the snapshot failed'],
  ])('that ends in %s', async (_what, how, code, message) => {
    const app = await start();
    const client = await app.connect();
    client.send({ type: 'subscribe', id: '1', room: `broken/${how}`, snapshot: true });
    expect(await client.answer('1')).toMatchObject({ type: 'error', code, message });
    expect(app.log.errors).toHaveLength(code === 'internal' ? 1 : 0);
    expect(await app.rooms.size(`broken/${how}`)).toBe(0);
  });

  it('that fails in a hello leaves the other rooms alone', async () => {
    const client = await (await start()).open();
    client.send({
      type: 'hello',
      token: 'token-ada',
      rooms: [
        { room: 'broken/ws', snapshot: true },
        { room: 'book/x', snapshot: true },
      ],
    });
    await client.next('connected');
    expect(await client.next('unsubscribed')).toMatchObject({ reason: 'rejected' });
    expect(await client.next('subscribed')).toMatchObject({ snapshot: { entries: [] } });
  });
});
