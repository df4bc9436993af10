import { describe, expect, it } from '@jest/globals';
import { settle } from './support/fake-clock.js';
import { connectedWorld, World } from './support/world.js';

/** A world whose machine can sleep: `sleep` lets time pass that timers do not see. */
async function sleepyWorld(): Promise<{ world: World; sleep: (ms: number) => void }> {
  const world = new World();
  let sleptMs = 0;
  world.date = () => world.clock.now() + sleptMs;
  await world.accept();
  const sleep = (ms: number) => {
    sleptMs += ms;
  };
  return { world, sleep };
}

describe('a client that is told to look', () => {
  it.each(['wake', 'offline'] as const)(
    'asks the server at once at %s, and lives on with its answer',
    async (change) => {
      const world = await connectedWorld();
      world.happen(change);
      expect(world.socket.frames('ping')).toHaveLength(1);
      world.socket.receive({ type: 'pong' });
      world.clock.advance(5_000);
      expect(world.client.state).toBe('connected');
    },
  );

  it('gives a connection up that does not answer within 5 s', async () => {
    const world = await connectedWorld();
    world.happen('wake');
    world.clock.advance(4_999);
    expect(world.client.state).toBe('connected');
    world.clock.advance(1);
    expect(world.lastChange).toMatchObject({ state: 'waiting', reason: 'heartbeat-timeout' });
  });

  it('looks even where the server wants no heartbeat, once', async () => {
    const world = new World();
    await world.accept({ heartbeat: { intervalMs: 0, timeoutMs: 0 } });
    world.happen('wake');
    world.socket.receive({ type: 'pong' });
    world.clock.advance(5_000);
    expect(world.client.state).toBe('connected');
    expect(world.clock.pending).toBe(0);
  });

  it('tries at once at wake when it waits, and not when the network goes', async () => {
    const world = await connectedWorld();
    world.socket.drop();
    world.happen('offline');
    expect(world.client.state).toBe('waiting');
    world.happen('wake');
    world.happen('wake');
    await settle();
    expect(world.sockets).toHaveLength(2);
  });

  it('tries once in the shortest delay, however often it is told', async () => {
    const world = await connectedWorld({ reconnect: { minDelayMs: 1_000 } });
    world.socket.drop();
    for (let n = 0; n < 50; n += 1) {
      world.happen('wake');
      await settle();
      world.socket.drop();
      world.clock.advance(10);
    }
    expect(world.sockets).toHaveLength(2);
    world.clock.advance(500);
    expect(world.sockets).toHaveLength(3);
  });

  it('hears nothing before it begins and after it is closed', async () => {
    const world = new World({ autoConnect: false });
    expect(world.listeners.size).toBe(0);
    void world.client.connect();
    expect(world.listeners.size).toBe(1);
    world.client.close();
    expect(world.listeners.size).toBe(0);
    world.happen('wake');
    await settle();
    expect(world.client.state).toBe('closed');
  });
});

describe('a page that is left', () => {
  it('closes its connection, so that it may be kept, and says no goodbye', async () => {
    const world = await connectedWorld();
    world.happen('hide');
    expect(world.socket.closedWith).toEqual({ code: 4000, reason: 'hidden' });
    expect(world.lastChange).toMatchObject({ state: 'waiting', reason: 'hidden' });
    expect(world.lastChange.delayMs).toBeUndefined();
    world.clock.advance(600_000);
    expect(world.sockets).toHaveLength(1);
  });

  it('connects at once when it is shown again', async () => {
    const world = await connectedWorld();
    world.happen('hide');
    world.happen('wake');
    await world.accept();
    expect(world.client.state).toBe('connected');
    expect(world.sockets).toHaveLength(2);
  });

  it('gives up what was opening', async () => {
    const world = new World();
    await settle();
    world.happen('hide');
    expect(world.socket.isLive).toBe(false);
    expect(world.client.state).toBe('waiting');
  });

  it('closes both connections while it moves from one to the other', async () => {
    const world = await connectedWorld();
    world.socket.receive({ type: 'going-away', afterMs: 0, windowMs: 0 });
    world.clock.advance(0);
    await settle();
    world.happen('hide');
    expect(world.sockets.map(({ isLive }) => isLive)).toEqual([false, false]);
  });

  it('is closed for good by a close all the same', async () => {
    const world = await connectedWorld();
    world.happen('hide');
    world.client.close();
    world.happen('wake');
    expect(world.client.state).toBe('closed');
    expect(world.clock.pending).toBe(0);
  });
});

