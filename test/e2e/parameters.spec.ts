import { Inject, Injectable, Scope, ValidationPipe } from '@nestjs/common';
import { APP_PIPE, REQUEST } from '@nestjs/core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
} from '@nestjs/websockets';

import {
  CurrentUser,
  RealtimeConnection,
  RealtimeGateway,
  RequestSignal,
  RoomService,
  type RealtimeUser,
} from '../../lib/index.js';
import { RawClient } from '../../lib/testing/index.js';
import { platforms, startApp, type RunningApp } from '../support/nest-app.js';
import { until } from '../support/turns.js';

@RealtimeGateway()
class ParameterGateway {
  @WebSocketServer()
  server!: RoomService;

  @SubscribeMessage('body')
  body(@MessageBody() body: unknown): unknown {
    return { type: typeof body, body };
  }

  @SubscribeMessage('property')
  property(@MessageBody('name') name: unknown): unknown {
    return { type: typeof name, name };
  }

  @SubscribeMessage('client')
  client(@ConnectedSocket() client: RealtimeConnection): unknown {
    return {
      isConnection: client instanceof RealtimeConnection,
      id: client.id,
      ip: client.ip,
      url: client.url,
      header: client.headers['x-test'],
      query: client.query.get('v'),
      user: client.user,
      isAnonymous: client.isAnonymous,
      isConnected: client.isConnected,
    };
  }

  @SubscribeMessage('note')
  note(@ConnectedSocket() client: RealtimeConnection, @MessageBody() note: unknown): unknown {
    const before = client.data['note'];
    client.data['note'] = note;
    return before ?? 'nothing';
  }

  @SubscribeMessage('user')
  user(@CurrentUser() user: RealtimeUser): unknown {
    return user;
  }

  @SubscribeMessage('user.name')
  name(@CurrentUser('name') name: string): unknown {
    return name;
  }

  @SubscribeMessage('signal')
  signal(@RequestSignal() signal: AbortSignal): unknown {
    return { aborted: signal.aborted };
  }

  @SubscribeMessage('order')
  order(
    @CurrentUser('id') userId: string,
    @MessageBody() body: unknown,
    @RequestSignal() signal: AbortSignal,
    @ConnectedSocket() client: RealtimeConnection,
  ): unknown {
    return [userId, body, signal.aborted, client.user.id];
  }

  @SubscribeMessage('undecorated')
  undecorated(client: RealtimeConnection, body: unknown): unknown {
    return [client.user.id, body];
  }

  @SubscribeMessage('emit')
  emit(@ConnectedSocket() client: RealtimeConnection): void {
    client.emit('aside', { n: 1 });
    client.emit('aside');
  }

  @SubscribeMessage('close')
  close(@ConnectedSocket() client: RealtimeConnection, @MessageBody() code?: number): void {
    if (code === undefined) client.close();
    else client.close(code, 'as you wish');
  }
}

/** Shared by all connections. */
@Injectable()
class Instances {
  readonly made: string[] = [];
  readonly gone: string[] = [];
  count = 0;
}

@Injectable({ scope: Scope.REQUEST })
class ConnectionState {
  readonly serial: number;
  requests = 0;

  constructor(
    @Inject(REQUEST) readonly connection: RealtimeConnection,
    instances: Instances,
  ) {
    instances.count += 1;
    this.serial = instances.count;
  }
}

/** Request-scoped because something it depends on is. */
@RealtimeGateway()
class ScopedGateway {
  @WebSocketServer()
  server!: RoomService;

  constructor(
    private readonly state: ConnectionState,
    @Inject(REQUEST) private readonly connection: RealtimeConnection,
    private readonly instances: Instances,
  ) {}

  handleConnection(client: RealtimeConnection): void {
    this.instances.made.push(client.id);
  }

  handleDisconnect(client: RealtimeConnection): void {
    this.instances.gone.push(client.id);
  }

  @SubscribeMessage('scoped')
  scoped(@ConnectedSocket() client: RealtimeConnection, @MessageBody() body: unknown): unknown {
    this.state.requests += 1;
    return {
      serial: this.state.serial,
      requests: this.state.requests,
      same: client.id === this.connection.id && client.id === this.state.connection.id,
      server: this.server instanceof RoomService,
      body,
    };
  }

  @SubscribeMessage('scoped.fail')
  fail(): never {
    throw new Error('secret of the scoped gateway');
  }
}

/** Request-scoped by its own word. */
@WebSocketGateway()
@Injectable({ scope: Scope.REQUEST })
class ExplicitlyScopedGateway {
  private requests = 0;

  @SubscribeMessage('explicit')
  explicit(): number {
    this.requests += 1;
    return this.requests;
  }
}

