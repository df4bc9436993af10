import { Injectable, UseGuards, type CanActivate, type CallHandler } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { MessageBody, SubscribeMessage } from '@nestjs/websockets';
import { of, type Observable } from 'rxjs';
import { WebSocket } from 'ws';

import { RealtimeClient } from '../../lib/client/index.js';
import {
  Idempotent,
  Public,
  RateLimit,
  RateLimitInterceptor,
  REALTIME_CLOCK,
  REALTIME_RATE_STORE,
  RealtimeGateway,
  RealtimeRoom,
  SkipRateLimit,
  type RateLimitedRequest,
  type RateStore,
  type RateVerdict,
  type RoomPolicy,
} from '../../lib/index.js';
import { ManualClock, type RawClient } from '../../lib/testing/index.js';
import type { ServerFrame } from '../../lib/protocol/index.js';
import { closeApps, platforms, startApp, type RunningApp } from '../support/nest-app.js';

const TWO = { limit: 2, perMs: 100 };

/** What the guard and the handlers did. */
@Injectable()
class Tally {
  guarded = 0;
  ran = 0;
}

@Injectable()
class CountingGuard implements CanActivate {
  constructor(private readonly tally: Tally) {}

  canActivate(): boolean {
    this.tally.guarded += 1;
    return true;
  }
}

@RealtimeGateway()
class LimitedGateway {
  constructor(private readonly tally: Tally) {}

  @RateLimit(TWO)
  @UseGuards(CountingGuard)
  @Public()
  @SubscribeMessage('user')
  user(@MessageBody() body: unknown): unknown {
    this.tally.ran += 1;
    return { body };
  }

  @RateLimit({ ...TWO, key: 'ip' })
  @SubscribeMessage('ip')
  ip(): void {}

  @RateLimit({ ...TWO, key: 'connection' })
  @SubscribeMessage('connection')
  connection(): void {}

  @RateLimit({
    ...TWO,
    key: ({ payload, client, event }) => `${event} ${client.user.id} ${String(payload)}`,
  })
  @SubscribeMessage('own')
  own(): void {}

  @RateLimit({
    limit: 10,
    perMs: 1_000,
    cost: ({ payload }: RateLimitedRequest) => Number(payload),
  })
  @SubscribeMessage('dear')
  dear(): void {}

  @RateLimit({ limit: 1, perMs: 100, burst: 3 }, { limit: 4, perMs: 60_000 })
  @SubscribeMessage('both')
  both(): void {}

  @RateLimit({ limit: 1, perMs: 60_000 }, { limit: 2, perMs: 60_000, key: 'ip' })
  @SubscribeMessage('two-keys')
  twoKeys(): void {}

  @RateLimit({ ...TWO, key: () => Promise.reject(new Error('no key')) })
  @SubscribeMessage('no-key')
  noKey(): void {}

  @RateLimit({ ...TWO, key: () => 7 as unknown as string })
  @SubscribeMessage('number-key')
  numberKey(): void {}

  @RateLimit(TWO)
  @SubscribeMessage('stream')
  stream(): Observable<number> {
    return of(1, 2);
  }

  @RateLimit(TWO)
  @SubscribeMessage('items')
  async *items(): AsyncGenerator<number> {
    yield await Promise.resolve(1);
  }

  @RateLimit({ limit: 1, perMs: 60_000 })
  @Idempotent()
  @SubscribeMessage('once')
  once(): number {
    return (this.tally.ran += 1);
  }

  @SubscribeMessage('default')
  byDefault(): void {}

  @SubscribeMessage('default-too')
  byDefaultToo(): void {}

  @SkipRateLimit()
  @SubscribeMessage('free')
  free(): void {}
}

@RateLimit({ limit: 3, perMs: 60_000 })
@RealtimeGateway()
class SharedGateway {
  @SubscribeMessage('shared-1')
  first(): void {}

  @SubscribeMessage('shared-2')
  second(): void {}

  @RateLimit({ limit: 1, perMs: 60_000 })
  @SubscribeMessage('shared-own')
  own(): void {}

  @SkipRateLimit()
  @SubscribeMessage('shared-free')
  free(): void {}
}

@RealtimeRoom('open/:name')
class OpenRooms implements RoomPolicy {
  canSubscribe(): boolean {
    return true;
  }
}

const providers = [Tally, CountingGuard, LimitedGateway, SharedGateway];
const refused = (retryAfterMs: number): object => ({
  type: 'error',
  code: 'rate-limited',
  message: 'too many requests',
  retryable: true,
  retryAfterMs,
});

