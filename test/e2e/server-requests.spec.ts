import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ConnectedSocket, SubscribeMessage } from '@nestjs/websockets';

import {
  RealtimeConnection,
  RealtimeError,
  RealtimeGateway,
  RealtimeRoom,
  REALTIME_BROKER,
  RoomService,
  type RoomPolicy,
} from '../../lib/index.js';
import type { RawClient } from '../../lib/testing/index.js';
import { closeApps, platforms, startApp, type RunningApp } from '../support/nest-app.js';
import { SharedBroker } from '../support/shared-broker.js';

@RealtimeRoom('team/:name')
class TeamRooms implements RoomPolicy {
  canSubscribe(): boolean {
    return true;
  }
}

@RealtimeGateway()
class AskGateway {
  constructor(private readonly rooms: RoomService) {}

  @SubscribeMessage('ask-me')
  askMe(@ConnectedSocket() client: RealtimeConnection): Promise<unknown> {
    return this.rooms.request(client, 'colour', { of: 'sky' });
  }
}

const providers = [TeamRooms, AskGateway];
const clients: RawClient[] = [];

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});

/** A client in a room, and the server's name of its connection. */
async function come(
  app: RunningApp,
  user: string,
  room = 'team/a',
): Promise<{ client: RawClient; connectionId: string }> {
  const client = await app.open();
  clients.push(client);
  client.send({ type: 'hello', token: `token-${user}`, rooms: [{ room }] });
  const { connectionId } = await client.next('connected');
  await client.next('subscribed');
  return { client, connectionId };
}

/** Answers the next request of the server. */
async function answer(client: RawClient, payload?: unknown): Promise<void> {
  const { id } = await client.next('request');
  client.send({ type: 'response', id, payload });
}

function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => (error as RealtimeError).code,
  );
}

