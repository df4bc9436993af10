import { describe, expect, it } from '@jest/globals';

import { UnauthorizedError } from '../../lib/client/index.js';
import { settle } from './support/fake-clock.js';
import { World } from './support/world.js';

/** One call of the token function, as the test answers it. */
interface Call {
  readonly resolve: (token: string) => void;
  readonly reject: (error: unknown) => void;
}

/** A token function whose calls are answered by the test. */
class Tokens {
  readonly calls: Call[] = [];

  readonly source = (): Promise<string> =>
    new Promise((resolve, reject) => {
      this.calls.push({ resolve, reject });
    });

  /** Answers the call of this number, from 1, with `token-` and the number. */
  async answer(number: number): Promise<void> {
    this.calls[number - 1]?.resolve(`token-${String(number)}`);
    await settle();
  }
}

const CONNECT_TIMEOUT_MS = 500;
const RECONNECT = { minDelayMs: 100, maxDelayMs: 100 };

function waitingWorld(tokens: Tokens): World {
  return new World({
    token: tokens.source,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    reconnect: RECONNECT,
  });
}

/** A world whose client was let in with the first token. */
async function worldWithFirst(tokens: Tokens): Promise<World> {
  const world = waitingWorld(tokens);
  await settle();
  await tokens.answer(1);
  await world.accept();
  return world;
}

/** The attempt runs out of time, and the next one begins. */
async function nextAttempt(world: World): Promise<void> {
  world.clock.advance(CONNECT_TIMEOUT_MS);
  expect(world.lastChange).toMatchObject({ state: 'waiting', reason: 'connect-timeout' });
  world.clock.advance(RECONNECT.minDelayMs);
  expect(world.client.state).toBe('connecting');
  await settle();
}

const askAgain = { type: 'authenticate', withinMs: 10_000 } as const;

/** The server goes away at once: the client moves while it is connected. */
function move(world: World): void {
  world.socket.receive({ type: 'going-away', afterMs: 0, windowMs: 0 });
  world.clock.advance(0);
}

