import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { RealtimeNode } from '../../lib/core/index.js';
import { REALTIME_CLOCK, RealtimeRoom, type RoomPolicy } from '../../lib/index.js';
import { ManualClock, RawClient } from '../../lib/testing/index.js';
import { closeApps, startApp, type RunningApp } from '../support/nest-app.js';
import { frameBytes } from '../support/raw-socket.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { turn, turns, until } from '../support/turns.js';
import { WireServer } from '../support/wire-server.js';

@RealtimeRoom('chat/:room', { events: { said: true }, presence: true })
class ChatRooms implements RoomPolicy {
  canSubscribe(): boolean {
    return true;
  }

  canPublish(): boolean {
    return true;
  }

  canSeePresence(): boolean {
    return true;
  }
}

const room = 'chat/x';

/** Time that can pass while nothing runs, as in a process that was stopped or busy. */
class SleepyClock extends ManualClock {
  #asleepMs = 0;

  override now(): number {
    return super.now() + this.#asleepMs;
  }

  sleep(ms: number): void {
    this.#asleepMs += ms;
  }
}

describe('a link that has died without a word', () => {
  let app: RunningApp;
  let clock: SleepyClock;
  let proxy: TcpProxy;
  let node: RealtimeNode;

  beforeEach(async () => {
    clock = new SleepyClock();
    app = await startApp({
      providers: [ChatRooms],
      overrides: new Map([[REALTIME_CLOCK, clock]]),
    });
    const { port } = new URL(app.url);
    proxy = await TcpProxy.start({ host: '127.0.0.1', port: Number(port) });
    node = app.app.get(RealtimeNode);
  });

  afterEach(async () => {
    await proxy.stop();
    await closeApps();
  });

  /** A client instance in the room, by the proxy or not. */
  async function join(token: string, clientKey: string, isNear = false): Promise<RawClient> {
    const url = isNear ? app.url : app.url.replace(/:\d+/, `:${String(proxy.port)}`);
    const client = await RawClient.open(url);
    client.send({ type: 'hello', token, clientKey, rooms: [{ room }] });
    await client.next('connected');
    await client.next('subscribed');
    return client;
  }

  /** Lets seconds pass, with turns between them in which what comes is read. */
  async function pass(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second += 1) {
      clock.advance(1_000);
      await turns(3);
    }
  }

  it('C-07 is given up after the timeout; its user leaves after the grace', async () => {
    await join('token-ada', 'a'.repeat(22));
    const watcher = await join('token-bob', 'b'.repeat(22), true);
    watcher.send({ type: 'presence', id: 'w', room, action: 'watch' });
    expect(await watcher.answer('w')).toMatchObject({ total: 2 });
    proxy.isSilent = true;
    await pass(44);
    expect(node.hub.size).toBe(2);
    await pass(6);
    await until(() => node.hub.size === 1);
    await pass(60);
    expect(await watcher.next('presence-change')).toMatchObject({ total: 1, left: ['ada'] });
  });

  it('C-07, C-16 is replaced by the next one of its client, without a leave or a join', async () => {
    const clientKey = 'a'.repeat(22);
    await join('token-ada', clientKey);
    const watcher = await join('token-bob', 'b'.repeat(22), true);
    watcher.send({ type: 'presence', id: 'w', room, action: 'watch' });
    await watcher.answer('w');
    proxy.isSilent = true;
    await pass(1);
    await join('token-ada', clientKey, true);
    await pass(1);
    expect([...node.hub.connections].filter(({ user }) => user?.id === 'ada')).toHaveLength(1);
    // Its device is another one now; the user has been there all the time.
    const change = await watcher.next('presence-change');
    expect(change).toMatchObject({ total: 2, updated: [{ userId: 'ada' }] });
    expect([change.joined, change.left]).toEqual([undefined, undefined]);
  });

  it('C-08 takes effect once with what is published by it and, without an answer, again', async () => {
    const clientKey = 'a'.repeat(22);
    const publish = { type: 'publish', id: 'p', room, event: 'said', payload: 1 } as const;
    const half = await join('token-ada', clientKey);
    proxy.tamper = () => undefined;
    half.send(publish);
    const reader = await join('token-bob', 'b'.repeat(22), true);
    await until(() => node.rooms.get(room)?.position.offset === 1);
    const back = await join('token-ada', clientKey, true);
    back.send(publish);
    expect(await back.answer('p')).toMatchObject({ type: 'published', offset: 1 });
    await turn();
    expect(node.rooms.get(room)?.position.offset).toBe(1);
    await reader.close();
  });

  it('C-08 is given up as well when nothing reaches the peer and it says nothing', async () => {
    await join('token-ada', 'a'.repeat(22));
    proxy.tamper = () => undefined;
    await pass(50);
    await until(() => node.hub.size === 0);
    expect(node.hub.size).toBe(0);
  });

  it('is no reason to blame those who were heard: hidden tabs and slow machines stay (N-05)', async () => {
    const clients = await Promise.all(
      Array.from({ length: 50 }, (_, n) => join(`token-u${String(n)}`, String(n).padEnd(22, 'k'))),
    );
    // The machine, not its clients, slept: all are silent for five minutes, and answer when asked.
    clock.sleep(300_000);
    await pass(60);
    // Busy for a second in every five.
    for (let round = 0; round < 20; round += 1) {
      clock.sleep(1_000);
      await pass(4);
    }
    expect(node.hub.size).toBe(clients.length);
  });
});