describe('a machine that slept', () => {
  it('asks the server as soon as the clock tells, not after the heartbeat', async () => {
    const { world, sleep } = await sleepyWorld();
    sleep(3_600_000);
    world.clock.advance(10_000);
    expect(world.socket.frames('ping')).toHaveLength(1);
    world.clock.advance(5_000);
    expect(world.lastChange.reason).toBe('heartbeat-timeout');
  });

  it('does not take an answer that it slept through for silence', async () => {
    const { world, sleep } = await sleepyWorld();
    world.clock.advance(30_000);
    expect(world.socket.frames('ping')).toHaveLength(1);
    sleep(3_600_000);
    world.clock.advance(15_000);
    expect(world.client.state).toBe('connected');
    expect(world.socket.frames('ping')).toHaveLength(2);
    world.socket.receive({ type: 'pong' });
    world.clock.advance(5_000);
    expect(world.client.state).toBe('connected');
  });

  it('was perhaps only busy: an answer that nobody had time to read is no silence', async () => {
    const { world, sleep } = await sleepyWorld();
    world.happen('wake');
    // Both are due at the end of six busy seconds, and timers come first.
    sleep(1_000);
    world.clock.advance(5_000);
    world.socket.receive({ type: 'pong' });
    world.clock.advance(5_000);
    expect(world.states).toEqual(['connecting', 'connected']);
  });

  it('does not mind a clock that is set back', async () => {
    const { world, sleep } = await sleepyWorld();
    sleep(-3_600_000);
    world.clock.advance(29_999);
    expect(world.socket.frames('ping')).toHaveLength(0);
    world.clock.advance(1);
    expect(world.socket.frames('ping')).toHaveLength(1);
  });
});

describe('a server that says when to come back', () => {
  it('is believed, also before it has let the client in', async () => {
    const world = new World();
    await settle();
    world.socket.open();
    const error = { code: 'rate-limited', message: 'x', retryable: true, retryAfterMs: 60_000 };
    world.socket.receive({ type: 'error', ...error });
    world.socket.drop(4429);
    expect(world.lastChange).toMatchObject({ state: 'waiting', delayMs: 60_000 });
    expect(world.reported).toEqual([]);
  });

  it('is believed whatever happens around the client', async () => {
    const world = new World();
    await settle();
    world.socket.open();
    const error = { code: 'rate-limited', message: 'x', retryable: true, retryAfterMs: 60_000 };
    world.socket.receive({ type: 'error', ...error });
    world.socket.drop(4429);
    world.clock.advance(20_000);
    world.happen('wake');
    expect(world.client.state).toBe('waiting');
    world.clock.advance(39_999);
    expect(world.sockets).toHaveLength(1);
    world.clock.advance(1);
    expect(world.sockets).toHaveLength(2);
  });

  it('is believed on a connection, which hears of it as well', async () => {
    const world = await connectedWorld();
    const error = { code: 'rate-limited', message: 'x', retryable: true, retryAfterMs: 60_000 };
    world.socket.receive({ type: 'error', ...error });
    world.clock.advance(10_000);
    world.socket.drop(4429);
    expect(world.lastChange.delayMs).toBe(50_000);
    expect(world.reported).toMatchObject([{ code: 'rate-limited' }]);
  });
});
