import { describe, expect, it } from '@jest/globals';
import type { FakeSocket } from './support/fake-socket.js';
import { connectedFrame, connectedWorld, World } from './support/world.js';

const { intervalMs, timeoutMs } = connectedFrame.heartbeat;
/** The longest time between two looks. Milliseconds. */
const TICK_MS = 10_000;

/** A client that was let in, and waits for a large upload to leave. */
async function uploading(bytes = 1_000_000): Promise<{ world: World; socket: FakeSocket }> {
  const world = await connectedWorld();
  const { socket } = world;
  socket.bufferedAmount = bytes;
  return { world, socket };
}

/** Lets the line take so many bytes at the end of each step. */
function take(world: World, bytes: number, { everyMs, times }: { everyMs: number; times: number }) {
  for (let n = 0; n < times; n += 1) {
    world.clock.advance(everyMs);
    world.socket.bufferedAmount -= bytes;
  }
}

describe('an upload over a slow line', () => {
  it('keeps its connection as long as it gets on, though nothing is heard', async () => {
    const { world, socket } = await uploading();
    take(world, 2_000, { everyMs: 1_000, times: 490 });
    expect([world.client.state, world.sockets.length, socket.isLive]).toEqual([
      'connected',
      1,
      true,
    ]);
  });

  it('may get on in large steps, as the send buffer of the system has them', async () => {
    const { world } = await uploading();
    take(world, 64_000, { everyMs: timeoutMs - TICK_MS, times: 15 });
    expect(world.states).toEqual(['connecting', 'connected']);
  });

  it('is given up in the usual time where it does not get on', async () => {
    const { world } = await uploading();
    world.clock.advance(timeoutMs - 1);
    expect(world.client.state).toBe('connected');
    world.clock.advance(1);
    expect(world.lastChange).toMatchObject({ state: 'waiting', reason: 'heartbeat-timeout' });
  });

  it('is given up that time after the look that saw it get on for the last time', async () => {
    const { world } = await uploading();
    take(world, 1_000, { everyMs: 5_000, times: 20 });
    world.clock.advance(TICK_MS);
    const { state } = world.client;
    world.clock.advance(timeoutMs - 1);
    expect([state, world.client.state]).toEqual(['connected', 'connected']);
    world.clock.advance(1);
    expect(world.lastChange.reason).toBe('heartbeat-timeout');
  });

  it('has the whole timeout for what the system took and the line did not', async () => {
    const { world, socket } = await uploading(100_000);
    take(world, 10_000, { everyMs: 5_000, times: 10 });
    expect(socket.bufferedAmount).toBe(0);
    world.clock.advance(timeoutMs - TICK_MS);
    expect(world.client.state).toBe('connected');
    socket.receive({ type: 'pong' });
    world.clock.advance(timeoutMs - 1);
    expect(world.client.state).toBe('connected');
  });

  it('keeps its connection when more is sent meanwhile', async () => {
    const { world, socket } = await uploading();
    for (let round = 0; round < 10; round += 1) {
      take(world, 5_000, { everyMs: 5_000, times: 6 });
      socket.bufferedAmount += 100_000;
    }
    expect(socket.bufferedAmount).toBeGreaterThan(1_000_000);
    expect(world.states).toEqual(['connecting', 'connected']);
  });

  it.each([
    ['its progress keeps the connection', 1, 'connected', 0],
    ['its standstill does not', 0, 'waiting', 1],
  ])('is looked at after a wake without heartbeats too: %s', async (_, bytes, state, timers) => {
    const world = new World();
    const socket = await world.accept({ heartbeat: { intervalMs: 0, timeoutMs: 0 } });
    socket.bufferedAmount = 1_000;
    world.happen('wake');
    take(world, bytes, { everyMs: 2_500, times: 2 });
    expect([world.client.state, world.clock.pending]).toEqual([state, timers]);
  });
});

describe('a line that is dead', () => {
  it('is found in the usual time though the system takes the ping, and what little is sent', async () => {
    const { world, socket } = await uploading(0);
    // A browser tells of the bytes of a turn that they wait, and in the next that they do not.
    for (let looks = 0; looks < 4; looks += 1) {
      socket.bufferedAmount = looks % 2 === 0 ? 100 : 0;
      world.clock.advance(looks === 3 ? timeoutMs - intervalMs - 1 : TICK_MS);
    }
    socket.bufferedAmount = 0;
    expect([world.client.state, socket.frames('ping')]).toMatchObject(['connected', [{}]]);
    world.clock.advance(1);
    expect(world.lastChange.reason).toBe('heartbeat-timeout');
  });

  it('is found in the usual time where the runtime does not say what waits', async () => {
    const { world, socket } = await uploading();
    Object.assign(socket, { bufferedAmount: undefined });
    world.clock.advance(timeoutMs);
    expect(world.lastChange.reason).toBe('heartbeat-timeout');
  });
});
