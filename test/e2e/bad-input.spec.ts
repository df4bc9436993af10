/** Section 6 of PROTOCOL.md over real sockets: what a bad frame gets, and that nobody else notices. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { MessageBody, SubscribeMessage } from '@nestjs/websockets';

import { RealtimeGateway, RealtimeRoom, type RoomPolicy } from '../../lib/index.js';
import { MAX_DEPTH, SUBPROTOCOL } from '../../lib/protocol/index.js';
import { RawClient } from '../../lib/testing/index.js';
import { brokenFrames } from '../protocol/support/broken-fields.js';
import { goldenClientFrames } from '../protocol/support/golden-frames.js';
import { platforms, refusal, startApp, type RunningApp } from '../support/nest-app.js';

@RealtimeGateway()
class EchoGateway {
  @SubscribeMessage('echo')
  echo(@MessageBody() payload: unknown): unknown {
    return payload;
  }
}

@RealtimeRoom('open/:name', { events: { note: true } })
class OpenRooms implements RoomPolicy {
  canSubscribe(): boolean {
    return true;
  }

  canPublish(): boolean {
    return true;
  }
}

/** Messages that are no frame at all, by what they are. */
const noFrames: readonly (readonly [string, string | Buffer])[] = [
  ['nothing', ''],
  ['white space', ' \n'],
  ['no JSON', 'hello'],
  ['a JSON object that is cut off', '{"type":"ping"'],
  ['two JSON objects', '{"type":"ping"}{"type":"ping"}'],
  ['a JSON object with a comma too many', '{"type":"ping",}'],
  ['null', 'null'],
  ['true', 'true'],
  ['an array', '[]'],
  ['an array of frames', '[{"type":"ping"}]'],
  ['a number', '42'],
  ['NaN', 'NaN'],
  ['a string', '"ping"'],
  ['a byte order mark before a frame', '\uFEFF{"type":"ping"}'],
  ['an empty object', '{}'],
  ['a type that is a number', '{"type":7}'],
  ['a type that is null', '{"type":null}'],
  ['a type that is an object', '{"type":{"type":"ping"}}'],
  ['a type only in __proto__', '{"__proto__":{"type":"ping"}}'],
  ['a frame in a binary message', Buffer.from('{"type":"ping"}')],
  ['an empty binary message', Buffer.alloc(0)],
  ['random bytes in a binary message', Buffer.from([0, 255, 1, 254, 195, 40])],
  ['60 KB of brackets', '['.repeat(60_000)],
  ['60 KB of brackets in a payload', `{"type":"ping","payload":${'['.repeat(60_000)}`],
  [
    '60 KB of brackets that are closed',
    `{"type":"request","id":"1","event":"echo","payload":${'['.repeat(30_000)}${']'.repeat(30_000)}}`,
  ],
  [
    'one level more than allowed',
    `{"type":"request","id":"1","event":"echo","payload":${'['.repeat(MAX_DEPTH)}${']'.repeat(MAX_DEPTH)}}`,
  ],
];

/** Types that no client may send. */
const unknownTypes = [
  ...['nonsense', '', 'PING', 'ping ', '__proto__', 'constructor', 'toString', 'hasOwnProperty'],
  ...['connected', 'subscribed', 'message', 'going-away', 'pong'],
];

/** Frames with the id of something else: an error that carried it would be taken for its answer. */
const unanswerable: readonly string[] = ['credit', 'response', 'error', 'cancel'];

const brokenFields = brokenFrames(4, goldenClientFrames).map(
  (broken) => [broken.title, broken] as const,
);

const wireNames = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'then'];

