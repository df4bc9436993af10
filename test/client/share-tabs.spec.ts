import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  handle,
  RealtimeClient,
  shareTabs,
  type RealtimeClientOptions,
} from '../../lib/client/index.js';
import type { TabChannel } from '../../lib/client/share-tabs.js';
import { FakeClock, settle } from './support/fake-clock.js';
import { FakeLocks } from './support/fake-locks.js';
import { FakeSocket } from './support/fake-socket.js';
import { NAME, subscribed } from './support/rooms.js';
import { Browser, type Page } from './support/tabs.js';
import { until } from './support/turns.js';
import { connectedFrame, message, outcome } from './support/world.js';

let browser: Browser;
const pages: Page[] = [];

beforeEach(() => {
  browser = new Browser();
});

afterEach(() => {
  for (const { client, die } of pages.splice(0)) {
    client.close();
    die();
  }
});

function open(options?: RealtimeClientOptions, url?: string): Page {
  const page = browser.open(options, url);
  pages.push(page);
  return page;
}

const isConnected = ({ client }: Page) => until(() => client.state === 'connected');

/** Lets the newest connection in. */
async function accept(count = 1): Promise<FakeSocket> {
  await until(() => browser.sockets.length === count);
  browser.socket.open();
  browser.socket.receive(connectedFrame);
  return browser.socket;
}

/** Two pages with one connection; the first has it. */
async function openTwo(): Promise<{ first: Page; second: Page; socket: FakeSocket }> {
  const first = open();
  const socket = await accept();
  await isConnected(first);
  const second = open();
  await isConnected(second);
  return { first, second, socket };
}

/** Everything that a page hears in the room. */
function listen({ client }: Page): unknown[] {
  const log: unknown[] = [];
  const room = client.room(NAME);
  room.on('chat.message', (payload) => log.push(payload));
  room.on('gap', () => log.push('gap'));
  room.on('unsubscribed', ({ reason }) => log.push(reason));
  return log;
}

