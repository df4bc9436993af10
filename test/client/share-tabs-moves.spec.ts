import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { TabHub } from '../../lib/client/tab-hub.js';
import type { FromHub } from '../../lib/client/tab-messages.js';
import type { GoingAwayFrame, ServerFrame } from '../../lib/protocol/index.js';
import { FakeClock } from './support/fake-clock.js';
import { FakeSocket } from './support/fake-socket.js';
import { NAME, subscribed } from './support/rooms.js';
import { Browser, type Page } from './support/tabs.js';
import { until } from './support/turns.js';
import { connectedFrame, message, outcome } from './support/world.js';

/** A page whose time is the test's. */
interface TimedPage extends Page {
  readonly clock: FakeClock;
  readonly states: string[];
}

let browser: Browser;
let pages: TimedPage[];

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

function open(): TimedPage {
  const clock = new FakeClock();
  const { now, after } = clock;
  const page = browser.open({ environment: { now, after, date: now } });
  const states: string[] = [];
  page.client.on('state', ({ state }) => states.push(state));
  const timed = { ...page, clock, states };
  pages.push(timed);
  return timed;
}

const isConnected = ({ client }: Page) => until(() => client.state === 'connected');

async function accept(count: number): Promise<FakeSocket> {
  await until(() => browser.sockets.length === count);
  browser.socket.open();
  browser.socket.receive(connectedFrame);
  return browser.socket;
}

/** Two pages with one connection; the first has it. */
async function openTwo(): Promise<{ first: TimedPage; second: TimedPage; old: FakeSocket }> {
  const first = open();
  const old = await accept(1);
  await isConnected(first);
  const second = open();
  await isConnected(second);
  return { first, second, old };
}

/** The server goes away, 2 s from now as all random numbers are 0.5. */
const FAREWELL: GoingAwayFrame = { type: 'going-away', afterMs: 1_000, windowMs: 2_000 };

/** Has a page answered by the server: what was sent to it before has arrived then. */
async function roundTrip({ client }: Page, socket: FakeSocket, event = 'echo'): Promise<unknown> {
  const asked = () => socket.frames('request').filter((frame) => frame.event === event);
  const answer = outcome(client.request(event));
  await until(() => asked().length > 0);
  socket.receive({ type: 'response', id: asked()[0]?.id ?? '', payload: event });
  return answer;
}

/** Tells all pages that the server goes away, and waits until they know. */
async function announce(socket: FakeSocket, more: Partial<GoingAwayFrame> = {}): Promise<void> {
  const timers = pages.map(({ clock }) => clock.pending);
  socket.receive({ ...FAREWELL, served: true, ...more });
  await until(() => pages.every(({ clock }, index) => clock.pending > (timers[index] ?? 0)));
}

const advance = (ms: number) => {
  for (const { clock } of pages) clock.advance(ms);
};

/** What a page hears in the room. */
function listen({ client }: Page): unknown[] {
  const log: unknown[] = [];
  client.room(NAME).on('chat.message', (payload) => log.push(payload));
  client.room(NAME).on('gap', () => log.push('gap'));
  return log;
}

/** Answers the last subscribe of a connection. */
const admit = (socket: FakeSocket, offset: number, more: object = {}): void => {
  socket.receive(subscribed(offset, { id: socket.last('subscribe').id, ...more }));
};

