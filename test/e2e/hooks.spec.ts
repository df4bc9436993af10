import {
  ForbiddenException,
  Inject,
  Injectable,
  Scope,
  UnauthorizedException,
  type Provider,
  type Type,
} from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WsException,
  type OnGatewayConnection,
  type OnGatewayDisconnect,
  type OnGatewayInit,
} from '@nestjs/websockets';

import {
  ErrorCode,
  RealtimeError,
  RealtimeGateway,
  RoomService,
  type Handshake,
  type OnRealtimeConnect,
  type RealtimeConnection,
} from '../../lib/index.js';
import type { RawClient } from '../../lib/testing/index.js';
import {
  closeApps,
  platforms,
  serverHasRead,
  startApp,
  watchProcess,
  type AppSetup,
  type ProcessWatch,
  type RunningApp,
} from '../support/nest-app.js';
import { deferred, turns, until } from '../support/turns.js';

/** What the gateway of a test does in its hooks. Injected, so that each test has its own. */
@Injectable()
class Hooks {
  readonly steps: string[] = [];
  connecting: (client: RealtimeConnection) => void | Promise<void> = () => undefined;
  connection: (client: RealtimeConnection, handshake: Handshake) => unknown = () => undefined;
  disconnect: (client: RealtimeConnection, reason?: unknown) => unknown = () => undefined;
  init: (server: unknown) => unknown = () => undefined;
}

@RealtimeGateway()
class HookGateway
  implements OnRealtimeConnect, OnGatewayConnection, OnGatewayDisconnect, OnGatewayInit
{
  constructor(private readonly hooks: Hooks) {}

  afterInit(server: unknown): unknown {
    this.hooks.steps.push('init');
    return this.hooks.init(server);
  }

  onRealtimeConnect(client: RealtimeConnection): void | Promise<void> {
    this.hooks.steps.push('connecting');
    return this.hooks.connecting(client);
  }

  handleConnection(client: RealtimeConnection, handshake: Handshake): unknown {
    this.hooks.steps.push('connection');
    return this.hooks.connection(client, handshake);
  }

  handleDisconnect(client: RealtimeConnection, reason?: unknown): unknown {
    this.hooks.steps.push('disconnect');
    return this.hooks.disconnect(client, reason);
  }

  @SubscribeMessage('echo')
  echo(@MessageBody() payload: unknown): unknown {
    this.hooks.steps.push(`request ${String(payload)}`);
    return payload;
  }

  @SubscribeMessage('data')
  data(@ConnectedSocket() client: RealtimeConnection): unknown {
    return client.data['loaded'];
  }
}

@RealtimeGateway()
class SecondGateway implements OnRealtimeConnect, OnGatewayDisconnect {
  constructor(private readonly hooks: Hooks) {}

  onRealtimeConnect(): void {
    this.hooks.steps.push('connecting second');
  }

  handleDisconnect(): void {
    this.hooks.steps.push('disconnect second');
  }
}

const scopedFailures = new Map<string, () => unknown>([
  [
    'throw',
    () => {
      throw new Error('secret of the scoped hook');
    },
  ],
  ['reject', () => Promise.reject(new Error('secret of the scoped hook'))],
]);

/** A request-scoped gateway whose hook fails; made anew for each test because Nest keeps metadata a class. */
function failingScopedGateway(
  hook: 'afterInit' | 'handleConnection' | 'handleDisconnect',
  how: string,
): Type {
  @RealtimeGateway()
  @Injectable({ scope: Scope.REQUEST })
  class FailingScopedGateway {
    @SubscribeMessage('scoped')
    scoped(): string {
      return 'alive';
    }
  }
  Object.defineProperty(FailingScopedGateway.prototype, hook, {
    value: () => scopedFailures.get(how)?.(),
    configurable: true,
    writable: true,
  });
  return FailingScopedGateway;
}

@Injectable({ scope: Scope.REQUEST })
class BrokenState {
  constructor(@Inject(REQUEST) connection: RealtimeConnection) {
    throw new Error(`secret of ${connection.id}`);
  }
}

@RealtimeGateway()
class BrokenScopedGateway {
  constructor(readonly state: BrokenState) {}

  @SubscribeMessage('broken')
  broken(): string {
    return 'unreachable';
  }
}

