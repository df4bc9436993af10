import { describe, expect, it } from '@jest/globals';

import { connectedWorld, outcome, World } from './support/world.js';
import { settle } from './support/fake-clock.js';

/** Nothing happens to a closed client any more: not by time, not by the network, not by late sockets. */
async function expectSilence(world: World): Promise<void> {
  const { sockets, changes, clock } = world;
  const before = [sockets.length, changes.length];
  expect(world.client.state).toBe('closed');
  expect(clock.pending).toBe(0);
  expect(world.listeners.size).toBe(0);
  clock.advance(3_600_000);
  world.client.close();
  for (const socket of sockets) socket.receive({ type: 'pong' });
  await settle();
  expect([sockets.length, changes.length]).toEqual(before);
  expect(world.reported).toEqual([]);
}

describe('G-05 a client that is closed', () => {
  it('while it asks for its token: rejects who waits, and makes no socket of the late token', async () => {
    let give: (token: string) => void = () => undefined;
    const token = (): Promise<string> =>
      new Promise((resolve) => {
        give = resolve;
      });
    const world = new World({ token });
    const ready = outcome(world.client.connect());
    await settle();
    world.client.close();
    expect(await ready).toMatchObject({ code: 'closed' });
    give('late');
    await settle();
    expect(world.sockets).toEqual([]);
    await expectSilence(world);
  });

  it('by a handler that hears of connecting: makes no socket', async () => {
    const world = new World({ token: 'a token' });
    world.client.on('state', ({ state }) => {
      if (state === 'connecting') world.client.close();
    });
    await settle();
    expect(world.sockets).toEqual([]);
    await expectSilence(world);
  });

  it('while it connects: rejects who waits, and closes a socket that opens late', async () => {
    const world = new World();
    const ready = outcome(world.client.connect());
    await settle();
    world.client.close();
    expect(await ready).toMatchObject({ code: 'closed' });
    world.socket.open();
    await settle();
    expect(world.socket.isLive).toBe(false);
    await expectSilence(world);
  });

  it('while it waits for its next attempt: makes none', async () => {
    const world = await connectedWorld();
    world.socket.drop();
    expect(world.client.state).toBe('waiting');
    world.client.close();
    await expectSilence(world);
  });

  it('with requests, publishes and rooms under way: rejects each with the code closed', async () => {
    const world = await connectedWorld();
    const room = world.client.room('chat/general');
    const pending = [
      outcome(world.client.request('a')),
      outcome(room.publish('chat.message', 'hello')),
      outcome(room.subscribe()),
    ];
    await settle();
    world.client.close();
    for (const each of pending) expect(await each).toMatchObject({ code: 'closed' });
    expect(await outcome(world.client.request('later'))).toMatchObject({ code: 'closed' });
    await expectSilence(world);
  });
});
