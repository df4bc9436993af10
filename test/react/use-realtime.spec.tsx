import { describe, expect, it } from '@jest/globals';
import { renderToString } from 'react-dom/server';

import { useRealtime, type Realtime } from '../../lib/react/index.js';
import { connectedWorld, outcome, World } from '../client/support/world.js';
import { countListeners, Show, Stage } from './support/stage.js';

const stage = new Stage();

function useState(): string {
  const { state, isConnected } = useRealtime();
  return `${state} ${String(isConnected)}`;
}

describe('useRealtime', () => {
  it('follows the state of the connection', async () => {
    const world = new World();
    await stage.play(world, <Show use={useState} />);
    expect(stage.text).toBe('connecting false');
    await stage.do(() => world.accept());
    expect(stage.text).toBe('connected true');
    await stage.do(() => world.socket.drop());
    expect(stage.text).toBe('waiting false');
  });

  it('shows that messages are late, until they are so no longer', async () => {
    const world = await connectedWorld();
    await stage.play(world, <Show use={() => String(useRealtime().isDelayed)} />);
    expect(stage.text).toBe('false');
    await stage.do(() => world.socket.receive({ type: 'delayed', delayed: true }));
    expect(stage.text).toBe('true');
    await stage.do(() => world.socket.receive({ type: 'delayed', delayed: false }));
    expect(stage.text).toBe('false');
  });

  it('uses one socket in strict mode', async () => {
    const world = new World();
    await stage.play(world, <Show use={useState} />);
    await stage.do(() => world.accept());
    expect(world.sockets).toHaveLength(1);
  });

  it('sends requests and gives their answers', async () => {
    const world = await connectedWorld();
    const seen: Realtime[] = [];
    await stage.play(world, <Show use={() => void seen.push(useRealtime())} />);
    const answer = seen[0]!.send('chat.send', { text: 'hi' });
    const { id, event, payload } = world.socket.last('request');
    expect([event, payload]).toEqual(['chat.send', { text: 'hi' }]);
    world.socket.receive({ type: 'response', id, payload: 7 });
    await expect(answer).resolves.toBe(7);
  });

  it('sends what was asked for without a connection as soon as there is one', async () => {
    const world = new World();
    const seen: Realtime[] = [];
    await stage.play(world, <Show use={() => void seen.push(useRealtime())} />);
    void outcome(seen[0]!.send('first'));
    void outcome(seen[0]!.send('second'));
    await stage.do(() => world.accept());
    expect(world.socket.frames('request').map(({ event }) => event)).toEqual(['first', 'second']);
  });

  it('disconnects for good, and shows it', async () => {
    const world = await connectedWorld();
    const seen: Realtime[] = [];
    const use = () => {
      const realtime = useRealtime();
      seen.push(realtime);
      return realtime.state;
    };
    await stage.play(world, <Show use={use} />);
    const { socket } = world;
    await stage.do(() => seen[0]!.disconnect());
    expect(stage.text).toBe('closed');
    expect(socket.closedWith).toMatchObject({ code: 1000 });
    world.clock.advance(120_000);
    expect(world.sockets).toHaveLength(1);
  });

  it('gives the same functions at each render', async () => {
    const world = new World();
    const seen: Realtime[] = [];
    await stage.play(world, <Show use={() => void seen.push(useRealtime())} />);
    await stage.do(() => world.accept());
    expect(new Set(seen.map(({ state }) => state))).toEqual(new Set(['connecting', 'connected']));
    // React 18 throws the first of StrictMode's two renders away, with all that it made.
    const kept = seen.slice(1);
    expect(new Set(kept.map(({ send }) => send)).size).toBe(1);
    expect(new Set(kept.map(({ disconnect }) => disconnect)).size).toBe(1);
  });

  it('neither listens nor renders any more when its component is gone', async () => {
    const world = await connectedWorld();
    const listeners = countListeners(world.client, 'any');
    let renders = 0;
    const use = () => {
      renders += 1;
      return useRealtime().state;
    };
    await stage.play(world, <Show use={use} />);
    // The state, and whether messages are late.
    expect(listeners()).toBe(2);
    await stage.play(world, null);
    expect(listeners()).toBe(0);
    const before = renders;
    await stage.do(() => world.socket.drop());
    expect(renders).toBe(before);
  });

  it('says what is missing when there is no provider', () => {
    expect(() => renderToString(<Show use={useState} />)).toThrow(
      /expected a RealtimeProvider above/,
    );
  });
});
