/**
 * What stock Nest 12 with `WsAdapter` gets wrong, as measured: each a passing test of the opposite.
 */
import type { Socket } from 'node:net';

import { Injectable } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { ConnectedSocket, MessageBody, SubscribeMessage } from '@nestjs/websockets';

import {
  CurrentUser,
  RealtimeGateway,
  type RealtimeConnection,
  type RealtimeUser,
} from '../../lib/index.js';
import {
  closeApps,
  platforms,
  serverHasRead,
  startApp,
  type AppSetup,
  type RunningApp,
} from '../support/nest-app.js';
import { deferred, turns, until, type Deferred } from '../support/turns.js';

/** How long the tasks of a test take: until it says so. */
@Injectable()
class Tasks {
  readonly started: string[] = [];
  readonly users: unknown[] = [];
  readonly #ends = new Map<string, Deferred<void>>();
  profile: Promise<void> = Promise.resolve();

  end(name: string): Deferred<void> {
    const known = this.#ends.get(name) ?? deferred();
    this.#ends.set(name, known);
    return known;
  }
}

@RealtimeGateway()
class TaskGateway {
  constructor(private readonly tasks: Tasks) {}

  /** Authentication as applications of stock Nest write it: asynchronous, in the connect hook. */
  async onRealtimeConnect(client: RealtimeConnection): Promise<void> {
    await this.tasks.profile;
    client.data['profile'] = `profile of ${client.user.id}`;
  }

  @SubscribeMessage('task')
  async task(@MessageBody() name: string): Promise<string> {
    this.tasks.started.push(name);
    await this.tasks.end(name).promise;
    return `done ${name}`;
  }

  @SubscribeMessage('who')
  who(@CurrentUser() user: RealtimeUser, @ConnectedSocket() client: RealtimeConnection): unknown {
    this.tasks.users.push(user.id);
    return client.data['profile'];
  }

  @SubscribeMessage('fail')
  fail(@MessageBody() payload: unknown): never {
    throw new Error(`cannot handle ${JSON.stringify(payload)}`);
  }
}

afterEach(closeApps);

