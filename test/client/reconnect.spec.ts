import { describe, expect, it } from '@jest/globals';
import { backoffDelay } from '../../lib/client/backoff.js';
import { connectedWorld, World } from './support/world.js';
import { settle } from './support/fake-clock.js';

describe('coming back', () => {
  it('waits a random time between the shortest delay and its doubling, up to the longest', () => {
    const bounds = { minDelayMs: 1_000, maxDelayMs: 30_000 };
    expect(backoffDelay(1, bounds, 0)).toBe(1_000);
    expect(backoffDelay(1, bounds, 0.5)).toBe(1_500);
    expect(backoffDelay(3, bounds, 0.5)).toBe(4_500);
    expect(backoffDelay(2_000, bounds, 0.999_999)).toBeCloseTo(30_000, 0);
  });

  it('reconnects with growing delays until a connection has lasted', async () => {
    const world = await connectedWorld();
    const delays: (number | undefined)[] = [];
    for (let attempt = 0; attempt < 4; attempt += 1) {
      world.socket.drop();
      delays.push(world.lastChange.delayMs);
      await world.reconnect();
    }
    expect(delays).toEqual([1_500, 2_500, 4_500, 8_500]);
    world.clock.advance(5_000);
    world.socket.drop();
    expect(world.lastChange.delayMs).toBe(1_500);
  });

  it('starts from the shortest delay again with each open connection where none has to last', async () => {
    const world = await connectedWorld({ reconnect: { stableAfterMs: 0 } });
    for (let attempt = 0; attempt < 3; attempt += 1) {
      world.socket.drop();
      expect(world.lastChange.delayMs).toBe(1_500);
      world.clock.advance(1_500);
      await settle();
      world.socket.drop();
      expect(world.lastChange.delayMs).toBe(2_500);
      await world.reconnect();
    }
  });

  it('T-03 does not take a connection that broke too early for a success', async () => {
    const world = await connectedWorld();
    world.socket.drop();
    await world.reconnect();
    world.clock.advance(4_999);
    world.socket.drop();
    expect(world.lastChange.delayMs).toBe(2_500);
  });

  it.each([1001, 1012, 4000])(
    'reconnects within the shortest delay after %i, once',
    async (code) => {
      const world = await connectedWorld();
      world.socket.drop(code);
      expect(world.lastChange).toMatchObject({ state: 'waiting', code, delayMs: 500 });
      await world.reconnect();
      world.socket.drop(code);
      expect(world.lastChange.delayMs).toBe(2_500);
    },
  );

  it('comes back when the server that goes away said, counted from then', async () => {
    const world = await connectedWorld();
    world.socket.receive({ type: 'going-away', afterMs: 2_000, windowMs: 4_000 });
    expect(world.client.state).toBe('connected');
    world.clock.advance(500);
    world.socket.drop(1001);
    expect(world.lastChange.delayMs).toBe(3_500);
    await world.reconnect();
    world.socket.drop();
    expect(world.lastChange.delayMs).toBe(2_500);
  });

  it('comes back when a server said once, and with growing delays if nobody is there then', async () => {
    const world = await connectedWorld();
    world.socket.receive({ type: 'going-away', afterMs: 2_000, windowMs: 0 });
    world.socket.drop(1001);
    const delays: unknown[] = [world.lastChange.delayMs];
    for (let attempt = 0; attempt < 3; attempt += 1) {
      world.clock.advance(world.lastChange.delayMs ?? 0);
      await settle();
      world.socket.drop();
      delays.push(world.lastChange.delayMs);
    }
    expect(delays).toEqual([2_000, 2_500, 4_500, 8_500]);
  });

  it('reconnects at once when the network is back', async () => {
    const world = await connectedWorld();
    world.socket.drop();
    world.happen('wake');
    expect(world.client.state).toBe('connecting');
    await world.accept();
    world.clock.advance(29_000);
    expect(world.sockets).toHaveLength(2);
  });

  it('T-06 is back within the longest delay after ten minutes of refusals', async () => {
    const world = await connectedWorld();
    world.random = 0.999;
    const { clock, sockets } = world;
    world.socket.drop();
    for (const end = clock.now() + 600_000; clock.now() < end;) {
      const { delayMs = 0 } = world.lastChange;
      expect(delayMs).toBeLessThanOrEqual(30_000);
      clock.advance(delayMs);
      await settle();
      world.socket.drop();
    }
    // Some at first, then one in half a minute.
    expect(sockets.length).toBeLessThan(30);
    await world.reconnect();
    expect(world.client.state).toBe('connected');
  });

  it('T-06 is back at once after ten minutes of refusals when the network says so', async () => {
    const world = await connectedWorld();
    world.socket.drop();
    for (let attempt = 0; attempt < 20; attempt += 1) {
      world.clock.advance(world.lastChange.delayMs ?? 0);
      await settle();
      world.socket.drop();
    }
    const { length } = world.sockets;
    world.happen('wake');
    await world.accept();
    expect(world.client.state).toBe('connected');
    expect(world.sockets).toHaveLength(length + 1);
  });

  it('tries fresh credentials soon, and once only: they may be no better', async () => {
    const world = await connectedWorld({ token: () => 'a token' });
    world.socket.drop();
    world.clock.advance(world.lastChange.delayMs ?? 0);
    await settle();
    world.socket.open();
    world.socket.drop(4401);
    expect(world.lastChange.delayMs).toBeLessThanOrEqual(1_000);
    world.clock.advance(world.lastChange.delayMs ?? 0);
    await settle();
    world.socket.open();
    world.socket.drop(4401);
    expect(world.lastChange.delayMs).toBeGreaterThanOrEqual(1_000);
  });

  it('tries fresh credentials soon each time that they run out on a lasting connection', async () => {
    const world = await connectedWorld({ token: () => 'a token' });
    for (let time = 0; time < 2; time += 1) {
      world.clock.advance(5_000);
      world.socket.drop(4401);
      expect(world.lastChange.delayMs).toBe(500);
      await world.reconnect();
    }
  });

  it('does not wait any longer when it is told to connect', async () => {
    const world = await connectedWorld();
    world.socket.drop();
    expect(world.client.state).toBe('waiting');
    const ready = world.client.connect();
    expect(world.client.state).toBe('connecting');
    await world.accept();
    await ready;
    world.clock.advance(60_000);
    expect(world.sockets.filter(({ isLive }) => isLive)).toHaveLength(1);
  });

  it('gives up after maxAttempts in a row', async () => {
    const world = new World({ reconnect: { maxAttempts: 2 } });
    await settle();
    for (let attempt = 0; attempt < 2; attempt += 1) {
      world.socket.drop();
      world.clock.advance(world.lastChange.delayMs ?? 0);
    }
    world.socket.drop();
    expect(world.client.state).toBe('closed');
    expect(world.sockets).toHaveLength(3);
    await expect(world.client.connect()).rejects.toMatchObject({ code: 'attempts-exhausted' });
  });

  it('never reconnects with maxAttempts: 0', async () => {
    const world = await connectedWorld({ reconnect: { maxAttempts: 0 } });
    world.socket.drop();
    expect(world.client.state).toBe('closed');
  });
});