describe('pages that share a connection whose server goes away', () => {
  it('move together, at one moment of the window, to one connection, and nobody notices', async () => {
    const { first, second, old } = await openTwo();
    await announce(old);
    advance(1_999);
    await roundTrip(second, old);
    expect(browser.sockets).toHaveLength(1);
    advance(1);
    const next = await accept(2);
    await until(() => !old.isLive);
    expect(old.closedWith?.code).toBe(4409);
    const [before, after] = [old.last('hello'), next.last('hello')];
    expect(after.clientKey).toBe(before.clientKey);
    expect(after.attempt).toBeGreaterThan(before.attempt ?? Infinity);
    for (const page of [first, second]) {
      expect(await roundTrip(page, next, page === first ? 'a' : 'b')).toBeDefined();
      expect(page.states).toEqual(['connecting', 'connected']);
    }
    expect(browser.sockets).toHaveLength(2);
  });

  it('are served until then, and have what they ask afterwards asked of the next server', async () => {
    const { second, old } = await openTwo();
    await announce(old);
    expect(await roundTrip(second, old, 'early')).toBe('early');
    advance(2_000);
    await until(() => browser.sockets.length === 2);
    const late = second.client.request('late');
    const next = await accept(2);
    await until(() => next.frames('request').length === 1);
    next.receive({ type: 'response', id: next.last('request').id, payload: 'done' });
    expect(await late).toBe('done');
    expect(old.frames('request').map(({ event }) => event)).toEqual(['early']);
  });

  it('ask the next server for what the old one refuses', async () => {
    const { second, old } = await openTwo();
    await announce(old);
    const answer = second.client.request('a');
    await until(() => old.frames('request').length === 1);
    const { id } = old.last('request');
    old.receive({ type: 'error', id, code: 'unavailable', message: '', retryable: true });
    advance(2_000);
    const next = await accept(2);
    await until(() => next.frames('request').length === 1);
    expect(next.last('request')).toEqual(old.last('request'));
    next.receive({ type: 'response', id, payload: 'done' });
    expect(await answer).toBe('done');
  });

  it('hear everything once and in order while both connections deliver', async () => {
    const { first, second, old } = await openTwo();
    const logs: unknown[][] = [];
    for (const page of [first, second]) {
      logs.push(listen(page));
      await until(() => old.frames('subscribe').length === logs.length);
      admit(old, 3);
    }
    await until(() => second.client.room(NAME).state === 'subscribed');
    await announce(old);
    old.receive(message(4));
    await until(() => logs.every((log) => log.length === 1));
    first.clock.advance(2_000);
    const next = await accept(2);
    await until(() => next.frames('subscribe').length === 1);
    expect(next.last('subscribe')).toMatchObject({ epoch: 'e1', offset: 4 });
    // The second page's timers are late: it hears on over the old connection.
    old.receive(message(5));
    admit(next, 5, { recovered: true, replayed: 1 });
    for (const offset of [5, 6]) next.receive(message(offset));
    old.receive(message(6));
    await until(() => logs.every((log) => log.length === 3));
    expect(old.isLive).toBe(true);
    second.clock.advance(2_000);
    await until(() => next.frames('subscribe').length === 2);
    old.receive(message(7));
    next.receive(message(7));
    expect(next.last('subscribe')).toMatchObject({ epoch: 'e1', offset: 6 });
    admit(next, 7, { recovered: true, replayed: 1 });
    for (const offset of [7, 8]) next.receive(message(offset));
    await until(() => logs.every((log) => log.at(-1) === 8));
    expect(logs).toEqual([
      [4, 5, 6, 7, 8],
      [4, 5, 6, 7, 8],
    ]);
    expect(pages.map(({ states }) => states.length)).toEqual([2, 2]);
    expect(old.frames('unsubscribe')).toEqual([]);
  });

  it('follow at once when the server ends the connection before their timers fire', async () => {
    const { first, second, old } = await openTwo();
    await announce(old);
    first.clock.advance(2_000);
    await accept(2);
    await roundTrip(first, browser.socket);
    second.clock.sleep(5_000);
    // The first one's connection has taken the place of this one.
    old.drop(4409, 'replaced by a newer connection');
    await until(() => second.client.state === 'waiting');
    second.clock.advance(0);
    await isConnected(second);
    expect(browser.sockets).toHaveLength(2);
    expect(await roundTrip(second, browser.socket, 'b')).toBe('b');
  });

  it('let a page that opens meanwhile begin with the next connection', async () => {
    const { first, second, old } = await openTwo();
    await announce(old);
    const third = open();
    const next = await accept(2);
    expect(await roundTrip(third, next, 'c')).toBe('c');
    expect(await roundTrip(second, old, 'b')).toBe('b');
    advance(2_000);
    await until(() => !old.isLive);
    expect(await roundTrip(first, next, 'a')).toBe('a');
    expect(browser.sockets).toHaveLength(2);
  });

  it('move once more when the next server goes away as well', async () => {
    const { first, second, old } = await openTwo();
    await announce(old);
    first.clock.advance(2_000);
    const next = await accept(2);
    await roundTrip(first, next);
    const timers = first.clock.pending;
    next.receive({ ...FAREWELL, served: true });
    await until(() => first.clock.pending > timers);
    first.clock.advance(2_000);
    const last = await accept(3);
    await until(() => !next.isLive);
    expect(old.isLive).toBe(true);
    second.clock.advance(2_000);
    await until(() => !old.isLive);
    for (const page of [first, second]) await roundTrip(page, last, page === first ? 'a' : 'b');
    expect(last.last('hello').attempt).toBeGreaterThan(next.last('hello').attempt ?? Infinity);
    expect(pages.map(({ states }) => states.length)).toEqual([2, 2]);
  });

  it('stay where they are while the next connection cannot be had', async () => {
    const { first, second, old } = await openTwo();
    await announce(old);
    advance(2_000);
    await until(() => browser.sockets.length === 2);
    browser.socket.drop(1006);
    await until(() => pages.every(({ client }) => client.state === 'connected'));
    const answers = [first, second].map(({ client }) => outcome(client.request('held')));
    const next = await (async () => {
      while (browser.sockets.length < 3) {
        advance(10);
        await new Promise((resolve) => setImmediate(resolve));
      }
      return accept(3);
    })();
    await until(() => next.frames('request').length === 2);
    for (const { id } of next.frames('request')) next.receive({ type: 'response', id });
    await Promise.all(answers);
    await until(() => !old.isLive);
    expect(pages.map(({ states }) => states.length)).toEqual([2, 2]);
  });

  it('lose nothing when the page with both connections goes in the middle of it', async () => {
    const { first, second, old } = await openTwo();
    const heard = listen(second);
    await until(() => old.frames('subscribe').length === 1);
    admit(old, 3);
    const answer = second.client.request('pay');
    await until(() => old.frames('request').length === 1);
    await announce(old);
    old.receive(message(4));
    await until(() => heard.length === 1);
    first.clock.advance(2_000);
    await accept(2);
    first.die();
    const last = await (async () => {
      while (browser.sockets.length < 3) {
        second.clock.advance(10);
        await new Promise((resolve) => setImmediate(resolve));
      }
      return accept(3);
    })();
    await until(() => last.frames('request').length === 1);
    expect(last.last('request')).toEqual({ ...old.last('request'), retry: true });
    expect(last.last('hello').attempt).toBeGreaterThan(
      browser.sockets[1]?.last('hello').attempt ?? Infinity,
    );
    expect(last.last('subscribe')).toMatchObject({ epoch: 'e1', offset: 4 });
    last.receive({ type: 'response', id: last.last('request').id, payload: 'paid' });
    expect(await answer).toBe('paid');
  });

  it('say goodbye to the old server only for rooms that nobody took along', async () => {
    const { first, second, old } = await openTwo();
    for (const { client } of [first, second]) void outcome(client.room(NAME).subscribe());
    void outcome(second.client.room('chat/own').subscribe());
    await until(() => old.frames('subscribe').length === 3);
    await announce(old);
    first.clock.advance(2_000);
    await accept(2);
    await roundTrip(first, browser.socket);
    second.client.close();
    await until(() => !old.isLive);
    expect(old.frames('unsubscribe').map(({ room }) => room)).toEqual(['chat/own']);
    expect(old.closedWith?.code).toBe(4409);
  });
});