describe.each(platforms)('limits of requests on %s', (platform) => {
  const clock = new ManualClock();
  let app: RunningApp;
  const clients: RawClient[] = [];
  let count = 0;

  beforeAll(async () => {
    const overrides = new Map([[REALTIME_CLOCK, clock]]);
    // R-19 has 500 clients come at once.
    const options = { rateLimit: { limit: 4, perMs: 60_000 }, limits: { attemptBurst: 1_000 } };
    app = await startApp({ platform, providers, overrides, options });
  });

  afterAll(closeApps);

  beforeEach(() => {
    // Everybody has rested.
    clock.advance(3_600_000);
    Object.assign(app.get(Tally), { guarded: 0, ran: 0 });
  });

  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
  });

  async function come(user = 'ada'): Promise<RawClient> {
    const client = await app.connect(`token-${user}`);
    clients.push(client);
    return client;
  }

  function ask(client: RawClient, event: string, payload?: unknown): Promise<ServerFrame> {
    count += 1;
    return client.request(String(count), event, payload);
  }

  /** The types of the answers, or codes. */
  async function outcomes(client: RawClient, ...events: string[]): Promise<string[]> {
    const all: string[] = [];
    for (const event of events) {
      const answer = await ask(client, event);
      all.push(answer.type === 'error' ? answer.code : answer.type);
    }
    return all;
  }

  const OK = 'response';
  const NO = 'rate-limited';

  it('R-16 refuse what is beyond the burst, and say truly when to come back', async () => {
    const client = await come();
    expect(await outcomes(client, 'user', 'user')).toEqual([OK, OK]);
    expect(await ask(client, 'user')).toMatchObject(refused(50));
    clock.advance(49);
    expect(await ask(client, 'user')).toMatchObject(refused(1));
    clock.advance(1);
    expect(await ask(client, 'user', 'x')).toMatchObject({ type: OK, payload: { body: 'x' } });
  });

  it('refuse before guards and handlers', async () => {
    await outcomes(await come(), 'user', 'user', 'user', 'user');
    expect(app.get(Tally)).toMatchObject({ guarded: 2, ran: 2 });
  });

  it('count by default what a user asks, on all connections', async () => {
    const [one, two, other] = [await come(), await come(), await come('bob')];
    expect(await outcomes(one, 'user', 'user')).toEqual([OK, OK]);
    expect(await outcomes(two, 'user')).toEqual([NO]);
    expect(await outcomes(other, 'user')).toEqual([OK]);
  });

  it('R-19 let 500 users behind one address ask, each within a limit of their own', async () => {
    const clientsOfOneAddress = await Promise.all(
      Array.from({ length: 500 }, (_, n) => come(`user${String(n)}`)),
    );
    const all = await Promise.all(
      clientsOfOneAddress.map((client) => outcomes(client, 'user', 'user', 'user')),
    );
    expect(all).toEqual(clientsOfOneAddress.map(() => [OK, OK, NO]));
  });

  it('count by address, or by connection, where that is wanted', async () => {
    const [ada, bob] = [await come(), await come('bob')];
    expect(await outcomes(ada, 'ip', 'ip', 'connection', 'connection')).toEqual([OK, OK, OK, OK]);
    expect(await outcomes(bob, 'ip', 'connection')).toEqual([NO, OK]);
    expect(await outcomes(await come(), 'connection')).toEqual([OK]);
  });

  it('count by what a function says', async () => {
    const client = await come();
    const long = 'x'.repeat(1_000);
    for (const payload of ['a', 'b', `${long}a`, `${long}b`]) {
      for (const code of [undefined, undefined, NO]) {
        const { code: found } = { code: undefined, ...(await ask(client, 'own', payload)) };
        expect([payload.slice(-1), found]).toEqual([payload.slice(-1), code]);
      }
    }
  });

  it('count as much as a request costs', async () => {
    const client = await come();
    expect(await ask(client, 'dear', 8)).toMatchObject({ type: OK });
    expect(await ask(client, 'dear', 5)).toMatchObject(refused(300));
    expect(await ask(client, 'dear', 2)).toMatchObject({ type: OK });
    expect(await ask(client, 'dear', 0)).toMatchObject({ type: OK });
  });

  it.each([-1, 0.5, 'much'])('answer internal where the cost is none: %j', async (cost) => {
    const answer = await ask(await come(), 'dear', cost);
    expect(answer).toMatchObject({ type: 'error', code: 'internal' });
  });

  it.each(['no-key', 'number-key'])('answer internal where there is no key: %s', async (event) => {
    expect(await outcomes(await come(), event)).toEqual(['internal']);
  });

  it('of several limits all have to allow it', async () => {
    const client = await come();
    expect(await outcomes(client, 'both', 'both', 'both', 'both')).toEqual([OK, OK, OK, NO]);
    clock.advance(100);
    expect(await outcomes(client, 'both')).toEqual([OK]);
    clock.advance(300);
    expect(await ask(client, 'both')).toMatchObject(refused(14_600));
  });

  it('of several limits with different keys all have to allow it', async () => {
    expect(await outcomes(await come(), 'two-keys', 'two-keys')).toEqual([OK, NO]);
    expect(await outcomes(await come('bob'), 'two-keys')).toEqual([OK]);
    expect(await outcomes(await come('cyd'), 'two-keys')).toEqual([NO]);
  });

  it('leave streams what they are', async () => {
    const client = await come();
    client.send({ type: 'request', id: 's', event: 'stream' });
    expect([(await client.next('next')).payload, (await client.next('next')).payload]).toEqual([
      1, 2,
    ]);
    expect(await client.answer('s')).toMatchObject({ type: 'complete' });
    client.send({ type: 'request', id: 'i', event: 'items' });
    expect(await client.next('next')).toMatchObject({ id: 'i', payload: 1 });
    expect(await client.answer('i')).toMatchObject({ type: 'complete' });
    expect(await outcomes(client, 'items', 'items')).toEqual(['complete', NO]);
  });

  it('do not count a repeat that gets the first reply again', async () => {
    const key = `${platform}-repeat`;
    for (let n = 0; n < 3; n += 1) {
      const client = await app.open();
      clients.push(client);
      client.send({ type: 'hello', token: 'token-ada', clientKey: key });
      await client.next('connected');
      client.send({ type: 'request', id: '7', event: 'once', retry: true });
      expect(await client.answer('7')).toEqual({ type: 'response', id: '7', payload: 1 });
    }
    expect(await outcomes(await come(), 'once')).toEqual([NO]);
  });

  it('of the module are for all handlers together that have none of their own', async () => {
    const client = await come();
    const events = ['default', 'default-too', 'default', 'default-too', 'default'];
    expect(await outcomes(client, ...events)).toEqual([OK, OK, OK, OK, NO]);
    expect(await outcomes(client, 'user', 'free', 'shared-1')).toEqual([OK, OK, OK]);
  });

  it('of a gateway are for all its handlers together that have none of their own', async () => {
    const client = await come();
    const events = ['shared-1', 'shared-2', 'shared-1', 'shared-2', 'shared-own', 'shared-own'];
    expect(await outcomes(client, ...events)).toEqual([OK, OK, OK, NO, OK, NO]);
    expect(await outcomes(client, 'shared-free', 'shared-free')).toEqual([OK, OK]);
  });
});

