import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { IDBDatabase, IDBFactory } from 'fake-indexeddb';
import { binaryJson, openOutbox, type Outbox, type OutboxOutcome } from '../../lib/client/index.js';
import { FakeLocks } from './support/fake-locks.js';
import { outcome, World } from './support/world.js';
import { until } from './support/turns.js';

let indexedDB: IDBFactory;
let locks: FakeLocks;
let restored: OutboxOutcome[];

beforeEach(() => {
  indexedDB = new IDBFactory();
  locks = new FakeLocks();
  restored = [];
});

afterEach(() => {
  jest.restoreAllMocks();
});

interface Page {
  readonly world: World;
  readonly outbox: Outbox;
  readonly request: (event: string, payload?: unknown) => Promise<unknown>;
}

/** What the disk of all pages says the time is. */
let today = 0;

/** A page that is loaded: the disk is that of the page before. */
async function load(maxEntries?: number): Promise<Page> {
  const outbox = await openOutbox({
    name: 'ada',
    maxEntries,
    onRestored: (result) => restored.push(result),
    environment: { indexedDB, locks },
  });
  const world = new World({ identity: outbox.identity, json: binaryJson });
  world.date = () => today;
  world.client.on('error', () => undefined);
  const { request } = outbox.attach(world.client);
  return { world, outbox, request };
}

/** The page is left without a word. */
function leave({ world, outbox }: Page): void {
  outbox.close();
  world.socket.drop();
}

/** The requests that the newest socket has got, as soon as there are so many. */
async function requests({ world }: Page, count: number): Promise<readonly unknown[]> {
  await until(() => world.socket.frames('request').length >= count);
  return world.socket
    .frames('request')
    .map(({ event, retry }) => (retry ? `${event} again` : event));
}

const answer = ({ world }: Page, payload?: unknown): void => {
  const { id } = world.socket.last('request');
  world.socket.receive({ type: 'response', id, payload });
};

