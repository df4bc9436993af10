/**
 * The end of an application as seen from outside: Nest disposes the WebSocket adapter first and closes
 * the HTTP server afterwards, and whoever comes in between is to be told 503.
 */
import type { Server } from 'node:http';
import { connect, type Socket } from 'node:net';

import type { INestApplication } from '@nestjs/common';
import { WsAdapter } from '@nestjs/platform-ws';
import { afterEach, describe, expect, it } from '@jest/globals';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';

import { RealtimeGateway } from '../../lib/index.js';
import { RealtimeAdapter } from '../../lib/nest/realtime.adapter.js';
import {
  closeApps,
  createApp,
  platforms,
  startApp,
  type AppSetup,
  type RunningApp,
} from '../support/nest-app.js';
import { RawSocket } from '../support/raw-socket.js';
import { deferred, until } from '../support/turns.js';

@RealtimeGateway()
class EchoGateway {
  @SubscribeMessage('echo')
  echo(): void {
    // Only there to be a gateway.
  }
}

@WebSocketGateway({ path: '/theirs' })
class TheirGateway {
  @SubscribeMessage('echo')
  echo(): void {
    // Only there to be another adapter's gateway.
  }
}

const HANDSHAKE = [
  'GET /realtime HTTP/1.1',
  'Host: 127.0.0.1',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==',
  'Sec-WebSocket-Version: 13',
].join('\r\n');

/** Events of an HTTP server that something of ours may listen to. */
const EVENTS = ['connection', 'request', 'upgrade', 'close'] as const;

/** Ends what a test that failed has left open. */
const cleanups: (() => unknown)[] = [];

/** A TCP connection that the server has accepted and that has sent nothing. */
class SilentPeer {
  /** Everything that came until the end. */
  readonly answer: Promise<string>;

  private constructor(readonly socket: Socket) {
    this.answer = new Promise((resolve) => {
      let text = '';
      socket.on('data', (chunk) => {
        text += String(chunk);
      });
      socket.on('error', () => undefined);
      socket.once('close', () => {
        resolve(text);
      });
    });
  }

  static async connect({ server, app }: RunningApp): Promise<SilentPeer> {
    const accepted = new Promise((resolve) => server.once('connection', resolve));
    const peer = new SilentPeer(connect(portOf(app), '127.0.0.1'));
    cleanups.push(() => peer.socket.destroy());
    await accepted;
    return peer;
  }

  /** Asks for the upgrade after all. */
  upgrade(): void {
    this.socket.write(`${HANDSHAKE}\r\n\r\n`);
  }
}

function portOf(app: INestApplication): number {
  return (((app.getHttpServer() as Server).address() ?? {}) as { port: number }).port;
}

function listenerCounts(server: Server): number[] {
  return EVENTS.map((event) => server.listenerCount(event));
}

/** An application that is being closed: its WebSocket adapter is disposed, its HTTP server listens. */
interface Closing {
  readonly port: number;
  /** Goes on, and settles when the application is closed. */
  finish(): Promise<void>;
}

async function beginClose(app: RunningApp): Promise<Closing> {
  const port = portOf(app.app);
  const adapter = app.app.getHttpAdapter() as unknown as { close(): Promise<void> };
  const close = adapter.close.bind(adapter);
  const [reached, gate] = [deferred(), deferred()];
  adapter.close = async () => {
    reached.resolve();
    await gate.promise;
    await close();
  };
  const closed = app.close();
  const finish = (): Promise<void> => {
    gate.resolve();
    return closed;
  };
  cleanups.push(finish);
  await reached.promise;
  return { port, finish };
}

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
  await closeApps();
});

describe.each(platforms)('app.close() on %s', (platform) => {
  const start = (setup: AppSetup = {}): Promise<RunningApp> =>
    startApp({ platform, providers: [EchoGateway], ...setup });

  it('refuses upgrades with 503 also once the adapter is disposed, while the server listens', async () => {
    const app = await start();
    const { port, finish } = await beginClose(app);

    const raw = await RawSocket.connect(port);
    await raw.ended;
    expect(raw.status).toBe(503);
    expect(raw.headers.get('retry-after')).toBe('1');
    expect(JSON.parse(raw.body)).toMatchObject({ statusCode: 503, code: 'unavailable' });
    await finish();
  });

  it('refuses with 503 who had connected when the server stopped to listen, and asks then', async () => {
    const app = await start();
    const { server } = app;
    const peer = await SilentPeer.connect(app);
    const closing = app.close();
    await until(() => !server.listening);
    peer.upgrade();
    expect(await peer.answer).toMatch(/^HTTP\/1\.1 503 [^]*"code":"unavailable"/);
    await closing;
  });

  it('refuses with 503 what the other adapter would have taken', async () => {
    const app = await start({
      options: { fallbackAdapter: (server) => new WsAdapter(server) },
      providers: [EchoGateway, TheirGateway],
    });
    const { port, finish } = await beginClose(app);
    const raw = await RawSocket.connect(port, { path: '/theirs' });
    await raw.ended;
    expect(raw.status).toBe(503);
    await finish();
  });

  it('is not held up by who connects and says nothing', async () => {
    const app = await start({ options: { limits: { firstHeadersMs: 50 } } });
    const peer = await SilentPeer.connect(app);
    await app.close();
    expect(await peer.answer).toBe('');
  });

  it('may dispose the adapter more than once', async () => {
    const app = await start();
    const { server } = app;
    const { port, finish } = await beginClose(app);
    await app.get(RealtimeAdapter).dispose();
    const raw = await RawSocket.connect(port);
    expect(raw.status).toBe(503);
    await finish();
    await app.get(RealtimeAdapter).dispose();
    expect(server.listenerCount('upgrade')).toBe(0);
  });

  it('leaves no listener on a server that never listened', async () => {
    let before: number[] = [];
    const app = await createApp({
      platform,
      providers: [EchoGateway],
      prepare: (made) => {
        before = listenerCounts(made.getHttpServer() as Server);
      },
    });
    await app.init();
    await app.close();
    expect(listenerCounts(app.getHttpServer() as Server)).toEqual(before);
  });

  it('leaves no listener on a server that lives on, being somebody else’s', async () => {
    let before: number[] = [];
    const app = await start({
      prepare: (made) => {
        before = listenerCounts(made.getHttpServer() as Server);
        made.getHttpAdapter().close = () => undefined;
      },
    });
    const { server } = app;
    const peer = await SilentPeer.connect(app);
    await app.close();
    expect(server.listening).toBe(true);
    expect(listenerCounts(server)).toEqual(before);
    peer.socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
});