describe('a link that brings a byte at a time', () => {
  it('C-09 brings every message whole, in order, and is not given up for it', async () => {
    const clock = new ManualClock();
    const server = await WireServer.start({ clock });
    const raw = await server.connect();
    await until(() => server.links.length === 1);
    const texts = Array.from({ length: 20 }, (_, n) => `message ${String(n)} ü😀`);
    const bytes = Buffer.concat(texts.map((text) => frameBytes(text)));
    const log = server.links[0]?.log;
    for (const byte of bytes) {
      raw.write(Buffer.from([byte]));
      // 300 ms between two of them: minutes for all.
      clock.advance(300);
      await turns(2);
    }
    await until(() => log?.messages.length === texts.length);
    expect(log?.messages).toEqual(texts);
    expect(log?.count('silent')).toBe(0);
    await server.dispose();
  });
});

describe('a link that brings one large message slowly', () => {
  it('C-09 lives as long as bytes come, and is given up when none do', async () => {
    const clock = new ManualClock();
    const server = await WireServer.start({ clock });
    // Its answers to pings wait behind the message.
    const raw = await server.connect({ answersPings: false });
    await until(() => server.links.length === 1);
    const log = server.links[0]?.log;
    const pass = async (seconds: number, each: () => void): Promise<void> => {
      for (let second = 0; second < seconds; second += 1) {
        each();
        clock.advance(1_000);
        await turns(3);
      }
    };
    const bytes = frameBytes('x'.repeat(300));
    let sent = 0;
    await pass(300, () => {
      raw.write(bytes.subarray(sent, (sent += 1)));
    });
    expect(log?.count('silent')).toBe(0);
    await pass(70, () => undefined);
    expect(log?.count('silent')).toBe(1);
    await server.dispose();
  });
});

describe('links whose peers do not answer a close', () => {
  it('are told at once, and cut together with what waits for them when their time is over', async () => {
    const clock = new ManualClock();
    const server = await WireServer.start({ clock });
    const peers = await Promise.all(
      Array.from({ length: 10 }, () => server.connect({ answersClose: false })),
    );
    await until(() => server.links.length === peers.length);
    for (const { socket } of peers) socket.pause();
    for (const { transport } of server.links) {
      // More than any system takes for a peer that does not read.
      for (let n = 0; n < 20; n += 1) transport.send('x'.repeat(1_000_000));
      transport.close(4100, 'reads too slowly');
    }
    const ends = () => server.links.flatMap(({ log }) => log.ends);
    clock.advance(4_999);
    await turns(3);
    expect([ends(), server.ws.size]).toEqual([[], peers.length]);
    clock.advance(100);
    await until(() => server.ws.size === 0);
    expect(ends()).toEqual(peers.map(() => ({ code: 1006, reason: '' })));
    await server.dispose();
  });
});
