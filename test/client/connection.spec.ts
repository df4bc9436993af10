import { describe, expect, it, jest } from '@jest/globals';
import { UnauthorizedError } from '../../lib/client/index.js';
import { settle } from './support/fake-clock.js';
import { FakeSocket } from './support/fake-socket.js';
import { connectedWorld, outcome, World } from './support/world.js';

describe('opening', () => {
  it('connects by itself after the handlers of the same turn are in place', async () => {
    const world = new World();
    expect(world.client.state).toBe('idle');
    await settle();
    expect(world.states).toEqual(['connecting']);
  });

  it('waits to be asked with autoConnect: false', async () => {
    const world = new World({ autoConnect: false });
    await settle();
    expect(world.sockets).toHaveLength(0);
    const ready = world.client.connect();
    await world.accept();
    await expect(ready).resolves.toBeUndefined();
  });

  it('offers the subprotocol and says hello with token, client key and rooms', async () => {
    const world = new World({ token: 'token-ada' });
    world.client.room('chat/general').on('chat.message', () => undefined);
    const socket = await world.accept();
    expect(socket.url).toBe('wss://example.test/realtime');
    expect(socket.protocols).toEqual(['realtime.v1.json']);
    expect(socket.sent).toEqual([
      {
        type: 'hello',
        clientKey: '0123456789abcdef0123456789abcdef',
        attempt: 1,
        rooms: [{ room: 'chat/general' }],
        token: 'token-ada',
      },
    ]);
  });

  it('counts its attempts, so that the server knows the newest connection', async () => {
    const world = await connectedWorld();
    const attempts = [world.socket.last('hello').attempt];
    for (let n = 0; n < 2; n += 1) {
      world.socket.drop();
      await world.reconnect();
      attempts.push(world.socket.last('hello').attempt);
    }
    expect(attempts).toEqual([...new Set(attempts)].sort((a, b) => Number(a) - Number(b)));
    expect(attempts).not.toContain(undefined);
  });

  it('leaves the token out when there is none or an empty one', async () => {
    expect((await connectedWorld()).socket.last('hello')).not.toHaveProperty('token');
    const empty = await connectedWorld({ token: () => '' });
    expect(empty.socket.last('hello')).not.toHaveProperty('token');
  });

  it('knows connection and user only while connected', async () => {
    const world = await connectedWorld();
    expect(world.client.connectionId).toBe('c-1');
    expect(world.client.user).toEqual({ id: 'ada' });
    world.socket.drop();
    expect(world.client.connectionId).toBeUndefined();
    expect(world.client.user).toBeUndefined();
  });

  it('tells one event for each transition, in order, also those that a handler causes', async () => {
    const world = new World();
    const heard: string[] = [];
    world.client.on('state', ({ state }) => {
      if (state === 'connected') world.client.close();
    });
    world.client.on('state', ({ previous, state }) => heard.push(`${previous}>${state}`));
    await world.accept();
    expect(heard).toEqual(['idle>connecting', 'connecting>connected', 'connected>closed']);
  });

  it('gives an attempt up after connectTimeoutMs, whatever it was waiting for', async () => {
    const world = new World({ connectTimeoutMs: 500, token: () => new Promise(() => undefined) });
    await settle();
    world.clock.advance(500);
    expect(world.lastChange).toMatchObject({ state: 'waiting', reason: 'connect-timeout' });
    const silent = new World({ connectTimeoutMs: 500 });
    await settle();
    silent.socket.open();
    silent.clock.advance(500);
    expect(silent.socket.closedWith?.code).toBe(4408);
    expect(silent.client.state).toBe('waiting');
  });

  it('closes for good when the runtime refuses the URL', async () => {
    class Refusing extends FakeSocket {
      constructor(url: string) {
        super(url);
        throw new SyntaxError('bad URL');
      }
    }
    const world = new World({ WebSocket: Refusing });
    await expect(world.client.connect()).rejects.toMatchObject({ code: 'invalid-url' });
    expect(world.client.state).toBe('closed');
    expect(world.clock.pending).toBe(0);
  });
});