describe.each(platforms)('bad input on %s', (platform) => {
  let app: RunningApp;
  let witness: RawClient;
  let asked = 0;
  let client: RawClient | undefined;

  beforeAll(async () => {
    app = await startApp({
      platform,
      options: { limits: { attemptBurst: 100_000, attemptsPerSecond: 100_000 } },
      providers: [EchoGateway, OpenRooms],
    });
    witness = await app.connect('token-witness');
  });

  // Another client is served as before, whatever came.
  afterEach(async () => {
    asked += 1;
    const id = String(asked);
    expect(await witness.request(id, 'echo', id)).toEqual({ type: 'response', id, payload: id });
    client?.socket.terminate();
    client = undefined;
  });

  afterAll(async () => {
    expect(witness.unread).toEqual([]);
    await app.close();
  });

  async function connected(): Promise<RawClient> {
    client = await app.connect();
    return client;
  }

  async function opened(): Promise<RawClient> {
    client = await app.open();
    return client;
  }

  /** Shows that the connection lives, and that nothing else was answered. */
  async function lives(connection: RawClient): Promise<void> {
    connection.send({ type: 'ping', id: 'alive' });
    expect(await connection.nextFrame()).toEqual({ type: 'pong', id: 'alive' });
  }

  describe('that is no frame', () => {
    it.each(noFrames)('is answered bad-frame and closes with 4400: %s', async (_what, message) => {
      const connection = await connected();
      connection.socket.send(message);
      const { code } = await connection.closed;
      expect(code).toBe(4400);
      expect(connection.unread).toEqual([
        { type: 'error', code: 'bad-frame', message: expect.any(String), retryable: false },
      ]);
    });

    it.each(noFrames)(
      'closes with 4400 and no answer before connected: %s',
      async (_what, message) => {
        const connection = await opened();
        connection.socket.send(message);
        expect(await connection.closed).toMatchObject({ code: 4400 });
        expect(connection.unread).toEqual([]);
      },
    );

    it('stops the frames behind it from being handled', async () => {
      const connection = await connected();
      connection.sendText('nonsense');
      connection.send({ type: 'request', id: '1', event: 'echo', payload: 1 });
      await connection.closed;
      expect(connection.unread.map(({ type }) => type)).toEqual(['error']);
    });
  });

  describe('of an unknown type', () => {
    it.each(unknownTypes)('is answered unknown-type under its id: %j', async (type) => {
      const connection = await connected();
      connection.sendText(JSON.stringify({ type, id: 'x', room: 'open/a', event: 'echo' }));
      expect(await connection.nextFrame()).toEqual({
        type: 'error',
        id: 'x',
        code: 'unknown-type',
        message: 'type: expected a known type of frame',
        retryable: false,
      });
      await lives(connection);
    });

    it.each([[undefined], [7], [''], ['x'.repeat(65)], [null], [{}]])(
      'is answered without id if the id cannot be one: %j',
      async (id) => {
        const connection = await connected();
        connection.sendText(JSON.stringify({ type: 'nonsense', id }));
        const answer = await connection.nextFrame();
        expect(answer).toMatchObject({ type: 'error', code: 'unknown-type' });
        expect(answer).not.toHaveProperty('id');
        await lives(connection);
      },
    );

    it.each(unknownTypes)('closes with 4400 before connected: %j', async (type) => {
      const connection = await opened();
      connection.sendText(JSON.stringify({ type, id: 'x' }));
      expect(await connection.closed).toMatchObject({ code: 4400 });
      expect(connection.unread).toEqual([]);
    });
  });

  describe('with a field that is missing or wrong', () => {
    const withType = brokenFields.filter(([, { field }]) => field !== 'type');
    it.each(withType)('is answered invalid-field: %s', async (_title, { frame, type, field }) => {
      const connection = await connected();
      connection.sendText(JSON.stringify(frame));
      const answer = await connection.nextFrame();
      expect(answer).toMatchObject({ type: 'error', code: 'invalid-field', retryable: false });
      expect((answer as { message: string }).message).toMatch(
        new RegExp(`^${type}\\.${field}: expected `),
      );
      const { id } = answer as { id?: string };
      const isUnnamed = field === 'id' || unanswerable.includes(type);
      expect(id).toBe(isUnnamed ? undefined : frame['id']);
      await lives(connection);
    });

    it.each(withType)('closes with 4400 before connected: %s', async (_title, { frame }) => {
      const connection = await opened();
      connection.sendText(JSON.stringify(frame));
      expect(await connection.closed).toMatchObject({ code: 4400 });
    });
  });

  describe('with names of things that every object has', () => {
    it.each(wireNames)('answers unknown-event for the event %s', async (event) => {
      const connection = await connected();
      expect(await connection.request('1', event)).toMatchObject({
        id: '1',
        code: 'unknown-event',
      });
    });

    it.each(wireNames)('answers unknown-room for the room %s', async (room) => {
      const connection = await connected();
      connection.send({ type: 'subscribe', id: '1', room });
      expect(await connection.answer('1')).toMatchObject({ code: 'unknown-room' });
    });

    it.each(wireNames)('takes a room open/%s for a room like any other', async (name) => {
      const connection = await connected();
      const room = `open/${name}`;
      connection.send({ type: 'subscribe', id: '1', room });
      expect(await connection.answer('1')).toMatchObject({ type: 'subscribed', room });
      connection.send({ type: 'publish', id: '2', room, event: 'note', payload: name });
      expect(await connection.next('message')).toMatchObject({ room, payload: name });
    });

    it.each(wireNames)('answers unknown-event for a publish of the event %s', async (event) => {
      const connection = await connected();
      connection.send({ type: 'publish', id: '1', room: 'open/a', event });
      expect(await connection.answer('1')).toMatchObject({ code: 'unknown-event' });
    });

    it.each(wireNames)('answers under the id %s', async (id) => {
      const connection = await connected();
      expect(await connection.request(id, 'echo', 1)).toEqual({ type: 'response', id, payload: 1 });
      // Not in use any more, and never was for another connection.
      expect(await connection.request(id, 'echo', 2)).toMatchObject({ payload: 2 });
    });

    it.each(wireNames)('ignores a cancel of the id %s', async (id) => {
      const connection = await connected();
      connection.send({ type: 'cancel', id });
      await lives(connection);
    });

    it('gives a payload back whose keys are such names', async () => {
      const connection = await connected();
      const payload = '{"__proto__":{"admin":true},"constructor":{"prototype":1}}';
      connection.sendText(`{"type":"request","id":"1","event":"echo","payload":${payload}}`);
      const answer = await connection.answer('1');
      expect(JSON.stringify((answer as { payload?: unknown }).payload)).toBe(payload);
      expect({}).not.toHaveProperty('admin');
    });
  });

  describe('at the wrong time', () => {
    it.each(
      goldenClientFrames
        .filter(({ type }) => type !== 'hello')
        .map((frame) => [frame.type, frame] as const),
    )('closes with 4400: %s before hello', async (_type, frame) => {
      const connection = await opened();
      connection.send(frame);
      expect(await connection.closed).toEqual({ code: 4400, reason: 'expected hello' });
      expect(connection.unread).toEqual([]);
    });

    it('closes with 4400: a second hello', async () => {
      const connection = await connected();
      connection.send({ type: 'hello', token: 'token-ada' });
      expect(await connection.closed).toMatchObject({ code: 4400 });
    });

    it('closes with 4400: a second hello right behind the first', async () => {
      const connection = await opened();
      connection.send({ type: 'hello', token: 'token-ada' });
      connection.send({ type: 'hello', token: 'token-ada' });
      expect(await connection.closed).toMatchObject({ code: 4400 });
    });

    it('closes with 4400: a hello on a plain connection that needs none', async () => {
      client = await app.open({
        protocols: [],
        socket: { headers: { authorization: 'Bearer token-ada' } },
      });
      await client.next('connected');
      client.send({ type: 'hello', token: 'token-ada' });
      expect(await client.closed).toMatchObject({ code: 4400 });
    });

    it('is answered duplicate-id: a request whose id is in use', async () => {
      const connection = await connected();
      connection.send({ type: 'request', id: '1', event: 'echo', payload: 'first' });
      connection.send({ type: 'request', id: '1', event: 'echo', payload: 'second' });
      const frames = [await connection.answer('1'), await connection.answer('1')];
      expect(frames).toEqual(
        expect.arrayContaining([
          { type: 'response', id: '1', payload: 'first' },
          expect.objectContaining({ type: 'error', id: '1', code: 'duplicate-id' }),
        ]),
      );
    });
  });

  describe('in the handshake', () => {
    it.each([[['graphql-ws']], [['realtime.v9.json', 'chat']]])(
      'closes with 4406: only unknown subprotocols %j',
      async (protocols) => {
        client = await app.open({ protocols });
        expect(client.socket.protocol).toBe(protocols[0]);
        expect(await client.closed).toEqual({ code: 4406, reason: `expected ${SUBPROTOCOL}` });
        expect(client.unread).toEqual([]);
      },
    );

    it('is no fault: our subprotocol among unknown ones', async () => {
      client = await app.open({ protocols: ['graphql-ws', SUBPROTOCOL] });
      expect(client.socket.protocol).toBe(SUBPROTOCOL);
      client.send({ type: 'hello', token: 'token-ada' });
      await client.next('connected');
    });

    it.each(['/', '/nowhere', '/realtime/..', '/__proto__', '/realtime%2f', '//realtime'])(
      'is answered 404, not hung up on: the path %s',
      async (path) => {
        expect(await refusal(app.url.replace('/realtime', path))).toBe(404);
      },
    );

    it('is answered 401: a plain connection with a bad token', async () => {
      const socket = { headers: { authorization: 'Bearer wrong' } };
      expect(await refusal(app.url, { protocols: [], socket })).toBe(401);
    });

    it('closes with 4401: a connection of our subprotocol with a bad token', async () => {
      client = await RawClient.open(app.url, {
        socket: { headers: { authorization: 'Bearer wrong' } },
      });
      expect(await client.closed).toMatchObject({ code: 4401 });
    });
  });

  it('that is too large closes with 1009', async () => {
    const connection = await connected();
    connection.sendText(`"${'x'.repeat(1_048_576)}"`);
    expect(await connection.closed).toMatchObject({ code: 1009 });
  });

  it('that is too large for a stranger closes with 1009 before connected', async () => {
    const connection = await opened();
    connection.sendText(`{"type":"hello","token":"${'x'.repeat(65_536)}"}`);
    expect(await connection.closed).toMatchObject({ code: 1009 });
  });

  it('is never given back in a message or a reason', async () => {
    for (const text of [
      '{"type":"secret-type","id":"1"}',
      '{"type":"subscribe","id":"1","room":"secret room!"}',
      '{"type":"subscribe","id":"1","room":"secret-room"}',
      '{"type":"request","id":"1","event":"secret-event"}',
      '{"type":"publish","id":"1","room":"open/a","event":"secret-event","payload":"secret"}',
      '{"type":"request","id":"1","event":7,"payload":"secret"}',
      'secret',
    ]) {
      const connection = await app.connect();
      connection.sendText(text);
      const answer = await connection.next('error');
      expect(JSON.stringify(answer)).not.toContain('secret');
      const closed = text === 'secret' ? await connection.closed : await connection.close();
      expect(closed.reason).not.toContain('secret');
    }
  });
});
