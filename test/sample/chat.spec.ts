import { once } from 'node:events';

import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { RealtimeClient, type MessageInfo } from 'nestjs-realtime/client';
import { WebSocket } from 'ws';

import type { ChatContract, ChatMessage } from '../../sample/01-chat/src/chat.contract.js';
import { ChatProcess } from './support/chat-process.js';

let chat: ChatProcess;
const open: { close(): void }[] = [];

beforeAll(async () => {
  chat = await ChatProcess.start();
}, 30_000);

afterEach(() => {
  for (const connection of open.splice(0)) connection.close();
});

afterAll(async () => {
  await chat.stop();
});

describe('signing in', () => {
  it('gives everyone a token of their own, also under the same name', async () => {
    const [first, second] = await Promise.all([chat.signIn('Ann'), chat.signIn('Ann')]);

    expect(first).toMatch(/^[\w-]{43}$/);
    expect(second).not.toBe(first);
  });

  it.each([
    ['an empty name', { name: '' }],
    ['a name of blanks', { name: '   ' }],
    ['a name of 25 characters', { name: 'x'.repeat(25) }],
    ['a name that is no text', { name: 7 }],
    ['no name', {}],
  ])('refuses %s and says what a name has to be', async (_, body) => {
    const response = await chat.post('/sign-in', body);

    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      message: ['Please choose a name of 1 to 24 characters.'],
    });
  });

  it('cuts blanks off a name', async () => {
    const ann = await join(`  Ann${' '.repeat(24)}`);
    await ann.client.request('chat.send', { room: 'general', text: 'hi' });

    expect((await ann.received(1))[0]?.payload.from.name).toBe('Ann');
  });
});

describe('connecting', () => {
  it('closes a socket that shows no token, or a wrong one, with 4401', async () => {
    const closes = [{ type: 'hello' }, { type: 'hello', token: 'guessed' }].map(async (hello) => {
      const socket = await openSocket();
      socket.send(JSON.stringify(hello));
      const [code] = (await once(socket, 'close')) as [number];
      return code;
    });

    expect(await Promise.all(closes)).toEqual([4401, 4401]);
  });

  it('refuses the token of somebody who signed out', async () => {
    const token = await chat.signIn('Ann');
    await chat.post('/sign-out', {}, { authorization: `Bearer ${token}` });
    const socket = await openSocket();
    socket.send(JSON.stringify({ type: 'hello', token }));

    expect((await once(socket, 'close'))[0]).toBe(4401);
  });
});