describe.each(platforms)('hooks on %s', (platform) => {
  let watch: ProcessWatch;
  let app: RunningApp;
  let hooks: Hooks;

  beforeEach(() => {
    watch = watchProcess();
  });

  afterEach(async () => {
    await closeApps();
    await watch.settle();
    watch.stop();
    expect(watch.fatal).toEqual([]);
  });

  async function start(setup: AppSetup = {}): Promise<void> {
    app = await startApp({
      platform,
      ...setup,
      providers: [HookGateway, Hooks, ...(setup.providers ?? [])],
    });
    hooks = app.get(Hooks);
    hooks.steps.length = 0;
  }

  /** A client that has said hello and is not in yet. */
  async function knock(): Promise<RawClient> {
    const client = await app.open();
    client.send({ type: 'hello', token: 'token-ada' });
    return client;
  }

  describe('onRealtimeConnect', () => {
    it('runs after authentication and before the client is told', async () => {
      await start();
      const gate = deferred();
      let user: unknown;
      hooks.connecting = async (client) => {
        user = client.user;
        await gate.promise;
      };
      const client = await knock();
      await until(() => hooks.steps.length > 0);
      await serverHasRead(client);
      expect(client.unread).toEqual([]);
      expect(user).toMatchObject({ id: 'ada' });
      gate.resolve();
      await client.next('connected');
      expect(hooks.steps).toEqual(['connecting', 'connection']);
    });

    it('does not run for a client without valid credentials', async () => {
      await start();
      const client = await app.open();
      client.send({ type: 'hello', token: 'wrong' });
      expect(await client.closed).toMatchObject({ code: 4401 });
      expect(hooks.steps).toEqual([]);
    });

    it('has the frames that come meanwhile wait, and handled afterwards in order', async () => {
      await start();
      const gate = deferred();
      hooks.connecting = () => gate.promise;
      const client = await knock();
      for (const id of ['1', '2', '3']) {
        client.send({ type: 'request', id, event: 'echo', payload: id });
      }
      await serverHasRead(client);
      await turns(10);
      expect(hooks.steps).toEqual(['connecting']);
      gate.resolve();
      await client.answer('3');
      expect(hooks.steps).toEqual([
        'connecting',
        'connection',
        'request 1',
        'request 2',
        'request 3',
      ]);
      expect(client.unread.map(({ type }) => type)).toEqual(['connected', 'response', 'response']);
    });

    it('never has the frames handled of a client that it keeps out', async () => {
      await start();
      const gate = deferred();
      hooks.connecting = () => gate.promise;
      const client = await knock();
      client.send({ type: 'request', id: '1', event: 'echo', payload: 1 });
      await serverHasRead(client);
      gate.reject(new ForbiddenException());
      await client.closed;
      await turns(10);
      expect(hooks.steps).toEqual(['connecting']);
      expect(client.unread).toEqual([]);
    });

    it.each<[string, () => unknown, number]>([
      ['a ForbiddenException', () => new ForbiddenException(), 4403],
      ['a RealtimeError forbidden', () => new RealtimeError(ErrorCode.Forbidden, 'no'), 4403],
      ['an UnauthorizedException', () => new UnauthorizedException(), 4401],
      ['a RealtimeError unauthorized', () => new RealtimeError(ErrorCode.Unauthorized, 'no'), 4401],
      ['a WsException of Nest', () => new WsException('Forbidden resource'), 4403],
      ['an unknown error', () => new Error('secret of the hook'), 1011],
      ['something that is no Error', () => 'secret text', 1011],
    ])('closes the client when it throws or rejects with %s', async (_what, make, code) => {
      await start();
      hooks.connecting = () => {
        throw make();
      };
      const first = await knock();
      expect(await first.closed).toMatchObject({ code });
      hooks.connecting = () => Promise.reject(make());
      const second = await knock();
      const closed = await second.closed;
      expect(closed.code).toBe(code);
      expect(closed.reason).not.toContain('secret');
      expect(app.log.errors).toHaveLength(code === 1011 ? 2 : 0);
      expect(hooks.steps).toEqual(['connecting', 'connecting']);
    });

    it('is waited for no longer than the limit', async () => {
      await start({ options: { limits: { admissionTimeoutMs: 30 } } });
      hooks.connecting = () => new Promise(() => undefined);
      expect(await (await knock()).closed).toMatchObject({ code: 1011 });
    });

    it('may load what handlers need', async () => {
      await start();
      hooks.connecting = async (client) => {
        client.data['loaded'] = await Promise.resolve(`profile of ${client.user.id}`);
      };
      const client = await app.connect();
      expect(await client.request('1', 'data')).toMatchObject({ payload: 'profile of ada' });
    });

    it('may send and join; the client learns of it after connected', async () => {
      await start();
      hooks.connecting = async (client) => {
        client.emit('welcome', { n: 1 });
        await client.join('lobby');
        client.emit('welcome', { n: 2 });
      };
      const client = await knock();
      const frames = [await client.nextFrame(), await client.nextFrame()];
      frames.push(await client.nextFrame(), await client.nextFrame());
      expect(frames).toEqual([
        expect.objectContaining({ type: 'connected' }),
        expect.objectContaining({ type: 'message', event: 'welcome', payload: { n: 1 } }),
        expect.objectContaining({ type: 'subscribed', room: 'lobby', offset: 0 }),
        expect.objectContaining({ type: 'message', event: 'welcome', payload: { n: 2 } }),
      ]);
      await app.rooms.publish('lobby', 'hello', 1);
      expect(await client.next('message')).toMatchObject({ room: 'lobby', event: 'hello' });
    });

    it('may close the client itself, with a code of its own', async () => {
      await start();
      hooks.connecting = (client) => {
        client.close(4404, 'no such tenant');
      };
      const client = await knock();
      expect(await client.closed).toEqual({ code: 4404, reason: 'no such tenant' });
      await turns(5);
      expect(hooks.steps).toEqual(['connecting']);
    });

    it('is not waited for by app.close()', async () => {
      await start();
      hooks.connecting = () => new Promise(() => undefined);
      const client = await knock();
      await until(() => hooks.steps.length > 0);
      await app.close();
      expect(await client.closed).toMatchObject({ code: 1001 });
      expect(client.unread).toEqual([]);
    });

    it('leaves nothing behind when it joined and then failed', async () => {
      await start();
      hooks.connecting = async (client) => {
        await client.join('lobby');
        throw new ForbiddenException();
      };
      await (
        await knock()
      ).closed;
      expect(await app.rooms.size('lobby')).toBe(0);
      expect(await app.rooms.connectionCount()).toBe(0);
    });

    it('runs for each gateway, one after the other', async () => {
      await start({ providers: [SecondGateway] });
      const gate = deferred();
      hooks.connecting = () => gate.promise;
      const client = await knock();
      await until(() => hooks.steps.length > 0);
      await turns(5);
      expect(hooks.steps).toEqual(['connecting']);
      gate.resolve();
      await client.next('connected');
      expect(hooks.steps).toEqual(['connecting', 'connecting second', 'connection']);
    });

    it('that ends after its client has gone connects nobody', async () => {
      await start();
      const gate = deferred();
      hooks.connecting = () => gate.promise;
      const client = await knock();
      await until(() => hooks.steps.length > 0);
      client.socket.terminate();
      const { rooms } = app;
      while ((await rooms.connectionCount()) > 0) await turns(1);
      gate.resolve();
      await turns(10);
      expect(hooks.steps).toEqual(['connecting']);
    });
  });

  describe('handleConnection', () => {
    it('gets the client and the handshake', async () => {
      await start();
      const seen: unknown[] = [];
      hooks.connection = (client, handshake) => seen.push(client.user.id, handshake.url);
      await app.connect();
      expect(seen).toEqual(['ada', '/realtime']);
    });

    it('may send; the client learns of it after connected and before any answer', async () => {
      await start();
      hooks.connection = (client) => {
        client.emit('welcome');
      };
      const client = await knock();
      client.send({ type: 'request', id: '1', event: 'echo', payload: 1 });
      await client.answer('1');
      expect(client.unread.map(({ type }) => type)).toEqual(['connected', 'message']);
    });

    it('runs once a client, however many gateways there are', async () => {
      await start({ providers: [SecondGateway] });
      await app.connect();
      await app.connect();
      expect(hooks.steps.filter((step) => step === 'connection')).toHaveLength(2);
    });

    it.each<[string, () => unknown]>([
      [
        'throws',
        () => {
          throw new Error('secret of the hook');
        },
      ],
      ['rejects', () => Promise.reject(new Error('secret of the hook'))],
    ])('that %s closes its client with 1011, logs, and ends nothing else', async (_how, fail) => {
      await start();
      const witness = await app.connect();
      hooks.connection = fail;
      const client = await knock();
      const closed = await client.closed;
      expect(closed).toEqual({ code: 1011, reason: 'connect hook failed' });
      expect(app.log.linesWith('secret of the hook')).toHaveLength(1);
      expect(app.log.errors[0]).toContain('HookGateway.handleConnection failed');
      expect(await witness.request('1', 'echo', 'x')).toMatchObject({ payload: 'x' });
    });

    it('that closes the client still has handleDisconnect called, once', async () => {
      await start({ providers: [SecondGateway] });
      hooks.connection = (client) => {
        client.close(4321, 'not you');
      };
      const client = await knock();
      expect(await client.closed).toEqual({ code: 4321, reason: 'not you' });
      await turns(10);
      expect(hooks.steps.filter((step) => step === 'disconnect')).toHaveLength(1);
      expect(hooks.steps.filter((step) => step === 'disconnect second')).toHaveLength(1);
    });
  });

  describe('handleDisconnect', () => {
    it('gets the client, who is still known, and the reason', async () => {
      await start();
      const seen = deferred<unknown[]>();
      hooks.disconnect = (client, reason) => {
        seen.resolve([client.user.id, client.isConnected, reason]);
      };
      const client = await app.connect();
      client.socket.close(1000, 'bye');
      expect(await seen.promise).toEqual(['ada', false, 'bye']);
    });

    it('runs once for each gateway and client', async () => {
      await start({ providers: [SecondGateway] });
      const [first, second] = [await app.connect(), await app.connect()];
      await Promise.all([first.close(), second.close()]);
      await until(() => hooks.steps.filter((step) => step.startsWith('disconnect')).length >= 4);
      await turns(5);
      expect(hooks.steps.filter((step) => step === 'disconnect')).toHaveLength(2);
      expect(hooks.steps.filter((step) => step === 'disconnect second')).toHaveLength(2);
    });

    it.each<[string, () => unknown]>([
      [
        'throws',
        () => {
          throw new Error('secret of the hook');
        },
      ],
      ['rejects', () => Promise.reject(new Error('secret of the hook'))],
    ])('that %s is logged and ends nothing', async (_how, fail) => {
      await start();
      const witness = await app.connect();
      hooks.disconnect = fail;
      await (await app.connect()).close();
      await until(() => app.log.errors.length > 0);
      expect(app.log.errors[0]).toContain('HookGateway.handleDisconnect failed');
      hooks.disconnect = () => undefined;
      expect(await witness.request('1', 'echo', 'x')).toMatchObject({ payload: 'x' });
    });

    it('is waited for by app.close()', async () => {
      await start();
      const gate = deferred();
      let saved = false;
      hooks.disconnect = async () => {
        await gate.promise;
        saved = true;
      };
      const client = await app.connect();
      let isClosed = false;
      const closing = app.close().then(() => {
        isClosed = true;
      });
      await client.closed;
      await turns(20);
      expect([saved, isClosed]).toEqual([false, false]);
      gate.resolve();
      await closing;
      expect(saved).toBe(true);
    });
  });

  describe('afterInit', () => {
    it('gets the RoomService', async () => {
      let server: unknown;
      await start({
        providers: [initialising((given) => (server = given))],
      });
      expect(server).toBeInstanceOf(RoomService);
    });

    it.each<[string, () => unknown]>([
      [
        'throws',
        () => {
          throw new Error('secret of the hook');
        },
      ],
      ['rejects', () => Promise.reject(new Error('secret of the hook'))],
    ])('that %s is logged, and the application serves', async (_how, fail) => {
      await start({ providers: [initialising(fail)] });
      await watch.settle();
      expect(app.log.linesWith('secret of the hook')).toHaveLength(1);
      const client = await app.connect();
      expect(await client.request('1', 'echo', 'x')).toMatchObject({ payload: 'x' });
    });
  });

  describe('of a request-scoped gateway', () => {
    it.each([
      ['afterInit', 'throw'],
      ['afterInit', 'reject'],
      ['handleConnection', 'throw'],
      ['handleConnection', 'reject'],
      ['handleDisconnect', 'throw'],
      ['handleDisconnect', 'reject'],
    ] as const)('%s that fails (%s) ends nothing but, at most, its client', async (hook, how) => {
      await start({ providers: [failingScopedGateway(hook, how)] });
      const client = await knock();
      await client.next('connected');
      const isOut = hook === 'handleConnection';
      const { code } = await (isOut ? client.closed : client.close(1000));
      expect(code).toBe(isOut ? 1011 : 1000);
      await until(() => app.log.linesWith('secret of the scoped hook').length > 0);
      expect(app.log.linesWith('secret of the scoped hook')).toHaveLength(1);
      const witness = await app.open();
      witness.send({ type: 'hello', token: 'token-witness' });
      await witness.next('connected');
    });

    it('that cannot be made ends nothing but its client', async () => {
      await start({ providers: [BrokenScopedGateway, BrokenState] });
      const client = await knock();
      expect(await client.closed).toMatchObject({ code: 1011 });
      expect(app.log.linesWith('secret of').length).toBeGreaterThan(0);
    });
  });
});

/** A gateway with only an `afterInit`. */
function initialising(init: (server: unknown) => unknown): Provider {
  @RealtimeGateway()
  class InitialisingGateway {
    afterInit(server: unknown): unknown {
      return init(server);
    }
  }
  return InitialisingGateway;
}
