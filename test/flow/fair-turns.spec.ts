import { afterEach, describe, expect, it } from '@jest/globals';
import { performance } from 'node:perf_hooks';

import type { Clock } from '../../lib/core/index.js';
import { Inbox } from '../../lib/core/inbox.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import { frameBytes } from '../support/raw-socket.js';
import { turn, turns, until } from '../support/turns.js';
import { WireServer } from '../support/wire-server.js';

describe('frames that wait for their handlers', () => {
  const tasks = (count: number, log: number[]) =>
    Array.from({ length: count }, (_, n) => ({
      bytes: 1,
      exclusive: false,
      run: () => {
        log.push(n);
        return Promise.resolve();
      },
    }));

  it('are handled some hundred in one turn, the rest in later ones, in order (S-04)', async () => {
    const clock = new ManualClock();
    const inbox = new Inbox(10_000_000, 1, () => undefined, clock);
    const log: number[] = [];
    for (const task of tasks(2_000, log)) inbox.push(task);
    const counts: number[] = [];
    while (log.length < 2_000) {
      await turn();
      counts.push(log.length - counts.reduce((sum, count) => sum + count, 0));
      clock.advance(1);
    }
    expect(Math.max(...counts)).toBeLessThan(300);
    expect(log).toEqual(Array.from({ length: 2_000 }, (_, n) => n));
  });

  it('are fewer in a turn if their handlers take long', async () => {
    const clock = new ManualClock();
    const log: number[] = [];
    // Each handler keeps the process to itself for 5 ms: no timer runs meanwhile.
    const busy: Clock = {
      now: () => clock.now() + log.length * 5,
      after: (ms, callback) => clock.after(ms, callback),
    };
    const inbox = new Inbox(10_000_000, 1, () => undefined, busy);
    for (const task of tasks(1_000, log)) inbox.push(task);
    await turn();
    const first = log.length;
    expect(first).toBeLessThan(40);
    clock.advance(0);
    await turn();
    expect(log.length).toBeGreaterThan(first);
    expect(log.length).toBeLessThan(80);
  });

  it('ask for no turn while few wait, and leave no timer behind', async () => {
    const clock = new ManualClock();
    const inbox = new Inbox(10_000_000, 1, () => undefined, clock);
    const log: number[] = [];
    for (let batch = 0; batch < 100; batch += 1) {
      for (const task of tasks(16, log)) inbox.push(task);
      await turn();
      expect(clock.waiting).toBe(0);
    }
    for (const task of tasks(500, log)) inbox.push(task);
    await turn();
    expect(clock.waiting).toBe(1);
    inbox.clear();
    expect(clock.waiting).toBe(0);
  });
});

describe('messages that one read brings', () => {
  let server: WireServer;
  afterEach(() => server.dispose());

  it('are handed out in shares, so that another peer is heard between them, and all in order', async () => {
    const heard: string[] = [];
    server = await WireServer.start({
      accept: () => ({
        message: (message) => {
          heard.push(String(message));
        },
        drained: () => undefined,
        silent: () => undefined,
        stuck: () => undefined,
        closed: () => undefined,
      }),
    });
    const [greedy, modest] = [await server.connect(), await server.connect()];
    const many = Array.from({ length: 3_000 }, (_, n) => `greedy ${String(n)}`);
    // One segment, which is read at once.
    greedy.write(Buffer.concat(many.map((text) => frameBytes(text))));
    modest.send('modest');
    await until(() => heard.length === many.length + 1);
    expect(heard.filter((text) => text !== 'modest')).toEqual(many);
    expect(heard.indexOf('modest')).toBeLessThan(1_500);
  });

  it('come before the end of their link, all of them', async () => {
    server = await WireServer.start();
    const raw = await server.connect();
    await until(() => server.links.length === 1);
    const many = Array.from({ length: 1_000 }, (_, n) => String(n));
    raw.write(Buffer.concat(many.map((text) => frameBytes(text))));
    raw.socket.end();
    const [link] = server.links;
    await until(() => link?.log.ends.length === 1);
    expect(link?.log.messages).toEqual(many);
    expect(link?.log.calls.at(-1)).toBe('closed');
  });

  it('wait while the listener has paused, and none is lost', async () => {
    server = await WireServer.start();
    const raw = await server.connect();
    await until(() => server.links.length === 1);
    const [link] = server.links;
    const many = Array.from({ length: 1_000 }, (_, n) => String(n));
    raw.write(Buffer.concat(many.map((text) => frameBytes(text))));
    await until(() => (link?.log.messages.length ?? 0) > 0);
    link?.transport.pause();
    const early = link?.log.messages.length ?? 0;
    await turns(20);
    expect(link?.log.messages.length).toBe(early);
    expect(early).toBeLessThan(many.length);
    link?.transport.resume();
    await until(() => link?.log.messages.length === many.length);
    expect(link?.log.messages).toEqual(many);
  });
});

describe('a flood of small frames', () => {
  it('P-12 leaves the event loop free between shares of it', async () => {
    const server = await WireServer.start();
    const raw = await server.connect();
    const ping = frameBytes('{"type":"ping"}');
    let longest = 0;
    let last = performance.now();
    let isWatching = true;
    const watch = (): void => {
      const now = performance.now();
      longest = Math.max(longest, now - last);
      last = now;
      if (isWatching) setImmediate(watch);
    };
    setImmediate(watch);
    raw.write(Buffer.concat(Array.from({ length: 10_000 }, () => ping)));
    await until(() => server.links[0]?.log.messages.length === 10_000);
    isWatching = false;
    await turn();
    await server.dispose();
    expect(longest).toBeLessThan(200);
  });
});
