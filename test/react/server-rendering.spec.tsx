import { describe, expect, it } from '@jest/globals';
import type { ReactNode } from 'react';
import { renderToString } from 'react-dom/server';

import { RealtimeClient } from '../../lib/client/index.js';
import {
  RealtimeProvider,
  usePresence,
  useRealtime,
  useRequest,
  useRoom,
  useRoomState,
  type CreateClient,
} from '../../lib/react/index.js';
import { World } from '../client/support/world.js';
import { Stage } from './support/stage.js';

const stage = new Stage();

function Everything() {
  const { state } = useRealtime();
  const { state: room } = useRoom('chat/general', { 'chat.message': () => {} });
  const [score] = useRoomState<unknown>('scores', {}, 'from the server');
  const presence = usePresence('team/all');
  const { status } = useRequest('chat.send');
  return <p>{[state, room, score, presence ? 'known' : 'unknown', status].join(', ')}</p>;
}

const page = (client: RealtimeClient | CreateClient): ReactNode =>
  typeof client === 'function' ? (
    <RealtimeProvider client={client} token="a token">
      <Everything />
    </RealtimeProvider>
  ) : (
    <RealtimeProvider client={client}>
      <Everything />
    </RealtimeProvider>
  );

const HTML = '<p>idle, unsubscribed, from the server, unknown, idle</p>';

describe('on a server', () => {
  it('every hook renders without a socket', () => {
    const world = new World({ autoConnect: false });
    expect(renderToString(page(world.client))).toBe(HTML);
    expect(world.sockets).toEqual([]);
    expect(world.clock.pending).toBe(0);
  });

  it('a provider makes its client without a WebSocket, and begins nothing', () => {
    const clients: RealtimeClient[] = [];
    const create: CreateClient = (options) => {
      // Such as Node 20, which has none.
      const environment = { WebSocket: undefined };
      const client = new RealtimeClient('wss://example.test', { ...options, environment });
      clients.push(client);
      return client;
    };
    expect(renderToString(page(create))).toBe(HTML);
    expect(clients.map(({ state }) => state)).toEqual(['idle']);
  });
});

describe('in the browser, after that', () => {
  it('the page is taken over as it is, then connected', async () => {
    const worlds: World[] = [];
    const create: CreateClient = (options) => {
      const world = new World(options);
      worlds.push(world);
      return world.client;
    };
    await stage.hydrate(HTML, page(create));
    const rooms = 'subscribing, from the server, unknown, idle';
    expect(stage.text).toBe(`connecting, ${rooms}`);
    const [world, ...others] = worlds.filter(({ sockets }) => sockets.length > 0);
    await stage.do(() => world!.accept());
    expect(stage.text).toBe(`connected, ${rooms}`);
    expect(others).toEqual([]);
    expect(world!.sockets).toHaveLength(1);
  });

  it('a client that was connected before is shown as it is, once the page is taken over', async () => {
    const world = new World();
    await world.accept();
    await stage.hydrate(HTML, page(world.client));
    expect(stage.text).toContain('connected, subscribing');
  });
});