describe.each(platforms)('a request of the server (%s)', (platform) => {
  let app: RunningApp;

  beforeAll(async () => {
    app = await startApp({ platform, providers, options: { limits: { clientRequests: 2 } } });
  });

  afterAll(closeApps);

  it('is answered by the client, also inside of a handler that the client waits for', async () => {
    const { client } = await come(app, 'ada');
    client.send({ type: 'request', id: '1', event: 'ask-me' });
    const asked = await client.next('request');
    expect(asked).toEqual({
      type: 'request',
      id: expect.stringMatching(/^[\w-]{1,64}$/),
      event: 'colour',
      payload: { of: 'sky' },
    });
    client.send({ type: 'response', id: asked.id, payload: { colour: 'blue' } });
    expect(await client.answer('1')).toEqual({
      type: 'response',
      id: '1',
      payload: { colour: 'blue' },
    });
  });

  it('resolves to undefined where the client only acknowledges', async () => {
    const { client, connectionId } = await come(app, 'ada');
    const reply = app.rooms.request(connectionId, 'hello');
    expect(await client.next('request')).not.toHaveProperty('payload');
    client.send({ type: 'error', id: 'unknown', code: 'no', message: 'no' });
    client.send({ type: 'response', id: 'unknown' });
    const again = app.rooms.request(connectionId, 'hello');
    await answer(client);
    expect(await again).toBeUndefined();
    client.socket.terminate();
    expect(await codeOf(reply)).toBe('unavailable');
  });

  it('rejects with the client’s code; its words are the cause, for the log only', async () => {
    const { client, connectionId } = await come(app, 'ada');
    const reply = app.rooms.request(connectionId, 'colour');
    const { id } = await client.next('request');
    client.send({ type: 'error', id, code: 'colour-blind', message: 'cannot see it' });
    const error = await reply.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(RealtimeError);
    expect(error).toMatchObject({
      code: 'colour-blind',
      message: 'the client refused the request',
      cause: 'cannot see it',
    });
  });

  it('rejects with timeout when the client is silent, and tells it', async () => {
    const { client, connectionId } = await come(app, 'ada');
    const reply = app.rooms.request(connectionId, 'colour', undefined, { timeoutMs: 20 });
    const { id } = await client.next('request');
    expect(await codeOf(reply)).toBe('timeout');
    expect(await client.next('cancel')).toEqual({ type: 'cancel', id });
  });

  it('rejects when its signal aborts', async () => {
    const { client, connectionId } = await come(app, 'ada');
    const abort = new AbortController();
    const { signal } = abort;
    const reply = app.rooms.request(connectionId, 'colour', undefined, { signal });
    await client.next('request');
    abort.abort();
    expect(await codeOf(reply)).toBe('cancelled');
    await client.next('cancel');
  });

  it('rejects with unavailable when nobody is there', async () => {
    expect(await codeOf(app.rooms.request('unheard-of', 'colour'))).toBe('unavailable');
  });

  it('rejects with rate-limited beyond limits.clientRequests', async () => {
    const { client, connectionId } = await come(app, 'ada');
    const open = [1, 2].map(() => app.rooms.request(connectionId, 'colour'));
    expect(await codeOf(app.rooms.request(connectionId, 'colour'))).toBe('rate-limited');
    for (const reply of open) {
      await answer(client, 'blue');
      await reply;
    }
  });

  it.each<[string, () => Promise<unknown>]>([
    ['an event', () => app.rooms.request('c', '')],
    ['a time of 0', () => app.rooms.request('c', 'e', 1, { timeoutMs: 0 })],
    ['a fraction', () => app.rooms.requestAll('team/a', 'e', 1, { timeoutMs: 1.5 })],
    ['a time no timer takes', () => app.rooms.request('c', 'e', 1, { timeoutMs: 2 ** 31 })],
    ['a room', () => app.rooms.requestAll('a//b', 'e')],
  ])('is checked: %s', async (_, ask) => {
    expect(await codeOf(ask())).toBe('invalid-field');
  });

  it('to a room names who answered, who refused, and who was silent', async () => {
    const room = 'team/mixed';
    const names = ['ada', 'bob', 'eve'];
    const [ada, bob, eve] = await Promise.all(names.map((name) => come(app, name, room)));
    await come(app, 'fay', 'team/other');
    const replies = app.rooms.requestAll(room, 'ready?', { at: 1 }, { timeoutMs: 300 });
    if (ada) await answer(ada.client, { ready: true });
    const { id } = (await bob?.client.next('request')) ?? { id: '' };
    bob?.client.send({ type: 'error', id, code: 'busy', message: 'later' });
    expect(await replies).toEqual({
      answers: [{ connectionId: ada?.connectionId, userId: 'ada', payload: { ready: true } }],
      refused: [{ connectionId: bob?.connectionId, userId: 'bob', code: 'busy', message: 'later' }],
      silent: [{ connectionId: eve?.connectionId, userId: 'eve' }],
    });
    expect(await eve?.client.next('cancel')).toBeDefined();
  });

  it('to an empty room has three empty lists', async () => {
    const nothing = { answers: [], refused: [], silent: [] };
    expect(await app.rooms.requestAll('team/empty', 'ready?')).toEqual(nothing);
  });
});

describe('two nodes', () => {
  afterAll(closeApps);

  it('ask each other’s clients, each once', async () => {
    const shared = new SharedBroker();
    const [one, other] = await Promise.all(
      [1, 2].map(() =>
        startApp({ providers, overrides: new Map([[REALTIME_BROKER, shared.forNode()]]) }),
      ),
    );
    if (one === undefined || other === undefined) throw new Error('expected two applications');
    const here = await come(one, 'ada');
    const there = await come(other, 'bob');
    const reply = one.rooms.request(there.connectionId, 'colour');
    await answer(there.client, 'red');
    expect(await reply).toBe('red');
    const replies = one.rooms.requestAll('team/a', 'ready?');
    await Promise.all([answer(here.client, 1), answer(there.client, 2)]);
    const { answers, refused, silent } = await replies;
    expect(answers.map(({ userId, payload }) => [userId, payload])).toEqual([
      ['ada', 1],
      ['bob', 2],
    ]);
    expect([refused, silent, here.client.unread, there.client.unread]).toEqual([[], [], [], []]);
  });
});