describe('chatting', () => {
  it('brings a message to everyone in the room once, its sender included', async () => {
    const [ann, bob] = [await join('Ann'), await join('Bob')];

    const sent = await ann.client.request('chat.send', { room: 'general', text: 'hello' });
    await bob.client.request('chat.send', { room: 'general', text: 'hello yourself' });

    for (const messages of [await ann.received(2), await bob.received(2)]) {
      // The second message is the proof that the first one did not come twice.
      expect(messages.map(({ payload }) => [payload.from.name, payload.text])).toEqual([
        ['Ann', 'hello'],
        ['Bob', 'hello yourself'],
      ]);
      expect(messages[0]?.info.id).toBe(sent.id);
    }
  });

  it('keeps the rooms apart', async () => {
    const [ann, bob] = [await join('Ann', 'general'), await join('Bob', 'random')];

    await ann.client.request('chat.send', { room: 'random', text: 'to random' });
    await ann.client.request('chat.send', { room: 'general', text: 'to general' });

    expect((await ann.received(1)).map(({ payload }) => payload.text)).toEqual(['to general']);
    expect((await bob.received(1)).map(({ payload }) => payload.text)).toEqual(['to random']);
  });

  it('takes the sender from the session, whatever the message claims', async () => {
    const ann = await join('Ann');
    const forged = { room: 'general', text: 'hi', from: { id: 'bob', name: 'Bob' } };
    await ann.client.request('chat.send', forged);

    expect((await ann.received(1))[0]?.payload).toEqual({
      text: 'hi',
      from: { id: ann.client.user?.id, name: 'Ann' },
    });
  });

  it.each([
    ['an empty text', ''],
    ['a text of blanks', ' \n '],
    ['a text of 501 characters', 'x'.repeat(501)],
  ])('answers %s with validation-failed and its rule, and sends nothing', async (_, text) => {
    const ann = await join('Ann');

    await expect(ann.client.request('chat.send', { room: 'general', text })).rejects.toMatchObject({
      code: 'validation-failed',
      details: ['A message has 1 to 500 characters.'],
    });
    await ann.client.request('chat.send', { room: 'general', text: 'x'.repeat(500) });
    expect((await ann.received(1))[0]?.payload.text).toHaveLength(500);
  });

  it('answers a raw frame without payload under its id', async () => {
    const socket = await openSocket();
    socket.send(JSON.stringify({ type: 'hello', token: await chat.signIn('Ann') }));
    expect(await nextFrame(socket)).toMatchObject({ type: 'connected' });
    socket.send(JSON.stringify({ type: 'request', id: 'r1', event: 'chat.send' }));

    expect(await nextFrame(socket)).toMatchObject({
      type: 'error',
      id: 'r1',
      code: 'validation-failed',
      details: ['There is no such room.', 'A message has 1 to 500 characters.'],
    });
  });

  it('lets nobody listen to a room, or send to one, that is not on the list', async () => {
    const { client } = await join('Ann');

    await expect(client.room('chat/secret').subscribe()).rejects.toMatchObject({
      code: 'forbidden',
    });
    await expect(
      client.request('chat.send', { room: 'secret', text: 'psst' }),
    ).rejects.toMatchObject({ code: 'validation-failed', details: ['There is no such room.'] });
  });

  it('lets nobody publish past the gateway', async () => {
    const token = await chat.signIn('Ann');
    const client = new RealtimeClient(chat.realtimeUrl, { token, WebSocket });
    open.push(client);

    await expect(
      client.room('chat/general').publish('chat.message', { text: 'forged' }),
    ).rejects.toMatchObject({ code: 'forbidden' });
  });
});

describe('the process', () => {
  it('serves the rooms, the page and the client from the built package', async () => {
    const get = (path: string) => fetch(new URL(path, chat.url));
    const rooms = (await (await get('/rooms')).json()) as { name: string }[];

    expect(rooms.map(({ name }) => name)).toEqual(['general', 'random', 'support']);
    expect(await (await get('/')).text()).toContain('<script type="importmap">');
    expect(await (await get('/sdk/client/index.js')).text()).toContain('RealtimeClient');
  });

  it('prints its address and nothing else, and tells clients when it goes away', async () => {
    const other = await ChatProcess.start();
    const socket = await openSocket(other);
    socket.send(JSON.stringify({ type: 'hello', token: await other.signIn('Ann') }));
    await nextFrame(socket);
    const closed = once(socket, 'close');
    const goodbye = nextFrame(socket);
    const { signal, output } = await other.stop();

    expect(await goodbye).toMatchObject({ type: 'going-away' });
    expect((await closed)[0]).toBe(1001);
    // Nest ends by the signal that it got, once every hook has run.
    expect(signal).toBe('SIGTERM');
    expect(output).toBe(`Chat is running at ${other.url}\n`);
  }, 30_000);
});

interface Received {
  readonly payload: ChatMessage;
  readonly info: MessageInfo;
}

/** Signs in, connects and enters a room. */
async function join(name: string, roomName = 'general') {
  const token = await chat.signIn(name);
  const client = new RealtimeClient<ChatContract>(chat.realtimeUrl, { token, WebSocket });
  open.push(client);
  const room = client.room(`chat/${roomName}`);
  const messages: Received[] = [];
  let check = () => {};
  room.on('chat.message', (payload, info) => {
    messages.push({ payload, info });
    check();
  });
  await room.subscribe();
  /** Everything that came, once it is as many. */
  const received = (count: number) =>
    new Promise<readonly Received[]>((resolve) => {
      check = () => {
        if (messages.length >= count) resolve(messages);
      };
      check();
    });
  return { client, received };
}

async function openSocket(server = chat): Promise<WebSocket> {
  const socket = new WebSocket(server.realtimeUrl, 'realtime.v1.json');
  open.push({
    close: () => {
      socket.terminate();
    },
  });
  await once(socket, 'open');
  return socket;
}

async function nextFrame(socket: WebSocket): Promise<unknown> {
  const [data] = (await once(socket, 'message')) as [Buffer];
  return JSON.parse(data.toString('utf8'));
}