describe('a socket that opened just before the server said that it goes away', () => {
  it('is told so behind its welcome, or its client would stay', () => {
    const posted: FromHub[] = [];
    const sockets: FakeSocket[] = [];
    class Socket extends FakeSocket {
      constructor(url: string, protocols?: string[]) {
        super(url, protocols);
        sockets.push(this);
      }
    }
    const host = {
      WebSocket: Socket,
      random: () => 0.5,
      post: (told: FromHub) => posted.push(told),
      nextIdentity: () => ({ clientKey: 'k', attempt: 1 }),
    };
    const hub = new TabHub(host, 'hub');
    const say = (from: string) => {
      const data = JSON.stringify({ type: 'hello', clientKey: from.repeat(16), attempt: 1 });
      hub.receive({ kind: 'send', from, data });
    };
    for (const from of ['a', 'b']) hub.receive({ kind: 'open', from, url: 'wss://example.test' });
    say('a');
    sockets[0]?.open();
    sockets[0]?.receive(connectedFrame);
    sockets[0]?.receive({ ...FAREWELL, served: true });
    say('b');
    const heard = posted.flatMap((each) =>
      each.kind === 'frame' && each.to === 'b' ? [JSON.parse(each.data) as ServerFrame] : [],
    );
    expect(heard).toMatchObject([
      { type: 'connected' },
      { type: 'going-away', afterMs: 2_000, windowMs: 0, served: true },
    ]);
  });
});
