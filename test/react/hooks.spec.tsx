import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { JSDOM } from 'jsdom';
import { act, StrictMode, type ReactNode } from 'react';
import { createRoot, type Root } from 'react-dom/client';
import { renderToString } from 'react-dom/server';

import { RealtimeProvider, useRealtime, useRoom } from '../../lib/react/index.js';
import { settle } from '../client/support/fake-clock.js';
import { connectedWorld, message, World } from '../client/support/world.js';

const NAME = 'chat/general';

let root: Root;
let container: Element;

/** React looks for these among the globals. */
const globals = globalThis as unknown as Record<string, unknown>;

beforeEach(() => {
  const { window } = new JSDOM('<main></main>');
  globals['window'] = window;
  globals['document'] = window.document;
  globals['IS_REACT_ACT_ENVIRONMENT'] = true;
  container = window.document.querySelector('main')!;
  root = createRoot(container);
});

afterEach(async () => {
  await act(async () => root.unmount());
  delete globals['window'];
  delete globals['document'];
});

/** Renders in strict mode, as applications should. */
async function render(world: World, children: ReactNode): Promise<void> {
  await act(async () => {
    root.render(
      <StrictMode>
        <RealtimeProvider client={world.client}>{children}</RealtimeProvider>
      </StrictMode>,
    );
    await settle();
  });
}

function State() {
  const { state, isConnected } = useRealtime();
  return <p>{`${state} ${String(isConnected)}`}</p>;
}

function Listener({
  name,
  hear,
}: {
  readonly name: string | null;
  readonly hear: (text: unknown) => void;
}) {
  const { state } = useRoom(name, { 'chat.message': (payload: unknown) => hear(payload) });
  return <p>{state}</p>;
}

/** Answers the last subscribe as a server would. */
async function admit(world: World): Promise<void> {
  await act(async () => {
    const { id } = world.socket.last('subscribe');
    world.socket.receive({ type: 'subscribed', id, room: NAME, epoch: 'e1', offset: 3 });
    await settle();
  });
}

describe('useRealtime', () => {
  it('follows the state of the connection', async () => {
    const world = new World();
    await render(world, <State />);
    expect(container.textContent).toBe('connecting false');
    await act(async () => {
      await world.accept();
    });
    expect(container.textContent).toBe('connected true');
    await act(async () => world.socket.drop());
    expect(container.textContent).toBe('waiting false');
  });

  it('uses one socket in strict mode', async () => {
    const world = new World();
    await render(world, <State />);
    await act(async () => {
      await world.accept();
    });
    expect(world.sockets).toHaveLength(1);
  });

  it('says what is missing when there is no provider', () => {
    expect(() => renderToString(<State />)).toThrow(/expected a RealtimeProvider above/);
  });

  it('renders on a server without a socket', () => {
    const world = new World({ autoConnect: false });
    const html = renderToString(
      <RealtimeProvider client={world.client}>
        <State />
        <Listener name={NAME} hear={() => {}} />
      </RealtimeProvider>,
    );
    expect(html).toBe('<p>idle false</p><p>unsubscribed</p>');
    expect(world.sockets).toHaveLength(0);
  });
});

describe('useRoom', () => {
  it('subscribes once in strict mode and hears each message once', async () => {
    const world = await connectedWorld();
    const heard: unknown[] = [];
    await render(world, <Listener name={NAME} hear={(text) => heard.push(text)} />);
    await admit(world);
    expect(container.textContent).toBe('subscribed');
    await act(async () => world.socket.receive(message(4)));
    expect(heard).toEqual([4]);
    expect(world.socket.frames('subscribe')).toHaveLength(1);
  });

  it('calls the newest handler without a new subscription', async () => {
    const world = await connectedWorld();
    const heard: unknown[] = [];
    await render(world, <Listener name={NAME} hear={(text) => heard.push(['old', text])} />);
    await admit(world);
    await render(world, <Listener name={NAME} hear={(text) => heard.push(['new', text])} />);
    await act(async () => world.socket.receive(message(4)));
    expect(heard).toEqual([['new', 4]]);
    expect(world.socket.frames('subscribe')).toHaveLength(1);
  });

  it('leaves the room when the component goes', async () => {
    const world = await connectedWorld();
    const heard: unknown[] = [];
    await render(world, <Listener name={NAME} hear={(text) => heard.push(text)} />);
    await admit(world);
    await render(world, null);
    expect(world.socket.frames('unsubscribe').map(({ room }) => room)).toEqual([NAME]);
    await act(async () => world.socket.receive(message(4)));
    expect(heard).toEqual([]);
  });

  it('is in no room while it has no name', async () => {
    const world = await connectedWorld();
    await render(world, <Listener name={null} hear={() => {}} />);
    expect(container.textContent).toBe('unsubscribed');
    expect(world.socket.frames('subscribe')).toHaveLength(0);
  });
});
