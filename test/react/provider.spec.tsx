import { describe, expect, it } from '@jest/globals';
import { Activity, Suspense, type ReactNode } from 'react';

import type { RealtimeClientOptions, WebSocketConstructor } from '../../lib/client/index.js';
import { RealtimeProvider, useRealtime, useRoom } from '../../lib/react/index.js';
import { connectedWorld, World } from '../client/support/world.js';
import { Show, Stage } from './support/stage.js';

const stage = new Stage();

/** The worlds of the clients that a provider had made. Strict mode makes one in vain. */
class Worlds {
  readonly all: World[] = [];

  constructor(private readonly options: RealtimeClientOptions = {}) {}

  readonly create = (given: RealtimeClientOptions) => {
    const world = new World({ ...this.options, ...given });
    this.all.push(world);
    return world.client;
  };

  get sockets() {
    return this.all.flatMap(({ sockets }) => sockets);
  }

  get live() {
    return this.sockets.filter(({ isLive }) => isLive);
  }

  /** The one whose client was connected last. */
  get current(): World {
    return this.all.findLast(({ sockets }) => sockets.length > 0)!;
  }
}

const state = <Show use={() => useRealtime().state} />;

describe('a provider that makes its client', () => {
  it('G-06 connects once in strict mode', async () => {
    const worlds = new Worlds();
    await stage.show(<RealtimeProvider client={worlds.create}>{state}</RealtimeProvider>);
    expect(stage.text).toBe('connecting');
    await stage.do(() => worlds.current.accept());
    expect(stage.text).toBe('connected');
    expect(worlds.sockets).toHaveLength(1);
  });

  it('keeps its client however often it is rendered, with another function each time', async () => {
    const worlds = new Worlds();
    for (let round = 0; round < 3; round += 1) {
      const client = (options: RealtimeClientOptions) => worlds.create(options);
      await stage.show(<RealtimeProvider client={client}>{state}</RealtimeProvider>);
    }
    expect(worlds.sockets).toHaveLength(1);
    expect(worlds.live).toHaveLength(1);
  });

  it('names the rooms of its components in the first frame', async () => {
    const worlds = new Worlds();
    await stage.show(
      <RealtimeProvider client={worlds.create}>
        <Show use={() => useRoom('chat/general', { 'chat.message': () => {} }).state} />
      </RealtimeProvider>,
    );
    await stage.do(() => worlds.current.accept());
    expect(worlds.current.socket.sent).toMatchObject([
      { type: 'hello', rooms: [{ room: 'chat/general' }] },
    ]);
  });

  it.each([
    ['connecting', async () => {}],
    ['connected', (world: World) => world.accept()],
    ['waiting', (world: World) => world.accept().then((socket) => socket.drop())],
  ])('leaves nothing behind when it goes while %s', async (name, reach) => {
    const worlds = new Worlds();
    await stage.show(<RealtimeProvider client={worlds.create}>{state}</RealtimeProvider>);
    await stage.do(() => reach(worlds.current));
    expect(stage.text).toBe(name);
    await stage.leave();
    expect(worlds.live).toEqual([]);
    expect(worlds.all.map(({ clock }) => clock.pending)).toEqual([0, 0]);
    expect(worlds.all.map(({ listeners }) => listeners.size)).toEqual([0, 0]);
    expect(worlds.current.client.state).toBe('closed');
  });

  it('connects anew when it is shown again after it was hidden', async () => {
    const worlds = new Worlds();
    const page = (mode: 'visible' | 'hidden'): ReactNode => (
      <Activity mode={mode}>
        <RealtimeProvider client={worlds.create}>{state}</RealtimeProvider>
      </Activity>
    );
    await stage.show(page('visible'));
    await stage.show(page('hidden'));
    expect(worlds.live).toEqual([]);
    await stage.show(page('visible'));
    await stage.do(() => worlds.current.accept());
    expect(stage.text).toBe('connected');
    expect(worlds.sockets).toHaveLength(2);
    expect(worlds.live).toHaveLength(1);
  });

  it('G-06 makes no connection for a render that React throws away', async () => {
    const worlds = new Worlds();
    let isThere = false;
    let arrive = (): void => undefined;
    const arrival = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    const Late = () => {
      // Any React that knows Suspense waits for a promise that is thrown.
      // eslint-disable-next-line @typescript-eslint/only-throw-error
      if (!isThere) throw arrival;
      return state;
    };
    const page = (
      <Suspense fallback="…">
        <RealtimeProvider client={worlds.create}>
          <Late />
        </RealtimeProvider>
      </Suspense>
    );
    await stage.show(page);
    expect(stage.text).toBe('…');
    expect(worlds.sockets).toEqual([]);
    isThere = true;
    await stage.do(arrive);
    expect(stage.text).toBe('connecting');
    expect(worlds.sockets).toHaveLength(1);
  });

  it('shows that its client closed for good, and leaves it at that', async () => {
    const refuse = function (): never {
      throw new SyntaxError('a malformed URL');
    } as unknown as WebSocketConstructor;
    const worlds = new Worlds({ WebSocket: refuse });
    await stage.show(<RealtimeProvider client={worlds.create}>{state}</RealtimeProvider>);
    expect(stage.text).toBe('closed');
    expect(worlds.all.flatMap(({ reported }) => reported)).toMatchObject([{ code: 'invalid-url' }]);
  });
});