describe('pages that share a connection', () => {
  it('have one socket, and are one client to the server', async () => {
    const { first, second, socket } = await openTwo();
    expect(browser.sockets).toHaveLength(1);
    expect(socket.frames('hello')).toHaveLength(1);
    expect(first.client.connectionId).toBe('c-1');
    expect(second.client.connectionId).toBe('c-1');
  });

  it('end for good, each by itself, when the runtime refuses their URL', async () => {
    browser.refused.add('ws://example.test/realtime');
    const refused = [1, 2].map(() => open({}, 'ws://example.test/realtime'));
    for (const { client } of refused) {
      await expect(client.connect()).rejects.toMatchObject({
        code: 'invalid-url',
        cause: new Error('SyntaxError: bad URL'),
      });
      expect(client.state).toBe('closed');
    }
    expect(browser.sockets).toEqual([]);
    const other = open();
    await accept();
    await isConnected(other);
  });

  it('get the answers to what they ask, each its own', async () => {
    const { first, second, socket } = await openTwo();
    const answers = [first.client.request('a'), second.client.request('b')];
    await until(() => socket.frames('request').length === 2);
    for (const { id, event } of socket.frames('request').reverse()) {
      socket.receive({ type: 'response', id, payload: `to ${event}` });
    }
    expect(await Promise.all(answers)).toEqual(['to a', 'to b']);
  });

  it('hear the messages of a room, each once, also when another comes with an older position', async () => {
    const { first, second, socket } = await openTwo();
    const heard = listen(first);
    await until(() => socket.frames('subscribe').length === 1);
    socket.receive(subscribed(3, { id: socket.last('subscribe').id }));
    socket.receive(message(4));
    const alsoHeard = listen(second);
    await until(() => socket.frames('subscribe').length === 2);
    socket.receive(subscribed(4, { id: socket.last('subscribe').id }));
    // As when it was replayed for the other.
    for (const offset of [3, 4, 5]) socket.receive(message(offset));
    await until(() => alsoHeard.length === 1);
    expect(heard).toEqual([4, 5]);
    expect(alsoHeard).toEqual([5]);
    socket.receive({ type: 'gap', room: NAME, epoch: 'e1', offset: 4, reason: 'evicted' });
    socket.receive(message(6));
    await until(() => alsoHeard.length === 2);
    expect(heard).toEqual([4, 5, 6]);
  });

  it('all hear that messages are late, also who comes later, until that is over', async () => {
    const { first, second, socket } = await openTwo();
    socket.receive({ type: 'delayed', delayed: true });
    await until(() => first.client.isDelayed && second.client.isDelayed);
    const third = open();
    await until(() => third.client.isDelayed);
    socket.receive({ type: 'delayed', delayed: false });
    await until(() => !pages.some(({ client }) => client.isDelayed));
    const fourth = open();
    const log: unknown[] = [];
    fourth.client.on('delayed', (isDelayed) => log.push(isDelayed));
    await isConnected(fourth);
    // Behind whatever it was greeted with.
    const answer = fourth.client.request('a');
    await until(() => socket.frames('request').length === 1);
    socket.receive({ type: 'response', id: socket.last('request').id });
    await answer;
    expect(log).toEqual([]);
    const count = browser.sockets.length;
    socket.receive({ type: 'delayed', delayed: true });
    await until(() => fourth.client.isDelayed);
    socket.drop();
    await until(() => !pages.some(({ client }) => client.isDelayed));
    await accept(count + 1);
    await Promise.all(pages.map(isConnected));
    expect(pages.map(({ client }) => client.isDelayed)).toEqual([false, false, false, false]);
  });

  it('leave a room when the last of them does', async () => {
    const { first, second, socket } = await openTwo();
    for (const { client } of [first, second]) void outcome(client.room(NAME).subscribe());
    await until(() => socket.frames('subscribe').length === 2);
    for (const { id } of socket.frames('subscribe')) socket.receive(subscribed(3, { id }));
    await until(() => second.client.room(NAME).state === 'subscribed');
    first.client.room(NAME).unsubscribe();
    void outcome(first.client.request('after'));
    await until(() => socket.frames('request').length === 1);
    expect(socket.frames('unsubscribe')).toEqual([]);
    second.client.room(NAME).unsubscribe();
    await until(() => socket.frames('unsubscribe').length === 1);
  });

  it('are told who is in a room, all of them, until the last one does not watch', async () => {
    const { first, second, socket } = await openTwo();
    const totals: number[][] = [[], []];
    const stops = [first, second].map(({ client }, index) =>
      client.room(NAME).presence.watch(({ total }) => totals[index]?.push(total)),
    );
    await until(() => socket.frames('subscribe').length === 2);
    for (const { id } of socket.frames('subscribe')) socket.receive(subscribed(3, { id }));
    await until(() => socket.frames('presence').length === 2);
    for (const { id } of socket.frames('presence')) {
      socket.receive({ type: 'presence', id, room: NAME, total: 1, members: [] });
      socket.receive({ type: 'presence', id, room: NAME, total: 5_000 });
    }
    await until(() => totals.every((each) => each.at(-1) === 5_000));
    stops[0]?.();
    void outcome(first.client.request('after'));
    await until(() => socket.frames('request').length === 1);
    expect(socket.frames('presence').filter(({ action }) => action === 'unwatch')).toEqual([]);
    stops[1]?.();
    await until(() => socket.frames('presence').some(({ action }) => action === 'unwatch'));
  });

  it('answer the server once: who can, or else that nobody can', async () => {
    const { second, socket } = await openTwo();
    handle(second.client, 'focus', () => 'here');
    socket.receive({ type: 'request', id: 'q1', event: 'focus' });
    await until(() => socket.frames('response').length === 1);
    expect(socket.last('response')).toEqual({ type: 'response', id: 'q1', payload: 'here' });
    socket.receive({ type: 'request', id: 'q2', event: 'other' });
    await until(() => socket.frames('error').length > 0);
    expect(socket.frames('error')).toMatchObject([{ id: 'q2', code: 'unknown-event' }]);
  });

  it('keep their connection alive together', async () => {
    const { first, socket } = await openTwo();
    const asked = outcome(first.client.request('a'));
    await until(() => socket.frames('request').length === 1);
    socket.drop(1006);
    await accept(2);
    await until(() => browser.socket.frames('request').length === 1);
    const { id, retry } = browser.socket.last('request');
    expect([id, retry]).toEqual([socket.last('request').id, true]);
    browser.socket.receive({ type: 'response', id, payload: 'done' });
    expect(await asked).toBe('done');
  });

  it.each(['die', 'hide'] as const)(
    'lose nothing when the one with the connection goes (%s)',
    async (how) => {
      const { first, second, socket } = await openTwo();
      const heard = listen(second);
      await until(() => socket.frames('subscribe').length === 1);
      socket.receive(subscribed(3, { id: socket.last('subscribe').id }));
      const answer = outcome(second.client.request('pay'));
      await until(() => socket.frames('request').length === 1);
      const asked = socket.last('request');
      socket.receive(message(4));
      await until(() => heard.length === 1);
      first[how]();
      const next = await accept(2);
      expect(next.last('hello').clientKey).toBe(socket.last('hello').clientKey);
      expect(next.last('hello').attempt).toBeGreaterThan(Number(socket.last('hello').attempt));
      await until(() => next.frames('subscribe').length > 0 && next.frames('request').length > 0);
      expect(next.last('subscribe')).toMatchObject({ room: NAME, epoch: 'e1', offset: 4 });
      expect(next.last('request')).toEqual({ ...asked, retry: true });
      const { id } = next.last('subscribe');
      next.receive(subscribed(6, { id, recovered: true, replayed: 2 }));
      for (const offset of [5, 6]) next.receive(message(offset));
      next.receive({ type: 'response', id: asked.id, payload: 'paid' });
      expect(await answer).toBe('paid');
      await until(() => heard.length === 3);
      expect(heard).toEqual([4, 5, 6]);
    },
  );

  it('leave together a connection that one of them has found dead', async () => {
    const clock = new FakeClock();
    const first = open({ environment: { now: clock.now, after: clock.after } });
    const socket = await accept();
    await isConnected(first);
    const second = open();
    const heard = listen(second);
    await until(() => socket.frames('subscribe').length === 1);
    socket.receive(subscribed(3, { id: socket.last('subscribe').id }));
    await until(() => second.client.room(NAME).state === 'subscribed');
    clock.advance(45_000);
    const next = await accept(2);
    expect(socket.closedWith?.code).toBe(4408);
    await until(() => next.frames('subscribe').length === 1);
    const { id } = next.last('subscribe');
    next.receive(subscribed(4, { id, recovered: true, replayed: 1 }));
    next.receive(message(4));
    await until(() => heard.length === 1);
    expect(heard).toEqual([4]);
    clock.advance(10);
    await isConnected(first);
  });

  it('leave together an attempt that one of them has waited for too long', async () => {
    const first = open({ connectTimeoutMs: 20 });
    await until(() => browser.sockets.length === 1);
    const second = open();
    await accept(2);
    await isConnected(first);
    await isConnected(second);
    expect(browser.sockets[0]?.closedWith?.code).toBe(4408);
  });

  it('send nothing that is too large for the server with what is added on the way', async () => {
    const page = open();
    const socket = await accept();
    await isConnected(page);
    const frame = { type: 'request', id: '1', event: 'a', payload: '' };
    const length = connectedFrame.limits.frameBytes - JSON.stringify(frame).length;
    const refused = await outcome(page.client.request('a', 'x'.repeat(length)));
    expect(refused).toMatchObject({ code: 'payload-too-large' });
    expect(socket.frames('request')).toEqual([]);
  });

  it('forget a page that dies, and leave its rooms', async () => {
    const { second, socket } = await openTwo();
    listen(second);
    await until(() => socket.frames('subscribe').length === 1);
    second.die();
    await until(() => socket.frames('unsubscribe').length === 1);
    expect(socket.isLive).toBe(true);
  });

  it('close the connection with the last client, by its code', async () => {
    const { first, second, socket } = await openTwo();
    second.client.close();
    first.client.close();
    await until(() => !socket.isLive);
    expect(socket.closedWith?.code).toBe(1000);
  });

  it('are refused a room by the answer to their hello', async () => {
    const first = open();
    const heard = listen(first);
    const socket = await accept();
    await until(() => socket.frames('subscribe').length === 1);
    const { id } = socket.last('subscribe');
    socket.receive({ type: 'error', id, code: 'forbidden', message: '', retryable: false });
    await until(() => heard.length > 0);
    expect(heard).toEqual(['forbidden']);
  });

  it('show credentials once when they are asked', async () => {
    const page = open({ token: () => 'fresh' });
    const socket = await accept();
    await isConnected(page);
    const other = open({ token: () => 'also fresh' });
    await isConnected(other);
    socket.receive({ type: 'authenticate', withinMs: 1_000 });
    await until(() => socket.frames('authenticate').length > 0);
    void outcome(other.client.request('a'));
    await until(() => socket.frames('request').length === 1);
    expect(socket.frames('authenticate')).toMatchObject([{ token: 'fresh' }]);
  });
});

