import { Catch, UseFilters } from '@nestjs/common';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import { Test } from '@nestjs/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
  WsException,
} from '@nestjs/websockets';
import { WebSocket } from 'ws';

import { RealtimeGateway, RoomService, type RealtimeModuleOptions } from '../../lib/index.js';
import { listen, RawClient } from '../../lib/testing/index.js';
import {
  closeApps,
  NestLog,
  platforms,
  refusal,
  startApp,
  verifyByName,
} from '../support/nest-app.js';
import { deferred, until } from '../support/turns.js';

@RealtimeGateway()
class OurGateway {
  @WebSocketServer()
  server: unknown;

  @SubscribeMessage('echo')
  echo(@MessageBody() payload: unknown): unknown {
    return { ours: payload };
  }
}

/** Ours as well: it names the module's path. */
@WebSocketGateway({ path: '/realtime' })
class OurPlainGateway {
  @SubscribeMessage('plain')
  plain(): string {
    return 'ours';
  }
}

@WebSocketGateway({ path: '/theirs' })
class TheirGateway {
  @WebSocketServer()
  server: unknown;

  connections = 0;
  disconnections = 0;

  handleConnection(): void {
    this.connections += 1;
  }

  handleDisconnect(): void {
    this.disconnections += 1;
  }

  @SubscribeMessage('echo')
  echo(@MessageBody() data: unknown): unknown {
    return { event: 'echo', data: { theirs: data } };
  }
}

/** Socket.IO's path is the server's, not a gateway's. */
@WebSocketGateway()
class SocketIoGateway {
  connections = 0;

  handleConnection(): void {
    this.connections += 1;
  }

  @SubscribeMessage('echo')
  echo(@MessageBody() data: unknown): unknown {
    return { theirs: data };
  }
}

@Catch(TypeError)
class NoFilter {
  catch(): void {
    // Never asked: only there to have the gateway treated as one with filters.
  }
}

/** Served by ours in one application and by stock Nest in another. */
@UseFilters(NoFilter)
@WebSocketGateway()
class SharedGateway {
  @SubscribeMessage('refuse')
  refuse(): never {
    throw new WsException('refused');
  }

  @SubscribeMessage('answer')
  answer(): unknown {
    return { event: 'answer', data: 1 };
  }
}

/** A client of another adapter, one message at a time. */
class ForeignClient {
  readonly #kept: string[] = [];
  readonly #waiting: ((text: string) => void)[] = [];
  readonly closed: Promise<number>;