describe.each(platforms)('parameters on %s', (platform) => {
  let app: RunningApp;
  let client: RawClient;

  beforeAll(async () => {
    app = await startApp({
      platform,
      providers: [
        ParameterGateway,
        ScopedGateway,
        ExplicitlyScopedGateway,
        ConnectionState,
        Instances,
        { provide: APP_PIPE, useValue: new ValidationPipe({ transform: true, whitelist: true }) },
      ],
    });
  });

  beforeEach(async () => {
    client = await app.connect();
  });

  afterEach(async () => {
    await client.close();
  });

  afterAll(async () => {
    await app.close();
  });

  async function payloadOf(event: string, payload?: unknown, from = client): Promise<unknown> {
    const answer = await from.request('1', event, payload);
    return (answer as { payload?: unknown }).payload;
  }

  describe('@MessageBody()', () => {
    it.each([[{ a: 1 }], [[1]], ['text'], [0], [false], [null]])('injects %j', async (body) => {
      expect(await payloadOf('body', body)).toEqual({ type: typeof body, body });
    });

    it('injects undefined when the request has no payload', async () => {
      expect(await payloadOf('body')).toEqual({ type: 'undefined' });
    });

    it('injects one property', async () => {
      expect(await payloadOf('property', { name: 'jane' })).toEqual({
        type: 'string',
        name: 'jane',
      });
    });

    it.each([[undefined], [null], ['text'], [{}]])(
      'injects undefined for a property that %j does not have',
      async (body) => {
        expect(await payloadOf('property', body)).toEqual({ type: 'undefined' });
      },
    );
  });

  describe('@ConnectedSocket()', () => {
    it('injects a connection that looks like a request', async () => {
      const asked = await RawClient.connect(`${app.url}?v=2`, 'token-jane', {
        socket: { headers: { 'X-Test': 'yes' } },
      });
      expect(await payloadOf('client', undefined, asked)).toEqual({
        isConnection: true,
        id: expect.any(String),
        ip: '127.0.0.1',
        url: '/realtime?v=2',
        header: 'yes',
        query: '2',
        user: { id: 'jane', name: 'JANE' },
        isAnonymous: false,
        isConnected: true,
      });
      await asked.close();
    });

    it('injects the same object for every request of a connection, and another for another', async () => {
      expect(await payloadOf('note', 'first')).toBe('nothing');
      expect(await payloadOf('note', 'second')).toBe('first');
      const other = await app.connect();
      expect(await payloadOf('note', 'third', other)).toBe('nothing');
      await other.close();
    });

    it('sends messages to this client alone, before the answer of the request', async () => {
      const other = await app.connect();
      client.send({ type: 'request', id: '1', event: 'emit' });
      expect(await client.nextFrame()).toMatchObject({
        type: 'message',
        event: 'aside',
        payload: { n: 1 },
      });
      const bare = await client.nextFrame();
      expect(bare).toMatchObject({ type: 'message', event: 'aside' });
      expect(bare).not.toHaveProperty('payload');
      expect(bare).not.toHaveProperty('room');
      expect(await client.nextFrame()).toEqual({ type: 'response', id: '1' });
      await other.request('2', 'body');
      expect(other.unread).toEqual([]);
      await other.close();
    });

    it('closes with 4300 unless told otherwise', async () => {
      client.send({ type: 'request', id: '1', event: 'close' });
      expect(await client.closed).toEqual({ code: 4300, reason: 'disconnected by the server' });
    });

    it('closes with the code and reason of the application', async () => {
      client.send({ type: 'request', id: '1', event: 'close', payload: 4999 });
      expect(await client.closed).toEqual({ code: 4999, reason: 'as you wish' });
    });

    it('refuses to close with a code that is not for applications', async () => {
      expect(await client.request('1', 'close', 1006)).toMatchObject({ code: 'invalid-field' });
    });
  });

  describe('@CurrentUser()', () => {
    it('injects the whole user, as the verifier gave it', async () => {
      expect(await payloadOf('user')).toEqual({ id: 'ada', name: 'ADA' });
    });

    it('injects one property of the user', async () => {
      expect(await payloadOf('user.name')).toBe('ADA');
    });
  });

  it('@RequestSignal() injects a signal that has not aborted', async () => {
    expect(await payloadOf('signal')).toEqual({ aborted: false });
  });

  it('stand in any order', async () => {
    expect(await payloadOf('order', 'x')).toEqual(['ada', 'x', false, 'ada']);
  });

  it('may be left undecorated, as in stock Nest', async () => {
    expect(await payloadOf('undecorated', 'x')).toEqual(['ada', 'x']);
  });

  it('@WebSocketServer() injects the RoomService', () => {
    expect(app.get(ParameterGateway).server).toBe(app.rooms);
  });

  describe('a request-scoped gateway', () => {
    it('has one instance a connection', async () => {
      const first = (await payloadOf('scoped')) as { serial: number };
      expect(await payloadOf('scoped', 'x')).toEqual({
        serial: first.serial,
        requests: 2,
        same: true,
        server: true,
        body: 'x',
      });
      const other = await app.connect();
      expect(await payloadOf('scoped', 'y', other)).toMatchObject({
        serial: first.serial + 1,
        requests: 1,
        same: true,
      });
      await other.close();
    });

    it('may be so by its own word', async () => {
      expect(await payloadOf('explicit')).toBe(1);
      expect(await payloadOf('explicit')).toBe(2);
      const other = await app.connect();
      expect(await payloadOf('explicit', undefined, other)).toBe(1);
      await other.close();
    });

    it('answers errors under the id of the request', async () => {
      expect(await client.request('9', 'scoped.fail')).toEqual({
        type: 'error',
        id: '9',
        code: 'internal',
        message: 'the handler failed',
        retryable: false,
      });
    });

    it('is told of the connection and of its end', async () => {
      const instances = app.get(Instances);
      await client.request('1', 'scoped');
      const id = instances.made.at(-1);
      await client.close();
      await until(() => instances.gone.includes(String(id)));
      expect(instances.made.filter((made) => made === id)).toHaveLength(1);
      expect(instances.gone.filter((gone) => gone === id)).toHaveLength(1);
    });
  });
});