describe('a page that joins', () => {
  it('has its lock before anybody hears of it, or whoever gets the lock would take it for dead', async () => {
    const log: string[] = [];
    class Channel implements TabChannel {
      onmessage: TabChannel['onmessage'] = null;

      postMessage({ kind }: { readonly kind: string }): void {
        log.push(kind);
      }
    }
    let grant: () => unknown = () => undefined;
    const request = ((name: string, callback: () => unknown) => {
      log.push(name);
      if (name === 'realtime-tabs-1:ada:kkkkkkkk') grant = callback;
      return new Promise(() => undefined);
    }) as LockManager['request'];
    const Shared = shareTabs({
      name: 'ada',
      environment: {
        locks: { request },
        BroadcastChannel: Channel,
        WebSocket: FakeSocket,
        randomKey: () => 'k'.repeat(32),
        onHide: () => undefined,
      },
    });
    const sockets = [1, 2].map(() => Shared && new Shared('wss://example.test'));
    sockets[0]?.close();
    await settle();
    const locks = ['realtime-tabs-1:ada:kkkkkkkk', 'realtime-tabs-1:ada'];
    expect(log).toEqual([...locks, 'close']);
    void grant();
    await settle();
    // What was closed meanwhile is not told of.
    expect(log).toEqual([...locks, 'close', 'open']);
  });
});