describe('a token function', () => {
  it('that takes longer than an attempt is waited for by the next one', async () => {
    const tokens = new Tokens();
    const world = waitingWorld(tokens);
    await settle();
    await nextAttempt(world);
    await nextAttempt(world);
    expect(tokens.calls).toHaveLength(1);
    await tokens.answer(1);
    await world.accept();
    expect(world.client.state).toBe('connected');
    expect(world.socket.last('hello').token).toBe('token-1');
  });

  it('that answers between two attempts has answered the second', async () => {
    const tokens = new Tokens();
    const world = waitingWorld(tokens);
    await settle();
    world.clock.advance(CONNECT_TIMEOUT_MS);
    await tokens.answer(1);
    expect(world.sockets).toHaveLength(0);
    await world.reconnect();
    expect(tokens.calls).toHaveLength(1);
    expect(world.socket.last('hello').token).toBe('token-1');
  });

  it('that says unauthorized between two attempts stops the client for good', async () => {
    const tokens = new Tokens();
    const world = waitingWorld(tokens);
    await settle();
    world.clock.advance(CONNECT_TIMEOUT_MS);
    tokens.calls[0]?.reject(new UnauthorizedError());
    await settle();
    world.clock.advance(RECONNECT.minDelayMs);
    await settle();
    expect(world.client.state).toBe('closed');
    expect(world.reported).toEqual([expect.objectContaining({ code: 'unauthorized' })]);
  });

  it('is called once for a renewal and an attempt at the same time', async () => {
    const tokens = new Tokens();
    const world = await worldWithFirst(tokens);
    const { socket } = world;
    socket.receive(askAgain);
    move(world);
    await settle();
    expect(tokens.calls).toHaveLength(2);
    await tokens.answer(2);
    expect(socket.last('authenticate').token).toBe('token-2');
    expect(world.sockets).toHaveLength(2);
    world.socket.open();
    expect(world.socket.last('hello').token).toBe('token-2');
  });

  it('is called once for two questions of the server, and again for a third after it has answered', async () => {
    const tokens = new Tokens();
    const world = await worldWithFirst(tokens);
    world.socket.receive(askAgain);
    world.socket.receive(askAgain);
    await settle();
    expect(tokens.calls).toHaveLength(2);
    await tokens.answer(2);
    world.socket.receive(askAgain);
    await settle();
    await tokens.answer(3);
    const shown = world.socket.frames('authenticate').map(({ token }) => token);
    expect(shown).toEqual(['token-2', 'token-2', 'token-3']);
  });

  it('is called for each connection anew', async () => {
    const tokens = new Tokens();
    const world = await worldWithFirst(tokens);
    world.socket.drop();
    world.clock.advance(RECONNECT.minDelayMs);
    await settle();
    expect(tokens.calls).toHaveLength(2);
    await tokens.answer(2);
    await world.accept();
    expect(world.socket.last('hello').token).toBe('token-2');
  });

  it('is called again after a call that failed', async () => {
    const tokens = new Tokens();
    const world = waitingWorld(tokens);
    await settle();
    tokens.calls[0]?.reject(new Error('offline'));
    await settle();
    expect(world.lastChange).toMatchObject({ state: 'waiting', reason: 'token-failed' });
    world.clock.advance(RECONNECT.minDelayMs);
    await settle();
    await tokens.answer(2);
    await world.accept();
    expect(world.socket.last('hello').token).toBe('token-2');
  });

  it('is called again after 4401, also when a call from before is under way', async () => {
    const tokens = new Tokens();
    const world = await worldWithFirst(tokens);
    world.socket.receive(askAgain);
    await settle();
    world.socket.drop(4401, 'revoked');
    world.clock.advance(world.lastChange.delayMs ?? 0);
    await settle();
    expect(tokens.calls).toHaveLength(3);
    await tokens.answer(2);
    expect(world.sockets).toHaveLength(1);
    await tokens.answer(3);
    await world.accept();
    expect(world.socket.last('hello').token).toBe('token-3');
  });

  it('is called again when the connection that is left ends with 4401 before the next one said hello', async () => {
    const tokens = new Tokens();
    const world = await worldWithFirst(tokens);
    const { socket } = world;
    move(world);
    await settle();
    expect(tokens.calls).toHaveLength(2);
    socket.drop(4401, 'revoked');
    expect(world.lastChange).toMatchObject({ state: 'waiting', code: 4401 });
    await tokens.answer(2);
    world.clock.advance(world.lastChange.delayMs ?? 0);
    await settle();
    await tokens.answer(3);
    await world.accept();
    expect(world.sockets).toHaveLength(2);
    expect(world.socket.last('hello').token).toBe('token-3');
  });

  it('is not called again when the next connection has said hello before the one that is left ends with 4401', async () => {
    const tokens = new Tokens();
    const world = await worldWithFirst(tokens);
    const { socket } = world;
    move(world);
    await settle();
    await tokens.answer(2);
    world.socket.open();
    socket.drop(4401, 'revoked');
    expect(world.client.state).toBe('connecting');
    await world.accept();
    expect(world.client.state).toBe('connected');
    expect(tokens.calls).toHaveLength(2);
  });

  it('that never answers is called again after six times the time of an attempt', async () => {
    const tokens = new Tokens();
    const world = waitingWorld(tokens);
    await settle();
    // 600 ms each: the first that begins 3,000 ms after the call is the sixth.
    for (let attempt = 2; attempt <= 5; attempt += 1) await nextAttempt(world);
    expect(tokens.calls).toHaveLength(1);
    await nextAttempt(world);
    expect(tokens.calls).toHaveLength(2);
    await tokens.answer(1);
    expect(world.sockets).toHaveLength(0);
    await tokens.answer(2);
    await world.accept();
    expect(world.socket.last('hello').token).toBe('token-2');
  });

  it('whose answer nobody could use for as long is called again', async () => {
    const tokens = new Tokens();
    const world = waitingWorld(tokens);
    await settle();
    world.happen('hide');
    await tokens.answer(1);
    world.clock.advance(6 * CONNECT_TIMEOUT_MS);
    world.happen('wake');
    await settle();
    expect(tokens.calls).toHaveLength(2);
  });

  it('has ten seconds for an attempt, and a minute in all, by default', async () => {
    const tokens = new Tokens();
    const slow = new World({ token: tokens.source, reconnect: { minDelayMs: 1, maxDelayMs: 1 } });
    await settle();
    slow.clock.advance(59_000);
    await settle();
    expect(tokens.calls).toHaveLength(1);
    slow.clock.advance(11_000);
    await settle();
    expect(tokens.calls).toHaveLength(2);
  });
});
