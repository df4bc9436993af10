import type { Server } from 'node:http';
import { runInThisContext } from 'node:vm';

import {
  Controller,
  Get,
  Injectable,
  Module,
  UseGuards,
  type CanActivate,
  type INestApplication,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { WsAdapter } from '@nestjs/platform-ws';
import { Test } from '@nestjs/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import { MessageBody, SubscribeMessage } from '@nestjs/websockets';
import { WebSocketServer } from 'ws';

import {
  CurrentUser,
  RealtimeGateway,
  RealtimeModule,
  RealtimeOptionsError,
  RealtimeRoom,
  RoomService,
  TokenAuthGuard,
  type RealtimeModuleOptions,
  type RealtimeOptionsFactory,
  type RealtimeUser,
  type RoomPolicy,
} from '../../lib/index.js';
import { listen, RawClient } from '../../lib/testing/index.js';
import {
  closeApps,
  createApp,
  NestLog,
  platforms,
  refusal,
  startApp,
  verifyByName,
} from '../support/nest-app.js';
import { until } from '../support/turns.js';

@RealtimeGateway()
class EchoGateway {
  @SubscribeMessage('echo')
  echo(@MessageBody() payload: unknown): unknown {
    return payload;
  }
}

@Injectable()
class DoorGuard implements CanActivate {
  canActivate(): boolean {
    return true;
  }
}

@RealtimeRoom('lobby')
class LobbyRooms implements RoomPolicy {
  canSubscribe(): boolean {
    return true;
  }
}

@Injectable()
class Settings {
  readonly path = '/from-settings';
}

@Module({ providers: [Settings], exports: [Settings] })
class SettingsModule {}

@Injectable()
class OptionsFactory implements RealtimeOptionsFactory {
  constructor(private readonly settings: Settings) {}

  async createRealtimeOptions(): Promise<RealtimeModuleOptions> {
    return Promise.resolve({ path: this.settings.path, auth: { verify: verifyByName } });
  }
}

@Module({ imports: [SettingsModule], providers: [OptionsFactory], exports: [OptionsFactory] })
class FactoryModule {}

@Injectable()
class Announcer {
  constructor(readonly rooms: RoomService) {}
}

@Module({ providers: [Announcer, EchoGateway, LobbyRooms] })
class FeatureModule {}

@Controller()
class PageController {
  @Get('page')
  page(): string {
    return 'a page';
  }

  @UseGuards(TokenAuthGuard)
  @Get('me')
  me(@CurrentUser() user: RealtimeUser, @CurrentUser('id') id: string): unknown {
    return { user, id };
  }
}

@Module({
  imports: [RealtimeModule.forRoot({ auth: { verify: verifyByName } }), FeatureModule],
  controllers: [PageController],
})
class AppModule {}

const real = runInThisContext('process') as NodeJS.Process;

/** Open sockets, servers and timers of the process. */
function handles(): string[] {
  return real
    .getActiveResourcesInfo()
    .filter((name) => /^(?:TCP|Timeout)/.test(name))
    .sort();
}

afterEach(closeApps);

describe.each(platforms)('RealtimeModule on %s', (platform) => {
  async function echoes(url: string): Promise<unknown> {
    const client = await RawClient.connect(url, 'token-ada');
    const answer = await client.request('1', 'echo', 'x');
    await client.close();
    return (answer as { payload?: unknown }).payload;
  }

  describe('is registered', () => {
    it('by forRoot()', async () => {
      const { url } = await startApp({ platform, providers: [EchoGateway] });
      expect(await echoes(url)).toBe('x');
    });

    it('by forRoot() without options: everybody is let in, and a warning says so', async () => {
      const app = await startApp({
        platform,
        realtime: RealtimeModule.forRoot(),
        providers: [EchoGateway],
      });
      const client = await RawClient.open(app.url);
      client.send({ type: 'hello' });
      const { user } = await client.next('connected');
      expect(user.id).toMatch(/^anonymous:/);
      expect(app.log.warnings).toEqual([expect.stringContaining('realtime.auth is not set')]);
    });

    it('with a path', async () => {
      const { url } = await startApp({
        platform,
        options: { path: '/deep/er' },
        path: '/deep/er',
        providers: [EchoGateway],
      });
      expect(await echoes(url)).toBe('x');
      expect(await refusal(url.replace('/deep/er', '/realtime'))).toBe(404);
    });

    it('by forRootAsync() with useFactory, imports and inject', async () => {
      const { url } = await startApp({
        platform,
        realtime: RealtimeModule.forRootAsync({
          imports: [SettingsModule],
          inject: [Settings],
          useFactory: async ({ path }: Settings) =>
            Promise.resolve({ path, auth: { verify: verifyByName } }),
        }),
        path: '/from-settings',
        providers: [EchoGateway],
      });
      expect(await echoes(url)).toBe('x');
    });

    it('by forRootAsync() with useClass', async () => {
      const { url } = await startApp({
        platform,
        realtime: RealtimeModule.forRootAsync({
          imports: [SettingsModule],
          useClass: OptionsFactory,
        }),
        path: '/from-settings',
        providers: [EchoGateway],
      });
      expect(await echoes(url)).toBe('x');
    });

    it('by forRootAsync() with useExisting', async () => {
      const { url } = await startApp({
        platform,
        realtime: RealtimeModule.forRootAsync({
          imports: [FactoryModule],
          useExisting: OptionsFactory,
        }),
        path: '/from-settings',
        providers: [EchoGateway],
      });
      expect(await echoes(url)).toBe('x');
    });

    it('globally: another module injects the RoomService without importing it', async () => {
      const app = await startApp({ platform, imports: [FeatureModule] });
      expect(app.get(Announcer).rooms).toBe(app.rooms);
    });

    it('not globally, if isGlobal is false', async () => {
      const realtime = RealtimeModule.forRoot({ isGlobal: false });
      await expect(createApp({ platform, realtime, imports: [FeatureModule] })).rejects.toThrow(
        /RoomService/,
      );
    });

    it('not globally, and the module that imports it has the RoomService', async () => {
      const realtime = RealtimeModule.forRoot({ isGlobal: false });
      const app = await startApp({ platform, realtime, providers: [Announcer] });
      expect(app.get(Announcer).rooms).toBe(app.rooms);
    });

    it('not globally, if isGlobal of forRootAsync() is false', async () => {
      const realtime = RealtimeModule.forRootAsync({ isGlobal: false, useFactory: () => ({}) });
      await expect(createApp({ platform, realtime, imports: [FeatureModule] })).rejects.toThrow(
        /RoomService/,
      );
    });

    it.each([
      ['forRoot()', RealtimeModule.forRoot({ path: 'realtime' })],
      ['forRootAsync()', RealtimeModule.forRootAsync({ useFactory: () => ({ path: 'realtime' }) })],
    ])('by %s with broken options: the application does not start', async (_how, realtime) => {
      await expect(createApp({ platform, realtime })).rejects.toThrow(RealtimeOptionsError);
    });
  });

  describe('needs no line in main.ts', () => {
    function create(): Promise<INestApplication> {
      const adapter = platform === 'express' ? new ExpressAdapter() : new FastifyAdapter();
      return NestFactory.create(AppModule, adapter, { logger: false });
    }

    it('with NestFactory.create()', async () => {
      const app = await create();
      expect(await echoes(await listen(app))).toBe('x');
      await app.close();
    });

    it('and leaves the HTTP routes alone', async () => {
      const app = await create();
      const url = (await listen(app)).replace('ws:', 'http:');
      expect(await (await fetch(url.replace('/realtime', '/page'))).text()).toBe('a page');
      expect((await fetch(url)).status).toBe(404);
      await app.close();
    });

    it('and has TokenAuthGuard and @CurrentUser() for them', async () => {
      const app = await create();
      const url = (await listen(app)).replace('ws:', 'http:').replace('/realtime', '/me');
      const answer = await fetch(url, { headers: { authorization: 'Bearer token-ada' } });
      expect(await answer.json()).toEqual({ user: { id: 'ada', name: 'ADA' }, id: 'ada' });
      expect((await fetch(url)).status).toBe(401);
      await app.close();
    });

    it('for two applications in one process, which do not hear each other', async () => {
      const [first, second] = [await create(), await create()];
      const clients = await Promise.all(
        [first, second].map(async (app) => RawClient.connect(await listen(app), 'token-ada')),
      );
      await first.get(RoomService).toAll('news', 1);
      expect(await clients[0]!.next('message')).toMatchObject({ event: 'news' });
      expect(await clients[1]!.request('1', 'echo', 2)).toMatchObject({ payload: 2 });
      expect(clients[1]!.unread).toEqual([]);
      await Promise.all([first.close(), second.close()]);
    });
  });

  it('serves an application that has room classes and no gateway', async () => {
    const app = await startApp({ platform, providers: [LobbyRooms] });
    const client = await app.connect();
    client.send({ type: 'subscribe', id: '1', room: 'lobby' });
    expect(await client.answer('1')).toMatchObject({ type: 'subscribed' });
    expect(await client.request('2', 'echo')).toMatchObject({ code: 'unknown-event' });
  });

  it('says at start-up what it serves', async () => {
    const app = await startApp({ platform, providers: [EchoGateway, LobbyRooms] });
    expect(app.log.lines).toContainEqual(
      expect.stringContaining('Serving 1 events of 1 gateways and 1 room classes at /realtime'),
    );
  });

  it('warns at start-up of handlers in classes that are no gateways', async () => {
    @Injectable()
    class Plain {
      @SubscribeMessage('plain')
      answer(): number {
        return 1;
      }
    }
    @Controller()
    class Routes {
      @SubscribeMessage('routes')
      answer(): number {
        return 1;
      }
    }
    @Module({ controllers: [Routes] })
    class RoutesModule {}

    const providers = [EchoGateway, Plain, { provide: 'made', useFactory: () => 1 }];
    const app = await startApp({ platform, providers, imports: [RoutesModule] });
    const strays = app.log.lines.filter((line) => line.includes('has no effect'));
    expect(strays).toEqual([
      expect.stringContaining(
        'Plain.answer: @SubscribeMessage() has no effect in a class without @RealtimeGateway()',
      ),
      expect.stringContaining('Routes.answer: '),
    ]);
  });

  it('warns of no handlers that a gateway has inherited from another provider', async () => {
    @Injectable()
    class Answers {
      @SubscribeMessage('inherited')
      answer(): number {
        return 1;
      }
    }
    @RealtimeGateway()
    class AnswersGateway extends Answers {}

    const app = await startApp({ platform, providers: [Answers, AnswersGateway] });
    expect(app.log.lines.filter((line) => line.includes('has no effect'))).toEqual([]);
    const client = await app.connect();
    expect(await client.request('1', 'inherited')).toMatchObject({ payload: 1 });
  });

  it.each([[[EchoGateway]], [[]]])(
    'fails app.init() when app.useWebSocketAdapter() has replaced its adapter (gateways: %p)',
    async (providers) => {
      const app = await createApp({
        platform,
        providers,
        prepare: (made) => made.useWebSocketAdapter(new WsAdapter(made)),
      });
      await expect(app.init()).rejects.toThrow(
        'RealtimeModule: app.useWebSocketAdapter() replaced the adapter that RealtimeModule had installed. Remove that call; for gateways that need the other adapter, pass it as realtime.fallbackAdapter.',
      );
    },
  );

  it.each([[[EchoGateway]], [[]]])(
    'fails app.init() when the module is imported twice, and says so (gateways: %p)',
    async (providers) => {
      const imports = [RealtimeModule.forRoot({ path: '/other' })];
      const app = await createApp({ platform, providers, imports });
      await expect(app.init()).rejects.toThrow(
        'RealtimeModule: forRoot() or forRootAsync() is imported more than once. Call it once, in the root module',
      );
    },
  );

  it('fails app.init() when a guard of auth.guards is no provider, and names it', async () => {
    const app = await createApp({ platform, options: { auth: { guards: [DoorGuard] } } });
    await expect(app.init()).rejects.toThrow(
      'realtime.auth.guards: DoorGuard cannot be had, list it under the providers of a module: ',
    );
  });

  it('asks for options when its class is imported instead of forRoot()', async () => {
    const app = createApp({ platform, realtime: { module: RealtimeModule } });
    await expect(app).rejects.toThrow(RealtimeOptionsError);
  });

  describe('shares the HTTP server', () => {
    it('and answers 404 for a path that nobody wants', async () => {
      const { url } = await startApp({ platform, providers: [EchoGateway] });
      for (const path of ['/', '/other', '/realtime/deeper', '/realtimes', '/REALTIME']) {
        expect([path, await refusal(url.replace('/realtime', path))]).toEqual([path, 404]);
      }
    });

    it('and takes its path with a trailing slash or a query, too', async () => {
      const { url } = await startApp({ platform, providers: [EchoGateway] });
      expect(await echoes(`${url}/`)).toBe('x');
      expect(await echoes(`${url}?a=/other`)).toBe('x');
    });

    it.each(['before', 'after'])(
      'and leaves the path of an upgrade listener alone that was there %s it',
      async (when) => {
        const other = new WebSocketServer({ noServer: true });
        const listenTo = (server: Server): void => {
          server.on('upgrade', (request, socket, head) => {
            if (request.url !== '/other') return;
            other.handleUpgrade(request, socket, head, (webSocket) => {
              webSocket.send('{"type":"pong","id":"the other"}');
            });
          });
        };
        const app = await startApp({
          platform,
          providers: [EchoGateway],
          prepare: (made) => {
            if (when === 'before') listenTo(made.getHttpServer() as Server);
          },
        });
        if (when === 'after') listenTo(app.server);
        const client = await RawClient.open(app.url.replace('/realtime', '/other'), {
          protocols: [],
        });
        expect(await client.next('pong')).toEqual({ type: 'pong', id: 'the other' });
        expect(await echoes(app.url)).toBe('x');
        client.socket.terminate();
      },
    );
  });

  describe('ends', () => {
    it('when app.close() is called, twice if need be', async () => {
      const app = await startApp({ platform, providers: [EchoGateway] });
      const client = await app.connect();
      await Promise.all([app.app.close(), app.app.close()]);
      await app.app.close();
      expect(await client.closed).toMatchObject({ code: 1001 });
    });

    it('when the application was initialised and never listened', async () => {
      const app = await createApp({ platform, providers: [EchoGateway] });
      await app.init();
      await app.close();
    });

    it('without a listener left on the HTTP server', async () => {
      const app = await startApp({ platform, providers: [EchoGateway] });
      const { server } = app;
      await app.close();
      expect(server.listeners('upgrade')).toEqual([]);
    });

    it('20 times without a socket, server or timer left', async () => {
      const cycle = async (): Promise<void> => {
        const app = await startApp({ platform, providers: [EchoGateway, LobbyRooms] });
        const client = await app.connect();
        client.send({ type: 'subscribe', id: '1', room: 'lobby' });
        await client.answer('1');
        await client.request('2', 'echo', 1);
        await app.close();
        await client.closed;
      };
      await cycle();
      const before = handles();
      for (let count = 0; count < 20; count += 1) await cycle();
      await until(() => handles().length <= before.length, 2_000);
    }, 20_000);
  });
});

describe('RealtimeModule without HTTP', () => {
  it('gives an application context its RoomService', async () => {
    const context = await NestFactory.createApplicationContext(AppModule, { logger: false });
    const rooms = context.get(RoomService);
    expect(await rooms.publish('lobby', 'news', { n: 1 })).toMatchObject({
      position: { offset: 1 },
      durability: 'memory',
    });
    await rooms.toUser('ada', 'news');
    await rooms.toAll('news');
    await rooms.disconnectUser('ada');
    expect(await rooms.size('lobby')).toBe(0);
    await context.close();
    await expect(rooms.publish('lobby', 'news')).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('leaves nothing behind', async () => {
    const before = handles();
    const context = await NestFactory.createApplicationContext(AppModule, { logger: false });
    expect(handles()).toEqual(before);
    await context.close();
    expect(handles()).toEqual(before);
  });

  it('compiles in a testing module that no application is made of', async () => {
    const module = await Test.createTestingModule({ imports: [AppModule] })
      .setLogger(new NestLog())
      .compile();
    await module.init();
    expect(await module.get(RoomService).size('lobby')).toBe(0);
    await module.close();
  });
});