describe('limits of requests', () => {
  afterAll(closeApps);

  it('count a network of IPv6 addresses as one', async () => {
    const overrides = new Map([[REALTIME_CLOCK, new ManualClock()]]);
    const app = await startApp({ providers, options: { trustProxy: 1 }, overrides });
    const codes: unknown[] = [];
    for (const ip of ['2001:db8::1', '2001:db8::2', '2001:db8::3', '2001:db8:0:1::1']) {
      const socket = { headers: { 'x-forwarded-for': ip } };
      const client = await app.connect('token-ada', { socket });
      codes.push((await client.request('1', 'ip')).type);
    }
    expect(codes).toEqual(['response', 'response', 'error', 'response']);
  });

  it('count anonymous users by address: a new connection is no new burst', async () => {
    const auth = { verify: () => undefined, allowAnonymous: true };
    const overrides = new Map([[REALTIME_CLOCK, new ManualClock()]]);
    const app = await startApp({ providers, options: { auth }, overrides });
    const codes: unknown[] = [];
    for (let n = 0; n < 3; n += 1) {
      const client = await app.open();
      client.send({ type: 'hello' });
      await client.next('connected');
      codes.push((await client.request('1', 'user')).type);
      await client.close();
    }
    expect(codes).toEqual(['response', 'response', 'error']);
  });

  it('R-17 apply in this node’s share while the store is away', async () => {
    const store: RateStore = {
      consume: () => Promise.reject(new Error('away')),
      close: () => Promise.resolve(),
    };
    const overrides = new Map<symbol, unknown>([
      [REALTIME_RATE_STORE, store],
      [REALTIME_CLOCK, new ManualClock()],
    ]);
    const app = await startApp({ providers, overrides, options: { rateLimit: { nodes: 2 } } });
    const client = await app.connect();
    expect(await client.request('1', 'user')).toMatchObject({ type: 'response' });
    expect(await client.request('2', 'user')).toMatchObject(refused(100));
    expect(app.log.linesWith('the rate store failed')).toHaveLength(1);
  });

  it('ask the store in one step for all limits with one key', async () => {
    const asked: [string, number][] = [];
    const store: RateStore = {
      consume: (key, charges) => {
        asked.push([key, charges.length]);
        return Promise.resolve<RateVerdict>({ isAllowed: true });
      },
      close: () => Promise.resolve(),
    };
    const app = await startApp({ providers, overrides: new Map([[REALTIME_RATE_STORE, store]]) });
    const client = await app.connect();
    await client.request('1', 'both');
    await client.request('2', 'two-keys');
    await client.request('3', 'default');
    expect(asked).toEqual([
      ['["event both","user","1/100/3","4/60000/4"]user ada', 2],
      ['["event two-keys","user","1/60000/1"]user ada', 1],
      ['["event two-keys","ip","2/60000/2"]127.0.0.1', 1],
    ]);
  });

  it('can be replaced by an interceptor of the application', async () => {
    const seen: unknown[] = [];
    const own = {
      intercept: (context: import('@nestjs/common').ExecutionContext, next: CallHandler) => {
        const ws = context.switchToWs();
        seen.push(context.getClass(), context.getHandler().name, ws.getData(), ws.getPattern());
        return seen.length > 4 ? of() : next.handle();
      },
    };
    const app = await startApp({ providers, overrides: new Map([[RateLimitInterceptor, own]]) });
    const client = await app.connect();
    expect(await client.request('1', 'user', 5)).toMatchObject({ payload: { body: 5 } });
    expect(seen).toEqual([LimitedGateway, 'user', 5, 'user']);
    expect(await client.request('2', 'user', 5)).toEqual({ type: 'response', id: '2' });
  });

  it('R-16 of a connection’s frames end it with 4429 when it sends on regardless', async () => {
    const limits = { messagesPerSecond: 1, messageBurst: 10 };
    const overrides = new Map([[REALTIME_CLOCK, new ManualClock()]]);
    const app = await startApp({ providers, overrides, options: { limits } });
    const client = await app.connect();
    for (let n = 0; n < 10 + 1_000; n += 1) client.send({ type: 'ping', id: String(n) });
    expect(await client.answer('1009')).toMatchObject({
      code: 'rate-limited',
      retryAfterMs: 1_000,
    });
    client.send({ type: 'ping' });
    expect((await client.closed).code).toBe(4429);
  });

  it('reach a caller of the SDK as an error that says when to come back', async () => {
    const overrides = new Map([[REALTIME_CLOCK, new ManualClock()]]);
    const app = await startApp({ providers, overrides });
    const client = new RealtimeClient(app.url, { WebSocket, token: 'token-ada' });
    const call = (): Promise<unknown> => client.request('user');
    await Promise.all([call(), call()]);
    await expect(call()).rejects.toMatchObject({
      code: 'rate-limited',
      retryable: true,
      retryAfterMs: 50,
    });
    client.close();
  });

  it('of a connection’s frames keep no room of the SDK out: it asks again in time', async () => {
    const limits = { messagesPerSecond: 20, messageBurst: 2 };
    const app = await startApp({ providers: [...providers, OpenRooms], options: { limits } });
    const client = new RealtimeClient(app.url, {
      WebSocket,
      token: 'token-ada',
      reconnect: { minDelayMs: 1, maxDelayMs: 2 },
    });
    await client.connect();
    const closes: unknown[] = [];
    client.on('state', ({ state }) => closes.push(state));
    const rooms = ['a', 'b', 'c', 'd', 'e'].map((name) => client.room(`open/${name}`));
    await Promise.all(rooms.map((room) => room.subscribe()));
    expect(rooms.map(({ state }) => state)).toEqual(rooms.map(() => 'subscribed'));
    expect(closes).toEqual([]);
    client.close();
  });

  it.each([
    [{ limit: 0, perMs: 1 }, 'limit: expected an integer from 1 to 1000000, got 0'],
    [{ limit: 1, perMs: 0.5 }, 'perMs: expected an integer from 1 to 2678400000, got 0.5'],
    [{ limit: 1, perMs: 1, burst: 0 }, 'burst: expected an integer from 1 to 1000000, got 0'],
    [{ limit: 1, perMs: 1, cost: -1 }, 'cost: expected an integer >= 0 or a function, got -1'],
  ])('that break their rules fail at start-up: %j', async (limit, problem) => {
    class Wrong {
      wrong(): void {}
    }
    const descriptor = Object.getOwnPropertyDescriptor(Wrong.prototype, 'wrong')!;
    RateLimit(limit)(Wrong.prototype, 'wrong', descriptor);
    SubscribeMessage('wrong')(Wrong.prototype, 'wrong', descriptor);
    RealtimeGateway()(Wrong);
    const starting = startApp({ providers: [Wrong] });
    await expect(starting).rejects.toThrow(`Wrong.wrong @RateLimit().${problem}`);
  });

  it('of a gateway that are not complete fail at start-up', async () => {
    class Wrong {
      right(): void {}
    }
    RateLimit({ limit: 1 } as { limit: number; perMs: number })(Wrong);
    RealtimeGateway()(Wrong);
    await expect(startApp({ providers: [Wrong] })).rejects.toThrow(
      'Wrong @RateLimit(): expected limit and perMs',
    );
  });
});
