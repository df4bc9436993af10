import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { IDBFactory } from 'fake-indexeddb';
import { openOutbox, type Outbox, type OutboxOutcome } from '../../lib/client/index.js';
import { FakeLocks } from './support/fake-locks.js';
import type { FakeSocket } from './support/fake-socket.js';
import { Browser, type Page } from './support/tabs.js';
import { until } from './support/turns.js';
import { connectedFrame, outcome } from './support/world.js';

let browser: Browser;
let pages: Page[];

beforeEach(() => {
  browser = new Browser();
  pages = [];
});

afterEach(() => {
  for (const { client, die } of pages) {
    client.close();
    die();
  }
});

function open(...args: Parameters<Browser['open']>): Page {
  const page = browser.open(...args);
  pages.push(page);
  return page;
}

async function accept(count: number): Promise<FakeSocket> {
  await until(() => browser.sockets.length === count);
  browser.socket.open();
  browser.socket.receive(connectedFrame);
  return browser.socket;
}

/** Opens the only page, ends it, and gives what it said to the server. */
async function visit(): Promise<{ clientKey: string | undefined; attempt: number | undefined }> {
  const page = open();
  const { clientKey, attempt } = (await accept(browser.sockets.length + 1)).last('hello');
  page.die();
  return { clientKey, attempt };
}

describe('pages that share a connection, after the last of them was closed', () => {
  it('are the same client again, by a higher attempt, also when the clock was set back', async () => {
    const before = await visit();
    browser.date = 500;
    const after = await visit();
    expect(after.clientKey).toBe(before.clientKey);
    expect(after.attempt).toBeGreaterThan(before.attempt ?? Infinity);
  });

  it('count on by the clock where what was kept last did not reach the disk', async () => {
    const lost = new Map(browser.storage);
    await visit();
    const kept = new Map(browser.storage);
    browser.date = 2_000;
    const before = await visit();
    browser.storage = kept;
    browser.date = 3_000;
    const after = await visit();
    expect(lost.size).toBe(0);
    expect(after.clientKey).toBe(before.clientKey);
    expect(after.attempt).toBeGreaterThan(before.attempt ?? Infinity);
  });

  it('share nothing with those of another name', async () => {
    const ada = await visit();
    browser.name = 'bob';
    const bob = await visit();
    browser.name = 'ada';
    expect(bob.clientKey).not.toBe(ada.clientKey);
    expect((await visit()).clientKey).toBe(ada.clientKey);
  });

  it.each([
    ['nothing can be kept', undefined],
    ['something else was kept', new Map([['realtime-tabs-1:ada', '"nonsense"']])],
    ['it was kept by halves', new Map([['realtime-tabs-1:ada', '{"clientKey":"x","attempt":1}']])],
    ['it is no text of JSON', new Map([['realtime-tabs-1:ada', '{']])],
  ])('are somebody new where %s', async (_why, storage) => {
    const before = await visit();
    browser.storage = storage;
    const after = await visit();
    expect(after.clientKey).toMatch(/^\d{32}$/);
    expect(after.clientKey).not.toBe(before.clientKey);
  });
});

