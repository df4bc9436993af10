/** no handler without a session, for every handler there is, by its metadata. */
import { existsSync } from 'node:fs';

import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { INestApplication, Type } from '@nestjs/common';
import { Injectable, Module } from '@nestjs/common';
import { MetadataScanner } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { SubscribeMessage } from '@nestjs/websockets';
import { MESSAGE_MAPPING_METADATA, MESSAGE_METADATA } from '@nestjs/websockets/constants.js';

import { Public, RealtimeGateway, RealtimeModule, SessionService } from '../../lib/index.js';
import type { Authentication, OnRealtimeConnect } from '../../lib/index.js';
import { listen, RawClient } from '../../lib/testing/index.js';
import { DoorGateway, LogBook } from '../support/security-app.js';

/** Metadata key of what anonymous sessions may reach. */
const PUBLIC = 'realtime:public';

@RealtimeGateway()
class SecondGateway {
  @SubscribeMessage('second.plain')
  plain(): string {
    return 'plain';
  }

  @SubscribeMessage('second.async')
  async later(): Promise<string> {
    return Promise.resolve('later');
  }

  @SubscribeMessage('second.stream')
  *items(): Generator<number> {
    yield 1;
  }
}

@Public()
@RealtimeGateway()
class PublicGateway {
  @SubscribeMessage('third.public')
  hello(): string {
    return 'hello';
  }
}

/** Keeps out whom the verifier let in. */
@RealtimeGateway()
class Doorman implements OnRealtimeConnect {
  async onRealtimeConnect(client: { readonly user: { readonly id: string } }): Promise<void> {
    await Promise.resolve();
    if (client.user.id === 'unwelcome') throw new Error('not today');
  }
}

const sampleModule = new URL('../../sample/01-chat/src/chat.gateway.ts', import.meta.url);

/** The gateways under test: those here, and the sample's. */
async function gatewayClasses(): Promise<Type<object>[]> {
  const classes: Type<object>[] = [DoorGateway, SecondGateway, PublicGateway];
  if (!existsSync(sampleModule)) return classes;
  const { ChatGateway } = await importSample();
  return [...classes, ChatGateway];
}

async function importSample(): Promise<{ ChatGateway: Type<object> }> {
  // The sample imports the built package; here it gets the sources under test.
  jest.unstable_mockModule('nestjs-realtime', () => import('../../lib/index.js'));
  return import('../../sample/01-chat/src/chat.gateway.js');
}

interface Handler {
  readonly event: string;
  readonly name: string;
  readonly isPublic: boolean;
}

/** Every handler of a class, as Nest's metadata has it. */
function handlersOf(gateway: Type<object>): Handler[] {
  const prototype = gateway.prototype as Record<string, object>;
  return new MetadataScanner().getAllMethodNames(prototype).flatMap((method) => {
    const callback = prototype[method];
    if (callback === undefined || Reflect.getMetadata(MESSAGE_MAPPING_METADATA, callback) !== true)
      return [];
    const isPublic = [callback, gateway].some((at) => Reflect.getMetadata(PUBLIC, at) === true);
    const event = Reflect.getMetadata(MESSAGE_METADATA, callback) as string;
    return { event, name: `${gateway.name}.${method}`, isPublic };
  });
}

const classes = await gatewayClasses();
const handlers = classes.flatMap(handlersOf);

let app: INestApplication;
let url: string;
/** Handlers that were reached, by `Class.method`. */
const reached: string[] = [];
const logs = new LogBook();

@Injectable()
class Verifier {
  verify(token: string | undefined): Promise<Authentication | undefined> {
    const user = { id: token ?? '' };
    if (token === 'expired') return Promise.resolve({ user, expiresAt: Date.now() - 60_000 });
    if (token === 'fails') return Promise.reject(new Error('no database'));
    const isKnown = token !== undefined && token !== 'wrong';
    return Promise.resolve(isKnown ? { user, tokenId: token } : undefined);
  }
}

beforeAll(async () => {
  for (const gateway of classes) watch(gateway);
  @Module({
    imports: [
      RealtimeModule.forRoot({
        auth: { verifier: Verifier, allowAnonymous: true },
        limits: { attemptBurst: 10_000 },
      }),
    ],
    providers: [...classes, Doorman, Verifier],
  })
  class AppModule {}
  const module = await Test.createTestingModule({ imports: [AppModule] })
    .setLogger(logs)
    .compile();
  app = module.createNestApplication();
  url = await listen(app);
  const sessions = app.get(SessionService);
  await sessions.revoke({ tokenId: 'revoked' });
});