describe('liveness', () => {
  it('pings after the interval without traffic and gives up after the timeout', async () => {
    const world = await connectedWorld();
    world.clock.advance(29_999);
    expect(world.socket.frames('ping')).toHaveLength(0);
    world.clock.advance(1);
    expect(world.socket.frames('ping')).toHaveLength(1);
    world.clock.advance(14_999);
    expect(world.client.state).toBe('connected');
    world.clock.advance(1);
    expect(world.lastChange).toMatchObject({ state: 'waiting', reason: 'heartbeat-timeout' });
    expect(world.socket.closedWith?.code).toBe(4408);
  });

  it('takes any traffic for a sign of life', async () => {
    const world = await connectedWorld();
    for (let round = 0; round < 10; round += 1) {
      world.clock.advance(20_000);
      world.socket.receive({ type: 'pong' });
    }
    expect(world.socket.frames('ping')).toHaveLength(0);
    world.clock.advance(30_000);
    world.socket.receive({ type: 'message', event: 'x', id: '1', timestamp: 1 });
    world.clock.advance(29_999);
    expect(world.client.state).toBe('connected');
    expect(world.socket.frames('ping')).toHaveLength(1);
  });

  it('asks before it gives up, however late its timers run', async () => {
    const world = await connectedWorld();
    world.clock.sleep(600_000);
    world.clock.advance(0);
    expect(world.client.state).toBe('connected');
    expect(world.socket.frames('ping')).toHaveLength(1);
    world.socket.receive({ type: 'pong' });
    world.clock.advance(15_000);
    expect(world.client.state).toBe('connected');
  });

  it('does not check when the interval is 0, and leaves time to answer when the timeout is short', async () => {
    const off = new World();
    await off.accept({ heartbeat: { intervalMs: 0, timeoutMs: 0 } });
    expect(off.clock.pending).toBe(0);
    const short = new World();
    await short.accept({ heartbeat: { intervalMs: 1_000, timeoutMs: 1_000 } });
    short.clock.advance(1_499);
    expect(short.client.state).toBe('connected');
    short.clock.advance(1);
    expect(short.client.state).toBe('waiting');
  });
});

describe('frames that cannot be read', () => {
  it('ignores types of later versions', async () => {
    const world = await connectedWorld();
    world.socket.receiveRaw('{"type":"hologram"}');
    expect(world.client.state).toBe('connected');
    expect(world.reported).toEqual([]);
  });

  it.each(['nonsense', '[]', '{}', new Uint8Array(1)])(
    'closes with 4400 at %p and reconnects',
    async (data) => {
      const world = await connectedWorld();
      world.socket.receiveRaw(data);
      expect(world.socket.closedWith?.code).toBe(4400);
      expect(world.lastChange).toMatchObject({ state: 'waiting', reason: 'bad-frame' });
    },
  );

  it('fails the call whose answer breaks its rules and goes on', async () => {
    const world = await connectedWorld();
    const request = world.client.request('a');
    const { id } = world.socket.last('request');
    world.socket.receiveRaw(JSON.stringify({ type: 'error', id, code: 5 }));
    await expect(request).rejects.toMatchObject({ code: 'invalid-field' });
    expect(world.reported).toEqual([expect.objectContaining({ code: 'invalid-field' })]);
    expect(world.client.state).toBe('connected');
  });

  it('ignores what comes before connected, and a second connected', async () => {
    const world = new World();
    await settle();
    world.socket.open();
    world.socket.receive({ type: 'message', event: 'x', id: '1', timestamp: 1 });
    expect(world.client.state).toBe('connecting');
    await world.accept();
    await world.accept({ connectionId: 'other' });
    expect(world.client.connectionId).toBe('c-1');
  });
});