describe('a runtime that lacks what sharing needs', () => {
  it.each(['locks', 'BroadcastChannel', 'WebSocket'])(
    'has a connection a page without %s',
    (part) => {
      const environment = { [part]: undefined };
      const shared = shareTabs({ name: 'ada', environment });
      expect(shared).toBeUndefined();
      const client = new RealtimeClient('wss://x', { WebSocket: shared, autoConnect: false });
      expect(client.state).toBe('idle');
    },
  );

  it('hears by itself that its page is left', async () => {
    const page = new EventTarget();
    Object.assign(globalThis, { addEventListener: page.addEventListener.bind(page) });
    try {
      const locks = new FakeLocks();
      const environment = { locks, WebSocket: FakeSocket, BroadcastChannel: SilentChannel };
      const WebSocket = shareTabs({ name: 'ada', environment });
      const client = new RealtimeClient('wss://x', { WebSocket });
      await until(() => locks.held.size === 2);
      page.dispatchEvent(new Event('pagehide'));
      await until(() => locks.held.size === 0);
      client.close();
    } finally {
      Reflect.deleteProperty(globalThis, 'addEventListener');
    }
  });
});

/** Nobody else is there. */
class SilentChannel implements TabChannel {
  onmessage: TabChannel['onmessage'] = null;
  readonly postMessage = (): void => undefined;
}