describe('an outbox of a page that shares a connection', () => {
  let indexedDB: IDBFactory;
  let locks: FakeLocks;
  let restored: OutboxOutcome[];

  beforeEach(() => {
    indexedDB = new IDBFactory();
    locks = new FakeLocks();
    restored = [];
  });

  interface OutboxPage extends Page {
    readonly outbox: Outbox;
    readonly request: (event: string) => Promise<unknown>;
  }

  async function load(isShared = true): Promise<OutboxPage> {
    const outbox = await openOutbox({
      name: 'ada',
      onRestored: (result) => restored.push(result),
      environment: { indexedDB, locks },
    });
    const { identity } = outbox;
    const page = open(isShared ? { identity } : { identity, WebSocket: browser.Socket });
    const { request } = outbox.attach(page.client);
    return { ...page, outbox, request };
  }

  /** The page is loaded again. It does not tell anybody that it goes. */
  function leave({ outbox, client, die }: OutboxPage): void {
    outbox.close();
    die();
    client.close();
  }

  const requests = (socket: FakeSocket) =>
    socket.frames('request').map(({ id, event, retry }) => ({ id, event, retry: retry === true }));

  /** A request that was sent and not answered, of the only page. */
  async function sendAndLeave(isShared?: boolean): Promise<FakeSocket> {
    const count = browser.sockets.length;
    const page = await load(isShared);
    const socket = await accept(count + 1);
    void outcome(page.request('pay'));
    await until(() => socket.frames('request').length === 1);
    leave(page);
    return socket;
  }

  it('repeats after a reload of the only page what was sent, by the same key and id', async () => {
    const before = await sendAndLeave();
    const page = await load();
    const after = await accept(2);
    await until(() => after.frames('request').length === 1);
    expect(after.last('hello').clientKey).toBe(before.last('hello').clientKey);
    expect(requests(after)).toEqual([{ ...requests(before)[0], retry: true }]);
    after.receive({ type: 'response', id: after.last('request').id, payload: 'paid' });
    await until(() => page.outbox.size === 0);
    expect(restored).toMatchObject([{ event: 'pay', response: 'paid' }]);
  });

  it.each([
    ['the key was forgotten', true, () => browser.storage?.clear()],
    ['no key can be kept', true, () => (browser.storage = undefined)],
    ['the page had a connection of its own then', false, () => undefined],
  ])(
    'repeats nothing that was sent where %s, and sends what was not',
    async (_why, was, change) => {
      await sendAndLeave(was);
      const unsent = await load(was);
      void outcome(unsent.request('later'));
      await until(() => unsent.outbox.size === 2);
      await new Promise((resolve) => setImmediate(resolve));
      leave(unsent);
      change();
      const count = browser.sockets.length;
      const page = await load();
      await accept(count + 1);
      await until(() => restored.length === 1);
      expect(restored).toMatchObject([{ event: 'pay', error: { code: 'connection-lost' } }]);
      await until(() => browser.socket.frames('request').length > 0);
      expect(requests(browser.socket)).toMatchObject([{ event: 'later', retry: false }]);
      browser.socket.receive({ type: 'response', id: browser.socket.last('request').id });
      await until(() => page.outbox.size === 0);
    },
  );

  it('waits after a reload for what is under way on the connection of the others, and gets its answer', async () => {
    open();
    const socket = await accept(1);
    const before = await load();
    void outcome(before.request('pay'));
    await until(() => socket.frames('request').length === 1);
    // It goes without a word, and nobody has noticed that yet.
    before.outbox.close();
    const page = await load();
    await until(() => page.client.state === 'connected');
    // Behind the repeat, which goes first.
    const own = outcome(page.request('own'));
    await until(() => socket.frames('request').some(({ event }) => event === 'own'));
    expect(requests(socket).map(({ event }) => event)).toEqual(['pay', 'own']);
    for (const { id, event } of socket.frames('request')) {
      socket.receive({ type: 'response', id, payload: `to ${event}` });
    }
    expect(await own).toBe('to own');
    await until(() => page.outbox.size === 0);
    expect(restored).toMatchObject([{ event: 'pay', response: 'to pay' }]);
  });

  it('forgets what was answered: the same id may be asked about again on the same connection', async () => {
    open();
    const socket = await accept(1);
    const before = await load();
    void outcome(before.request('pay'));
    await until(() => socket.frames('request').length === 1);
    const { id } = socket.last('request');
    leave(before);
    // The answer finds nobody.
    socket.receive({ type: 'response', id, payload: 'paid' });
    const page = await load();
    await until(() => socket.frames('request').length === 2);
    expect(requests(socket)[1]).toEqual({ id, event: 'pay', retry: true });
    socket.receive({ type: 'response', id, payload: 'paid' });
    await until(() => page.outbox.size === 0);
    expect(restored).toMatchObject([{ response: 'paid' }]);
  });
});
