import { describe, expect, it } from '@jest/globals';
import type { RealtimeClient } from '../../lib/client/index.js';
import { settle } from './support/fake-clock.js';
import { connectedFrame, connectedWorld, type World } from './support/world.js';

/** What the application hears, and what the client says of itself at that moment. */
function listen({ client }: World): unknown[] {
  const log: unknown[] = [];
  client.on('delayed', (isDelayed, rooms) => {
    expect(client.isDelayed).toBe(isDelayed);
    log.push(rooms ?? isDelayed);
  });
  return log;
}

/** A client that was told that messages are late. */
async function delayedWorld(): Promise<{ world: World; client: RealtimeClient; log: unknown[] }> {
  const world = await connectedWorld();
  const log = listen(world);
  world.socket.receive({ type: 'delayed', delayed: true });
  return { world, client: world.client, log };
}

describe('a client', () => {
  it('is told that messages are late, of which rooms, and that they are so no longer', async () => {
    const { world, client, log } = await delayedWorld();
    world.socket.receive({ type: 'delayed', delayed: true, rooms: ['chat/general'] });
    world.socket.receive({ type: 'delayed', delayed: false });
    expect(log).toEqual([true, ['chat/general'], false]);
    expect(client.isDelayed).toBe(false);
  });

  it('is not told what it knows: that nothing is late', async () => {
    const world = await connectedWorld();
    const log = listen(world);
    world.socket.receive({ type: 'delayed', delayed: false });
    world.socket.drop();
    await world.reconnect();
    expect(log).toEqual([]);
  });

  it('hears that it is over when the connection ends, before it hears of the end', async () => {
    const { world, client, log } = await delayedWorld();
    client.on('state', ({ state }) => log.push(state));
    world.socket.drop();
    expect(log).toEqual([true, false, 'waiting']);
    await world.reconnect();
    expect(client.isDelayed).toBe(false);
    world.socket.receive({ type: 'delayed', delayed: true });
    client.close();
    expect(log.slice(3)).toEqual(['connecting', 'connected', true, false, 'closed']);
  });

  it('hears that it is over when it has moved to another server', async () => {
    const { world, client, log } = await delayedWorld();
    world.socket.receive({ type: 'going-away', afterMs: 0, windowMs: 0 });
    world.clock.advance(0);
    await settle();
    world.socket.open();
    expect(client.isDelayed).toBe(true);
    world.socket.receive(connectedFrame);
    expect(client.isDelayed).toBe(false);
    expect(client.state).toBe('connected');
    world.socket.receive({ type: 'delayed', delayed: true });
    expect(log).toEqual([true, false, true]);
  });

  it('may be closed by whoever hears of it', async () => {
    const { world, client, log } = await delayedWorld();
    client.on('delayed', () => {
      client.close();
    });
    world.socket.drop();
    expect(log).toEqual([true, false]);
    expect(client.state).toBe('closed');
    world.clock.advance(120_000);
    await settle();
    expect(world.sockets).toHaveLength(1);
  });
});