afterAll(async () => {
  await app.close();
});

/** Notes every call of a handler, without a trace in its metadata. */
function watch(gateway: Type<object>): void {
  const prototype = gateway.prototype as Record<string, (...args: unknown[]) => unknown>;
  for (const { name } of handlersOf(gateway)) {
    const method = name.slice(gateway.name.length + 1);
    const original = prototype[method];
    if (original === undefined) continue;
    const watched = function (this: object, ...args: unknown[]): unknown {
      reached.push(name);
      return original.apply(this, args);
    };
    for (const key of Reflect.getMetadataKeys(original) as unknown[])
      Reflect.defineMetadata(key, Reflect.getMetadata(key, original), watched);
    prototype[method] = watched;
  }
}

const request = (event: string) => ({ type: 'request', id: '1', event, payload: {} }) as const;

/** Every way to the handlers that does not lead through a session: how to say it, and how it ends. */
const PATHS: readonly [string, (event: string) => Promise<number>][] = [
  ['a request before hello', async (event) => end(await RawClient.open(url), request(event))],
  ['a request behind a hello with a wrong token', (event) => withHello('wrong', event)],
  ['a request behind a hello with an expired token', (event) => withHello('expired', event)],
  ['a request behind a hello with a revoked token', (event) => withHello('revoked', event)],
  ['a request behind a hello that cannot be verified', (event) => withHello('fails', event)],
  [
    'a request behind a hello that a connect hook refuses',
    (event) => withHello('unwelcome', event),
  ],
  [
    'a request on a plain connection with a wrong token',
    (event) => plain(event, { authorization: 'Bearer wrong' }),
  ],
  [
    'a request on a plain connection with an expired token',
    (event) => plain(event, { authorization: 'Bearer expired' }),
  ],
  [
    'a request on a plain connection with a revoked token',
    (event) => plain(event, { authorization: 'Bearer revoked' }),
  ],
];

async function end(client: RawClient, ...frames: readonly object[]): Promise<number> {
  for (const frame of frames) client.sendText(JSON.stringify(frame));
  return (await client.closed).code;
}

async function withHello(token: string, event: string): Promise<number> {
  return end(await RawClient.open(url), { type: 'hello', token }, request(event));
}

async function plain(event: string, headers: Record<string, string>): Promise<number> {
  const opening = RawClient.open(url, { protocols: [], socket: { headers } });
  const client = await opening.catch(() => undefined);
  return client === undefined ? 401 : end(client, request(event));
}

it('A-09 finds handlers to look at, those of the sample among them', () => {
  expect(handlers.map(({ event }) => event)).toEqual(
    expect.arrayContaining(['echo', 'second.stream', 'third.public', 'chat.send']),
  );
});

describe.each(handlers)('A-09 $name', ({ event, name, isPublic }) => {
  it.each(PATHS)('is not reached by %s', async (_, take) => {
    reached.length = 0;

    expect([401, 1011, 4400, 4401]).toContain(await take(event));

    // What comes after on another connection has its turn after whatever might still be under way.
    const witness = await RawClient.connect(url, 'witness');
    await witness.request('1', 'nothing');
    await witness.close();
    expect(reached).toEqual([]);
  });

  it(
    isPublic ? 'is reached without a token, being public' : 'is not reached without a token',
    async () => {
      reached.length = 0;
      const refusals: unknown[] = [];
      for (const client of [
        await RawClient.connect(url),
        await RawClient.open(url, { protocols: [] }),
      ]) {
        client.send(request(event));
        const answer = await client.answer('1');
        refusals.push(answer.type === 'error' ? answer.code : undefined);
        await client.close();
      }
      const refusal = isPublic ? undefined : 'unauthorized';
      expect(refusals).toEqual([refusal, refusal]);
      expect(reached).toEqual(isPublic ? [name, name] : []);
    },
  );

  it('is reached with a session, and no longer when it was revoked', async () => {
    reached.length = 0;
    const token = `once-${event}`;
    const client = await RawClient.connect(url, token);
    client.send(request(event));
    await client.answer('1');
    // The sample's handler may refuse an empty payload, but it was asked.
    expect(reached).toEqual([name]);

    await app.get(SessionService).revoke({ tokenId: token });
    client.send({ ...request(event), id: '2' });

    expect((await client.closed).code).toBe(4401);
    expect(reached).toEqual([name]);
  });
});