describe("a provider's token", () => {
  const page = (worlds: Worlds, token?: string | (() => string)): ReactNode => (
    <RealtimeProvider client={worlds.create} token={token}>
      {state}
    </RealtimeProvider>
  );

  it('G-06 may change without a reconnect, and is used from the next connection on', async () => {
    const worlds = new Worlds();
    await stage.show(page(worlds, 'first'));
    const world = worlds.current;
    await stage.do(() => world.accept());
    const { socket } = world;
    expect(socket.last('hello').token).toBe('first');
    await stage.show(page(worlds, 'second'));
    expect(stage.text).toBe('connected');
    expect(worlds.sockets).toHaveLength(1);
    expect(socket.isLive).toBe(true);
    expect(socket.sent).toHaveLength(1);
    await stage.do(() => socket.drop());
    await stage.do(() => world.reconnect());
    expect(world.socket.last('hello').token).toBe('second');
  });

  it('is shown as it is now when the server asks for fresh credentials', async () => {
    const worlds = new Worlds();
    await stage.show(page(worlds, 'first'));
    await stage.do(() => worlds.current.accept());
    await stage.show(page(worlds, () => 'second'));
    await stage.receive(worlds.current, { type: 'authenticate', withinMs: 5_000 });
    expect(worlds.current.socket.last('authenticate').token).toBe('second');
    expect(worlds.sockets).toHaveLength(1);
  });

  it('makes a new connection where there was none before, and where there is none any more', async () => {
    const worlds = new Worlds();
    await stage.show(page(worlds));
    await stage.do(() => worlds.current.accept());
    const [anonymous] = worlds.sockets;
    expect(anonymous?.last('hello').token).toBeUndefined();
    await stage.show(page(worlds, 'token'));
    await stage.do(() => worlds.current.accept());
    expect(anonymous?.closedWith).toMatchObject({ code: 1000 });
    expect(worlds.live.map((socket) => socket.last('hello').token)).toEqual(['token']);
    await stage.show(page(worlds));
    await stage.do(() => worlds.current.accept());
    expect(worlds.live.map((socket) => socket.last('hello').token)).toEqual([undefined]);
    expect(worlds.sockets).toHaveLength(3);
  });
});

describe('a provider of a client that was made elsewhere', () => {
  it('neither connects nor closes it', async () => {
    const idle = new World({ autoConnect: false });
    await stage.play(idle, state);
    expect(idle.sockets).toEqual([]);
    const connected = await connectedWorld();
    await stage.play(connected, state);
    expect(stage.text).toBe('connected');
    await stage.leave();
    expect(connected.client.state).toBe('connected');
  });

  it('G-06 shares its connection with another provider', async () => {
    const world = new World();
    await stage.show(
      <>
        <RealtimeProvider client={world.client}>{state}</RealtimeProvider>
        <RealtimeProvider client={world.client}>{state}</RealtimeProvider>
      </>,
    );
    await stage.do(() => world.accept());
    expect(stage.text).toBe('connectedconnected');
    expect(world.sockets).toHaveLength(1);
  });

  it('gives another client to the components that are there', async () => {
    const [first, second] = [await connectedWorld(), new World()];
    const listener = <Show use={() => useRoom('chat/general', { a: () => {} }).state} />;
    await stage.play(first, listener);
    await stage.play(second, listener);
    await stage.do(() => second.accept());
    expect(first.socket.frames('unsubscribe')).toHaveLength(1);
    expect(second.socket.last('hello').rooms).toEqual([{ room: 'chat/general' }]);
  });
});