describe('credentials', () => {
  it('calls the token function before every attempt', async () => {
    const token = jest.fn(() => Promise.resolve(`token-${String(token.mock.calls.length)}`));
    const world = await connectedWorld({ token });
    expect(world.socket.last('hello').token).toBe('token-1');
    world.socket.drop(4401, 'expired');
    expect(world.client.state).toBe('waiting');
    await world.reconnect();
    expect(world.socket.last('hello').token).toBe('token-2');
  });

  it('retries with backoff when the token function throws, and says why', async () => {
    const failure = new Error('offline');
    const world = new World({
      token: () => {
        throw failure;
      },
    });
    const errors: unknown[] = [];
    world.client.on('error', (error) => errors.push(error));
    await settle();
    expect(world.lastChange).toMatchObject({ state: 'waiting', reason: 'token-failed' });
    expect(errors).toEqual([expect.objectContaining({ code: 'token-failed', cause: failure })]);
    expect(world.sockets).toHaveLength(0);
  });

  it('stops for good when the token function says unauthorized', async () => {
    const world = new World({ token: () => Promise.reject(new UnauthorizedError()) });
    await expect(world.client.connect()).rejects.toMatchObject({ code: 'unauthorized' });
    expect(world.client.state).toBe('closed');
    expect(world.clock.pending).toBe(0);
  });

  it.each([['token-ada'], [undefined]])('stops at 4401 with the fixed token %s', async (token) => {
    const world = await connectedWorld({ token });
    world.socket.drop(4401);
    expect(world.client.state).toBe('closed');
    await expect(world.client.connect()).rejects.toMatchObject({ code: 'unauthorized' });
  });

  it('ignores a token that arrives after the attempt was given up', async () => {
    let resolve: (token: string) => void = () => undefined;
    const token = () => new Promise<string>((done) => (resolve = done));
    const world = new World({ token });
    await settle();
    world.client.close();
    resolve('late');
    await settle();
    expect(world.sockets).toHaveLength(0);
  });

  it('shows fresh credentials when the server asks for them', async () => {
    let count = 0;
    const world = await connectedWorld({ token: () => `token-${String((count += 1))}` });
    world.socket.receive({ type: 'authenticate', withinMs: 10_000 });
    await settle();
    expect(world.socket.last('authenticate').token).toBe('token-2');
    world.socket.receive({ type: 'authenticated', id: world.socket.last('authenticate').id });
    expect(world.reported).toEqual([]);
  });

  it('tells that fresh credentials were refused, and goes on with the old ones', async () => {
    const world = await connectedWorld({ token: () => 'token' });
    world.socket.receive({ type: 'authenticate', withinMs: 10_000 });
    await settle();
    const { id } = world.socket.last('authenticate');
    world.socket.receive({ type: 'error', id, code: 'forbidden', message: 'x', retryable: false });
    expect(world.reported).toEqual([expect.objectContaining({ code: 'forbidden' })]);
    expect(world.client.state).toBe('connected');
  });

  it('leaves it to the server what follows when fresh credentials cannot be had', async () => {
    let isOnline = true;
    const world = await connectedWorld({
      token: () => (isOnline ? 'token' : Promise.reject(new Error('offline'))),
    });
    isOnline = false;
    world.socket.receive({ type: 'authenticate', withinMs: 10_000 });
    await settle();
    expect(world.client.state).toBe('connected');
    expect(world.reported).toEqual([expect.objectContaining({ code: 'token-failed' })]);
    const fixed = await connectedWorld({ token: 'fixed' });
    fixed.socket.receive({ type: 'authenticate', withinMs: 10_000 });
    await settle();
    expect(fixed.socket.frames('authenticate')).toEqual([]);
  });
});

describe('closing', () => {
  it('says goodbye with 1000 and never comes back', async () => {
    const world = await connectedWorld();
    world.client.close();
    expect(world.socket.closedWith?.code).toBe(1000);
    expect(world.lastChange).toMatchObject({ state: 'closed', code: 1000, reason: 'closed' });
    world.clock.advance(1_000_000);
    expect(world.sockets).toHaveLength(1);
    await expect(world.client.connect()).rejects.toMatchObject({ code: 'closed' });
    expect(world.reported).toEqual([]);
  });

  it.each(['connecting', 'waiting'])('ends everything while %s', async (state) => {
    const world = new World();
    const ready = outcome(world.client.connect());
    const request = outcome(world.client.request('a'));
    await settle();
    if (state === 'waiting') world.socket.drop();
    expect(world.client.state).toBe(state);
    world.client.close();
    expect(await ready).toMatchObject({ code: 'closed' });
    expect(await request).toMatchObject({ code: 'closed' });
    expect(world.clock.pending).toBe(0);
    expect(world.listeners.size).toBe(0);
    expect(world.sockets.filter(({ isLive }) => isLive)).toEqual([]);
    expect(await outcome(world.client.request('b'))).toMatchObject({ code: 'closed' });
  });

  it.each([
    [1000, 'closed'],
    [4300, 'closed'],
    [4301, 'closed'],
    [4400, 'closed'],
    [4403, 'forbidden'],
  ])('never comes back when the server closes with %i', async (code, error) => {
    const world = await connectedWorld();
    world.socket.drop(code, 'why');
    expect(world.lastChange).toMatchObject({ state: 'closed', code, reason: 'why' });
    const failure = await outcome(world.client.request('a'));
    expect(failure).toMatchObject({ code: error, details: { code, reason: 'why' } });
    world.clock.advance(1_000_000);
    expect(await outcome(world.client.connect())).toMatchObject({ code: error });
    expect(world.sockets).toHaveLength(1);
  });

  it('leaves a late event of a socket that it gave up alone', async () => {
    const world = await connectedWorld();
    const [old] = world.sockets;
    old?.receiveRaw('{');
    expect(old?.closedWith?.code).toBe(4400);
    await world.reconnect();
    old?.drop(4300);
    old?.receiveRaw('{');
    expect(world.client.state).toBe('connected');
  });
});