describe.each(platforms)('what stock Nest gets wrong, on %s', (platform) => {
  async function start(setup: AppSetup = {}): Promise<RunningApp> {
    return startApp({ platform, providers: [TaskGateway, Tasks], ...setup });
  }

  describe('A: a frame that comes while the client is still being authenticated', () => {
    it('is not handled before the verifier has spoken', async () => {
      const verdict = deferred();
      const app = await start({
        options: { auth: { verify: async () => verdict.promise.then(() => ({ id: 'ada' })) } },
      });
      const tasks = app.get(Tasks);
      const client = await app.open();
      client.send({ type: 'hello', token: 'any' });
      client.send({ type: 'request', id: '1', event: 'who' });
      await serverHasRead(client);
      await turns(10);
      expect(tasks.users).toEqual([]);
      verdict.resolve();
      await client.answer('1');
      expect(tasks.users).toEqual(['ada']);
    });

    it('is not handled before the connect hook is done', async () => {
      const app = await start();
      const tasks = app.get(Tasks);
      const loaded = deferred();
      tasks.profile = loaded.promise;
      const client = await app.open();
      client.send({ type: 'hello', token: 'token-ada' });
      client.send({ type: 'request', id: '1', event: 'who' });
      await serverHasRead(client);
      await turns(10);
      expect(tasks.users).toEqual([]);
      loaded.resolve();
      expect(await client.answer('1')).toMatchObject({ payload: 'profile of ada' });
    });

    it('is never handled if the client turns out to be nobody', async () => {
      const verdict = deferred();
      const app = await start({
        options: { auth: { verify: async () => verdict.promise.then(() => undefined) } },
      });
      const client = await app.open();
      client.send({ type: 'hello', token: 'any' });
      client.send({ type: 'request', id: '1', event: 'who' });
      await serverHasRead(client);
      verdict.resolve();
      expect(await client.closed).toMatchObject({ code: 4401 });
      expect(app.get(Tasks).users).toEqual([]);
      expect(client.unread).toEqual([]);
    });
  });

  describe('B: requests 1, 2 and 3 of which the first takes longest', () => {
    it('are answered in order, each with its id, because one runs at a time', async () => {
      const app = await start();
      const tasks = app.get(Tasks);
      const client = await app.connect();
      for (const id of ['1', '2', '3']) {
        client.send({ type: 'request', id, event: 'task', payload: id });
      }
      await serverHasRead(client);
      // Ended in the order in which stock Nest would answer.
      for (const id of ['3', '2']) tasks.end(id).resolve();
      await turns(10);
      expect(tasks.started).toEqual(['1']);
      expect(client.unread).toEqual([]);
      tasks.end('1').resolve();
      expect([
        await client.nextFrame(),
        await client.nextFrame(),
        await client.nextFrame(),
      ]).toEqual(['1', '2', '3'].map((id) => ({ type: 'response', id, payload: `done ${id}` })));
      expect(tasks.started).toEqual(['1', '2', '3']);
    });

    it('are answered as they complete, each with its id, with handlers.concurrency 3', async () => {
      const app = await start({ options: { handlers: { concurrency: 3 } } });
      const tasks = app.get(Tasks);
      const client = await app.connect();
      for (const id of ['1', '2', '3', '4']) {
        client.send({ type: 'request', id, event: 'task', payload: id });
      }
      await until(() => tasks.started.length === 3);
      await serverHasRead(client);
      expect(tasks.started).toEqual(['1', '2', '3']);
      for (const id of ['3', '2', '1', '4']) {
        tasks.end(id).resolve();
        expect(await client.nextFrame()).toEqual({
          type: 'response',
          id,
          payload: `done ${id}`,
        });
      }
    });

    it('of two clients do not wait for each other', async () => {
      const app = await start();
      const tasks = app.get(Tasks);
      const [slow, fast] = [await app.connect(), await app.connect('token-jane')];
      slow.send({ type: 'request', id: '1', event: 'task', payload: 'slow' });
      await until(() => tasks.started.length === 1);
      tasks.end('fast').resolve();
      expect(await fast.request('1', 'task', 'fast')).toMatchObject({ payload: 'done fast' });
      tasks.end('slow').resolve();
      expect(await slow.answer('1')).toMatchObject({ payload: 'done slow' });
    });
  });

  describe('C: a request that no handler answers to', () => {
    it('gets an error under its id', async () => {
      const app = await start();
      const client = await app.connect();
      expect(await client.request('1', 'no-such-event', { text: 'secret' })).toEqual({
        type: 'error',
        id: '1',
        code: 'unknown-event',
        message: 'no handler answers to this event',
        retryable: false,
      });
    });

    it('gets its error at once, although a handler is running', async () => {
      const app = await start();
      const client = await app.connect();
      client.send({ type: 'request', id: '1', event: 'task', payload: '1' });
      expect(await client.request('2', 'no-such-event')).toMatchObject({ code: 'unknown-event' });
      app.get(Tasks).end('1').resolve();
      await client.answer('1');
    });
  });

  describe('D: an error', () => {
    it('has the id of its request and does not give the payload back', async () => {
      const app = await start();
      const client = await app.connect();
      const answer = await client.request('7', 'fail', { password: 'hunter2' });
      expect(answer).toMatchObject({ type: 'error', id: '7', code: 'internal' });
      expect(JSON.stringify(answer)).not.toMatch(/hunter2|password|cannot handle/);
    });
  });

  describe('E: app.close()', () => {
    it('reaches clients as a going-away frame and then 1001', async () => {
      const app = await start();
      const client = await app.connect();
      const closing = app.close();
      const { code, reason } = await client.closed;
      await closing;
      expect({ code, reason }).toEqual({ code: 1001, reason: 'going away' });
      expect(client.unread).toEqual([
        { type: 'going-away', afterMs: 0, windowMs: expect.any(Number) },
      ]);
    });

    it('lets the requests that run be answered first', async () => {
      const app = await start();
      const client = await app.connect();
      client.send({ type: 'request', id: '1', event: 'task', payload: '1' });
      await until(() => app.get(Tasks).started.length === 1);
      const closing = app.close();
      await client.next('going-away');
      app.get(Tasks).end('1').resolve();
      expect(await client.answer('1')).toEqual({ type: 'response', id: '1', payload: 'done 1' });
      expect(await client.closed).toMatchObject({ code: 1001 });
      await closing;
    });

    it('refuses new work meanwhile: requests with unavailable, handshakes with 503', async () => {
      const app = await start();
      const client = await app.connect();
      client.send({ type: 'request', id: '1', event: 'task', payload: '1' });
      await until(() => app.get(Tasks).started.length === 1);
      const closing = app.close();
      await client.next('going-away');
      expect(await client.request('2', 'who')).toMatchObject({
        code: 'unavailable',
        retryable: true,
      });
      await expect(app.open()).rejects.toThrow('503');
      app.get(Tasks).end('1').resolve();
      await closing;
    });

    it('waits for a request that does not end no longer than shutdown.drainMs', async () => {
      const app = await start({ options: { shutdown: { drainMs: 30 } } });
      const client = await app.connect();
      client.send({ type: 'request', id: '1', event: 'task', payload: 'endless' });
      await until(() => app.get(Tasks).started.length === 1);
      await app.close();
      expect(await client.closed).toMatchObject({ code: 1001 });
    });
  });

  describe('F: a client that stops reading', () => {
    const CHUNK = 'x'.repeat(65_536);
    const OUTBOX = 262_144;

    it('is closed with 4100 before more than the outbox waits for it, and others get everything', async () => {
      const app = await start({ options: { limits: { outboxBytes: OUTBOX } } });
      const sockets: Socket[] = [];
      app.server.on('connection', (socket: Socket) => sockets.push(socket));
      const stuck = await app.connect('token-stuck');
      const healthy = await app.connect('token-jane');
      stuck.socket.pause();

      let sent = 0;
      let mostWaiting = 0;
      while ((await app.rooms.connectionCount()) === 2) {
        await app.rooms.toAll('bulk', CHUNK);
        sent += 1;
        mostWaiting = Math.max(mostWaiting, sockets[0]!.writableLength);
        await healthy.next('message');
        expect(sent).toBeLessThan(2_000);
      }

      expect(mostWaiting).toBeGreaterThan(CHUNK.length);
      expect(mostWaiting).toBeLessThanOrEqual(OUTBOX);
      await app.rooms.toAll('bulk', CHUNK);
      await healthy.next('message');
      stuck.socket.resume();
      expect(await stuck.closed).toMatchObject({ code: 4100 });
      // What the operating system took before is still read, whole and in order, then the close.
      expect(stuck.unread.length).toBeLessThan(sent);
      expect(stuck.unread.every(({ type }) => type === 'message')).toBe(true);
    });
  });
});