describe('an outbox', () => {
  it('sends what is asked for, answers it and forgets it', async () => {
    const page = await load();
    await page.world.accept();
    const result = page.request('pay', { amount: 1 });
    await requests(page, 1);
    expect(page.world.socket.last('request')).toMatchObject({
      event: 'pay',
      payload: { amount: 1 },
    });
    expect(page.outbox.size).toBe(1);
    answer(page, 'paid');
    expect(await result).toBe('paid');
    await until(() => page.outbox.size === 0);
  });

  it('sends in order, once connected, what was asked for before', async () => {
    const page = await load();
    for (const event of ['a', 'b', 'c']) void outcome(page.request(event));
    await until(() => page.outbox.size === 3);
    await page.world.accept();
    expect(await requests(page, 3)).toEqual(['a', 'b', 'c']);
  });

  it('sends a hundred at a time, however many are asked for at once', async () => {
    const page = await load();
    await page.world.accept();
    const results = Array.from({ length: 250 }, (_, index) => page.request(`r${String(index)}`));
    const sent = () => page.world.socket.frames('request');
    for (let answered = 0; answered < results.length; answered += 1) {
      await until(() => sent().length > answered);
      expect(sent().length - answered).toBeLessThanOrEqual(100);
      page.world.socket.receive({ type: 'response', id: sent()[answered]?.id ?? '' });
    }
    await Promise.all(results);
    expect(sent().map(({ event }) => event)).toEqual(
      results.map((_, index) => `r${String(index)}`),
    );
  });

  it('sends after a reload what was never sent, as if for the first time, and tells its answer', async () => {
    const before = await load();
    void outcome(before.request('a', 1));
    void outcome(before.request('b'));
    await until(() => before.outbox.size === 2);
    await new Promise((resolve) => setImmediate(resolve));
    before.outbox.close();
    const page = await load();
    await page.world.accept();
    expect(await requests(page, 2)).toEqual(['a', 'b']);
    answer(page, 'done');
    expect(restored).toEqual([{ event: 'b', payload: undefined, response: 'done' }]);
  });

  it('keeps bytes as they are', async () => {
    const before = await load();
    void outcome(before.request('upload', { file: Uint8Array.of(1, 2) }));
    await new Promise((resolve) => setImmediate(resolve));
    before.outbox.close();
    const page = await load();
    await page.world.accept();
    await requests(page, 1);
    const payload = { file: { $bytes: 'AQI=' } };
    expect(page.world.socket.last('request')).toMatchObject({ event: 'upload', payload });
    answer(page, { $bytes: 'Aw==' });
    expect(restored).toMatchObject([
      { payload: { file: Uint8Array.of(1, 2) }, response: Uint8Array.of(3) },
    ]);
  });

  it('asks again after a reload for what was sent without an answer, under its id', async () => {
    const before = await load();
    await before.world.accept();
    void outcome(before.request('pay'));
    await requests(before, 1);
    const { id } = before.world.socket.last('request');
    leave(before);
    today += 60_000;
    const page = await load();
    await page.world.accept();
    expect(await requests(page, 1)).toEqual(['pay again']);
    expect(page.world.socket.last('request').id).toBe(id);
    answer(page, 'paid');
    expect(restored).toMatchObject([{ event: 'pay', response: 'paid' }]);
  });

  it('is the same client after a reload, with numbers above all that were used', async () => {
    const before = await load();
    await before.world.accept();
    void outcome(before.request('a'));
    await requests(before, 1);
    const [hello, sent] = [before.world.socket.last('hello'), before.world.socket.last('request')];
    leave(before);
    const page = await load();
    await page.world.accept();
    void outcome(page.request('b'));
    await requests(page, 2);
    expect(page.world.socket.last('hello').clientKey).toBe(hello.clientKey);
    expect(page.world.socket.last('hello').attempt).toBeGreaterThan(Number(hello.attempt));
    expect(Number(page.world.socket.last('request').id)).toBeGreaterThan(Number(sent.id));
  });

  it('never sends again what may have taken effect too long ago, and says so', async () => {
    const before = await load();
    await before.world.accept();
    void outcome(before.request('pay'));
    await requests(before, 1);
    leave(before);
    today += 120_000;
    const page = await load();
    await page.world.accept();
    await until(() => restored.length > 0);
    expect(restored).toMatchObject([{ event: 'pay', error: { code: 'connection-lost' } }]);
    expect(page.world.socket.frames('request')).toEqual([]);
    await until(() => page.outbox.size === 0);
  });

  it('fails what the server refuses, and forgets it', async () => {
    const page = await load();
    await page.world.accept();
    const result = outcome(page.request('pay'));
    await requests(page, 1);
    const { id } = page.world.socket.last('request');
    page.world.socket.receive({
      type: 'error',
      id,
      code: 'forbidden',
      message: '',
      retryable: false,
    });
    expect(await result).toMatchObject({ code: 'forbidden' });
    await until(() => page.outbox.size === 0);
  });

  it('sends later what the server cannot do now, as if for the first time', async () => {
    const page = await load();
    await page.world.accept();
    const result = page.request('pay');
    await requests(page, 1);
    const { id } = page.world.socket.last('request');
    const refusal = {
      type: 'error',
      id,
      code: 'rate-limited',
      message: '',
      retryable: true,
    } as const;
    page.world.socket.receive({ ...refusal, retryAfterMs: 7_000 });
    page.world.clock.advance(6_999);
    expect(page.outbox.size).toBe(1);
    page.world.clock.advance(1);
    expect(await requests(page, 2)).toEqual(['pay', 'pay']);
    answer(page, 'paid');
    expect(await result).toBe('paid');
  });

  it('keeps what the client was closed with', async () => {
    const before = await load();
    await before.world.accept();
    const result = outcome(before.request('pay'));
    await requests(before, 1);
    before.world.client.close();
    expect(await result).toMatchObject({ code: 'closed' });
    before.outbox.close();
    const page = await load();
    expect(page.outbox.size).toBe(1);
  });

  it('tells who waits to be sent that the client is closed, and whoever comes later, and keeps both', async () => {
    const before = await load();
    const waiting = outcome(before.request('pay'));
    await until(() => before.outbox.size === 1);
    before.world.client.close();
    expect(await waiting).toMatchObject({ code: 'closed' });
    expect(await outcome(before.request('pay'))).toMatchObject({ code: 'closed' });
    before.outbox.close();
    const page = await load();
    expect(page.outbox.size).toBe(2);
  });

  it('tells who waits to be sent that it was closed itself', async () => {
    const page = await load();
    const waiting = outcome(page.request('pay'));
    await until(() => page.outbox.size === 1);
    await new Promise((resolve) => setImmediate(resolve));
    const written = outcome(page.request('pay'));
    page.outbox.close();
    expect(await waiting).toMatchObject({ code: 'closed' });
    expect(await written).toMatchObject({ code: 'closed' });
    leave(await load());
  });

  it('refuses what would be too many, or is no JSON, or meets a handler that streams', async () => {
    const page = await load(1);
    const circle: { self?: unknown } = {};
    circle.self = circle;
    expect(await outcome(page.request('a', circle))).toMatchObject({ code: 'invalid-payload' });
    await page.world.accept();
    const first = outcome(page.request('a'));
    expect(await outcome(page.request('b'))).toMatchObject({ code: 'send-buffer-full' });
    await requests(page, 1);
    const { id } = page.world.socket.last('request');
    page.world.socket.receive({ type: 'next', id, payload: 1 });
    expect(await first).toMatchObject({ code: 'unexpected-stream' });
  });

  it('goes through the client that it was made for, and no other', async () => {
    const { outbox } = await load();
    const invalid = expect.objectContaining({ code: 'invalid-option' });
    expect(() => outbox.attach(new World().client)).toThrow(invalid);
    expect(await outcome(load(0))).toMatchObject({ code: 'invalid-option' });
  });

  it('is open in one page at a time', async () => {
    const page = await load();
    locks.isImpatient = true;
    expect(await outcome(load())).toMatchObject({ code: 'outbox-in-use', retryable: true });
    page.outbox.close();
    await until(() => locks.held.size === 0);
    await expect(load()).resolves.toBeDefined();
  });

  it('says when there is no disk, or it does not obey', async () => {
    const none = { indexedDB: undefined, locks: undefined };
    expect(await outcome(openOutbox({ name: 'ada', environment: none }))).toMatchObject({
      code: 'unsupported',
    });
    const open = () => {
      throw new Error('no disk');
    };
    const broken = { indexedDB: { open } as unknown as IDBFactory, locks };
    expect(await outcome(openOutbox({ name: 'ada', environment: broken }))).toMatchObject({
      code: 'outbox-failed',
      cause: { message: 'no disk' },
    });
    await until(() => locks.held.size === 0);
    const page = await load();
    await page.world.accept();
    page.outbox.close();
    expect(await outcome(page.request('a'))).toMatchObject({ code: 'outbox-failed' });
  });

  it('goes on without the disk, and says what that did not keep', async () => {
    const page = await load();
    const raised: string[] = [];
    page.world.client.on('error', ({ code }) => raised.push(code));
    await page.world.accept();
    const result = page.request('pay');
    await requests(page, 1);
    const broken = jest.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(() => {
      throw new Error('the disk is gone');
    });
    answer(page, 'paid');
    expect(await result).toBe('paid');
    await until(() => page.outbox.size === 0);
    expect(raised).toEqual(['outbox-failed']);
    broken.mockRestore();
    page.world.socket.drop();
    void outcome(page.request('next'));
    await until(() => page.outbox.size === 1);
    await new Promise((resolve) => setImmediate(resolve));
    jest.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(() => {
      throw new Error('the disk is gone');
    });
    await page.world.reconnect();
    await until(() => raised.length === 2);
    expect(page.world.socket.frames('request')).toEqual([]);
  });

  it('does not open what a later version has written', async () => {
    const later = indexedDB.open('realtime-outbox:ada', 2);
    await new Promise((resolve) => (later.onsuccess = resolve));
    later.result.close();
    expect(await outcome(load())).toMatchObject({ code: 'outbox-failed' });
  });

  it('is told when the disk takes back what it was given', async () => {
    const page = await load();
    const { transaction } = IDBDatabase.prototype;
    jest.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(function (
      this: IDBDatabase,
      ...args
    ) {
      const begun = transaction.apply(this, args);
      queueMicrotask(() => {
        begun.abort();
      });
      return begun;
    });
    expect(await outcome(page.request('a'))).toMatchObject({ code: 'outbox-failed' });
    expect(page.outbox.size).toBe(0);
  });
});