  private constructor(readonly socket: WebSocket) {
    socket.on('message', (data) => {
      const text = (data as Buffer).toString('utf8');
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#kept.push(text);
      else waiting(text);
    });
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => socket.once('close', resolve));
  }

  static async open(url: string): Promise<ForeignClient> {
    const client = new ForeignClient(new WebSocket(url));
    await new Promise((resolve, reject) => {
      client.socket.once('open', resolve).once('error', reject);
    });
    return client;
  }

  next(): Promise<string> {
    const kept = this.#kept.shift();
    if (kept !== undefined) return Promise.resolve(kept);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

const withWs: RealtimeModuleOptions = { fallbackAdapter: (server) => new WsAdapter(server) };
const withIo: RealtimeModuleOptions = { fallbackAdapter: (server) => new IoAdapter(server) };

afterEach(closeApps);

describe.each(platforms)('fallbackAdapter on %s', (platform) => {
  describe('WsAdapter', () => {
    const start = (options: RealtimeModuleOptions = {}) =>
      startApp({
        platform,
        options: { ...withWs, ...options },
        providers: [OurGateway, OurPlainGateway, TheirGateway],
      });

    it('serves its gateway beside ours', async () => {
      const app = await start();
      const ours = await app.connect();
      const theirs = await ForeignClient.open(app.url.replace('/realtime', '/theirs'));

      theirs.socket.send(JSON.stringify({ event: 'echo', data: 1 }));
      expect(JSON.parse(await theirs.next())).toEqual({ event: 'echo', data: { theirs: 1 } });
      expect(await ours.request('1', 'echo', 1)).toMatchObject({ payload: { ours: 1 } });
      expect(app.get(TheirGateway).connections).toBe(1);
      theirs.socket.close();
      await theirs.closed;
    });

    it('gives each gateway its own server object', async () => {
      const app = await start();
      expect(app.get(OurGateway).server).toBeInstanceOf(RoomService);
      expect(app.get(TheirGateway).server).not.toBeInstanceOf(RoomService);
    });

    it('does not get a plain gateway that names the path of the module', async () => {
      const app = await start();
      const ours = await app.connect();
      expect(await ours.request('1', 'plain')).toMatchObject({ payload: 'ours' });
    });

    it('does not destroy our socket while it is being authenticated', async () => {
      const gate = deferred();
      const app = await start({
        auth: {
          verify: async (token, handshake) => {
            await gate.promise;
            return verifyByName(token, handshake);
          },
        },
      });
      const opening = RawClient.open(app.url, {
        protocols: [],
        socket: { headers: { authorization: 'Bearer token-ada' } },
      });
      // Another upgrade passes through the other adapter meanwhile.
      const theirs = await ForeignClient.open(app.url.replace('/realtime', '/theirs'));
      gate.resolve();
      const ours = await opening;
      expect(await ours.next('connected')).toMatchObject({ user: { id: 'ada' } });
      theirs.socket.close();
      await theirs.closed;
    });

    it('tells its gateway of the end of its clients', async () => {
      const app = await start();
      const theirs = await ForeignClient.open(app.url.replace('/realtime', '/theirs'));
      theirs.socket.close();
      await theirs.closed;
      await until(() => app.get(TheirGateway).disconnections > 0);
      expect(app.get(TheirGateway).disconnections).toBe(1);
    });

    it('ends with the application, and leaves no listener on the HTTP server', async () => {
      const app = await start();
      const [ours, theirs] = [
        await app.connect(),
        await ForeignClient.open(app.url.replace('/realtime', '/theirs')),
      ];
      const { server } = app;
      await app.close();
      expect(await ours.closed).toMatchObject({ code: 1001 });
      await theirs.closed;
      expect(server.listeners('upgrade')).toEqual([]);
    });

    it('does not hang a path that is neither ours nor its own', async () => {
      const app = await start();
      const opening = RawClient.open(app.url.replace('/realtime', '/nobody'), { protocols: [] });
      await expect(opening).rejects.toThrow('socket hang up');
    });

    it('serves ours alone when no gateway is its own', async () => {
      const app = await startApp({ platform, options: withWs, providers: [OurGateway] });
      const ours = await app.connect();
      expect(await ours.request('1', 'echo', 1)).toMatchObject({ payload: { ours: 1 } });
      expect(await refusal(app.url.replace('/realtime', '/nobody'))).toBe(404);
    });
  });

  it('does not matter to an application of stock Nest that has a gateway class in common', async () => {
    const ours = await startApp({ platform, providers: [SharedGateway] });
    const client = await ours.connect();
    expect(await client.request('1', 'refuse')).toMatchObject({ code: 'rejected' });

    const module = await Test.createTestingModule({ providers: [SharedGateway] })
      .setLogger(new NestLog())
      .compile();
    const stock = module.createNestApplication();
    stock.useWebSocketAdapter(new WsAdapter(stock));
    const theirs = await ForeignClient.open(await listen(stock, '/'));
    theirs.socket.send('{"event":"answer"}');
    expect(JSON.parse(await theirs.next())).toEqual({ event: 'answer', data: 1 });
    theirs.socket.send('{"event":"refuse"}');
    expect(JSON.parse(await theirs.next())).toMatchObject({
      event: 'exception',
      data: { message: 'refused' },
    });
    theirs.socket.terminate();
    await stock.close();
  });

  describe('IoAdapter', () => {
    const start = (options: RealtimeModuleOptions = {}) =>
      startApp({
        platform,
        options: { ...withIo, ...options },
        providers: [OurGateway, SocketIoGateway],
      });

    /** A Socket.IO client's WebSocket, as far as the handshake goes. */
    const engineUrl = (url: string): string =>
      url.replace('/realtime', '/socket.io/?EIO=4&transport=websocket');

    it('serves its gateway beside ours', async () => {
      const app = await start();
      const theirs = await ForeignClient.open(engineUrl(app.url));
      // Engine.IO's open packet, then Socket.IO's connect packet and its answer.
      expect(await theirs.next()).toMatch(/^0\{"sid":/);
      theirs.socket.send('40');
      expect(await theirs.next()).toMatch(/^40\{"sid":/);
      expect(app.get(SocketIoGateway).connections).toBe(1);
      // An event that wants acknowledgement 0, and the acknowledgement.
      theirs.socket.send('420["echo",1]');
      expect(await theirs.next()).toBe('430[{"theirs":1}]');

      const ours = await app.connect();
      expect(await ours.request('1', 'echo', 1)).toMatchObject({ payload: { ours: 1 } });
      theirs.socket.close();
      await theirs.closed;
    });

    it('does not destroy our socket while it is being authenticated', async () => {
      const gate = deferred();
      const app = await start({
        auth: {
          verify: async (token, handshake) => {
            await gate.promise;
            return verifyByName(token, handshake);
          },
        },
      });
      const opening = RawClient.open(app.url, {
        protocols: [],
        socket: { headers: { authorization: 'Bearer token-ada' } },
      });
      // Engine.IO destroys upgrades that are unclaimed after a second.
      await new Promise((resolve) => setTimeout(resolve, 1_100));
      gate.resolve();
      const ours = await opening;
      expect(await ours.next('connected')).toMatchObject({ user: { id: 'ada' } });
    });

    it('answers its polling over HTTP as before', async () => {
      const app = await start();
      const url = app.url
        .replace('ws:', 'http:')
        .replace('/realtime', '/socket.io/?EIO=4&transport=polling');
      const response = await fetch(url);
      expect(response.status).toBe(200);
      expect(await response.text()).toMatch(/^0\{"sid":/);
    });

    it('ends with the application', async () => {
      const app = await start();
      const theirs = await ForeignClient.open(engineUrl(app.url));
      const { server } = app;
      await app.close();
      await theirs.closed;
      expect(server.listeners('upgrade')).toEqual([]);
    });
  });
});
