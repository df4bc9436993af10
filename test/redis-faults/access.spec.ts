/** D-17: what a user may do in Redis, TLS, and both protocols that it speaks: what the start says. */
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';

import { RealtimeRoom, type RoomPolicy } from '../../lib/index.js';
import type { RedisOptions } from '../../lib/redis/index.js';
import { makeCertificate } from '../support/certificate.js';
import { closeApps, createApp, NestLog, startApp } from '../support/nest-app.js';
import { freePort, repeat, startRedis, type RedisServer } from '../support/redis-server.js';
import { freshKeys } from '../support/redis-world.js';

const ROOM = 'team/x';
const SCRIPTS = new URL('../../lib/redis/scripts/', import.meta.url);

@RealtimeRoom('team/:name', { presence: true })
class TeamRooms implements RoomPolicy {
  canSubscribe(): boolean {
    return true;
  }
}

let server: RedisServer;
let folder: string;
let certificate: { readonly key: string; readonly cert: string };
let tlsPort: number;

beforeAll(async () => {
  // ioredis says so itself, on the console, where INFO is not allowed.
  jest.spyOn(console, 'warn').mockReturnValue(undefined);
  certificate = await makeCertificate();
  folder = await mkdtemp(join(tmpdir(), 'realtime-redis-tls-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  await writeFile(key, certificate.key);
  await writeFile(cert, certificate.cert);
  tlsPort = await freePort();
  server = await startRedis([
    ...['--tls-port', String(tlsPort), '--tls-auth-clients', 'no'],
    ...['--tls-key-file', key, '--tls-cert-file', cert],
  ]);
});

afterEach(closeApps);

afterAll(async () => {
  jest.restoreAllMocks();
  await server.stop();
  await rm(folder, { recursive: true });
});

/** What a start has said about Redis, and how it ended. */
interface Start {
  readonly warnings: readonly string[];
  readonly error: { readonly message: string; readonly cause?: unknown } | undefined;
}

async function startWith(options: RedisOptions): Promise<Start> {
  const log = new NestLog();
  const { prefix } = freshKeys();
  const app = await createApp({ options: { redis: { options, prefix, timeoutMs: 1_000 } } }, log);
  const error = await app.init().then(
    () => undefined,
    (reason: unknown) => reason as Start['error'],
  );
  return { warnings: log.warnings.filter((line) => line.includes('realtime.redis')), error };
}

/** Starts as a user that has just these rights. */
async function startAs(...rights: readonly string[]): Promise<Start> {
  await server.client().call('acl', ['SETUSER', 'node', 'reset', 'on', '>secret', ...rights]);
  const { host, port } = server;
  return startWith({ host, port, username: 'node', password: 'secret' });
}

/** A node that does everything once: rooms, presence, a question to another node. */
async function useEverything(options: RedisOptions): Promise<string[]> {
  const { prefix } = freshKeys();
  const setup = { options: { redis: { options, prefix } }, providers: [TeamRooms] };
  const [a, b] = await Promise.all([startApp(setup), startApp(setup)]);
  const bob = await b.connect('token-bob');
  bob.send({ type: 'subscribe', id: 's', room: ROOM });
  await bob.next('subscribed');
  expect(await a.rooms.publish(ROOM, 'said', 1)).toMatchObject({ durability: 'redis' });
  expect(await bob.next('message')).toMatchObject({ payload: 1, offset: 1 });
  await repeat(async () => (await a.rooms.presence(ROOM)).total === 1);
  await a.rooms.toUser('bob', 'note', 'hello');
  expect(await bob.next('message')).toMatchObject({ event: 'note' });
  await bob.close();
  await repeat(async () => (await a.rooms.presence(ROOM)).total === 0);
  return [...a.log.warnings, ...b.log.warnings].filter((line) => /[Rr]edis/.test(line));
}

/** Names of the commands that `rights.lua` asks about. */
function listedCommands(): string[] {
  const text = readFileSync(new URL('rights.lua', SCRIPTS), 'utf8');
  return Array.from(text.matchAll(/\{ '([A-Z]+)'/g), ([, name = '']) => name);
}

describe('D-17 a user that may not do everything', () => {
  it.each([
    ['INFO', '-info', 'has to be allowed INFO: NOPERM'],
    ['scripts', '-@scripting', 'publishing is refused: NOPERM'],
    [
      'EVALSHA',
      '-evalsha',
      "publishing is refused: NOPERM this user has no permissions to run the 'evalsha'",
    ],
    ['a command of scripts', '-xadd', 'has to be allowed XADD'],
    ['several', '-@stream', 'has to be allowed XADD, XRANGE, XREVRANGE, XTRIM'],
    ['SUBSCRIBE', '-subscribe', 'has to be allowed SUBSCRIBE to test-'],
  ])('is told in one line that it lacks %s', async (_, right, line) => {
    const { warnings } = await startAs('~*', '&*', '+@all', right);
    expect(warnings).toEqual([expect.stringContaining(line)]);
  });

  it('is told in one line of channels, and of keys, that are not its own', async () => {
    const { warnings: channels, error } = await startAs('~*', 'resetchannels', '&other:*', '+@all');
    expect(channels).toEqual([
      expect.stringMatching(/allowed SUBSCRIBE to test-.*, PUBLISH to test-/),
    ]);
    expect(error).toMatchObject({ code: 'unavailable' });
    const { warnings: keys } = await startAs('~other:*', '&*', '+@all');
    expect(keys).toEqual([expect.stringContaining('access one of the keys')]);
  });

  it('may load no script and run them all the same', async () => {
    expect(await startAs('~*', '&*', '+@all', '-script')).toEqual({
      warnings: [],
      error: undefined,
    });
  });

  it('needs no other commands than those that the start asks about', async () => {
    const names = [...listedCommands(), 'EVAL', 'EVALSHA', 'SUBSCRIBE', 'UNSUBSCRIBE', 'PUBLISH'];
    const rights = names.map((name) => `+${name.toLowerCase()}`);
    const user = ['least', 'reset', 'on', '>secret', '~test-*', '&test-*', ...rights];
    await server.client().call('acl', ['SETUSER', ...user]);
    const { host, port } = server;
    const credentials = { username: 'least', password: 'secret' };
    expect(await useEverything({ host, port, ...credentials })).toEqual([]);
    const log = (await server.client().call('acl', ['LOG'])) as unknown[];
    // What ioredis tells of itself, to servers that know of it, may be refused.
    const denied = log.map(String).filter((entry) => /least/.test(entry) && !/setinfo/.test(entry));
    expect(denied).toEqual([]);
  });

  it('is asked about every command that scripts call', () => {
    const texts = readdirSync(SCRIPTS).map((name) => readFileSync(new URL(name, SCRIPTS), 'utf8'));
    const called = texts.flatMap((text) =>
      Array.from(text.matchAll(/redis\.p?call\('([A-Z]+)'/g), ([, name = '']) => name),
    );
    expect(called.length).toBeGreaterThan(20);
    expect(called.filter((name) => !listedCommands().includes(name))).toEqual([]);
  });

  it('does not start with a wrong password, and says why', async () => {
    const { host, port } = server;
    const { error } = await startWith({ host, port, username: 'node', password: 'wrong' });
    expect(error).toMatchObject({ code: 'unavailable' });
    expect(String(error?.cause)).toContain('WRONGPASS');
  });
});

describe('D-17 TLS', () => {
  it('is used where the server’s certificate is trusted', async () => {
    const tls = { ca: certificate.cert };
    expect(await useEverything({ host: '127.0.0.1', port: tlsPort, tls })).toEqual([]);
  });

  it('keeps a node from starting where it is not, and says why', async () => {
    const { error } = await startWith({ host: '127.0.0.1', port: tlsPort, tls: {} });
    expect(error).toMatchObject({
      message: 'redis: expected a connection within 1000 ms',
      cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
    });
  });

  it('keeps a node from starting where only one side speaks it', async () => {
    const plain = await startWith({ host: '127.0.0.1', port: tlsPort });
    const { port } = server;
    const encrypted = await startWith({ host: '127.0.0.1', port, tls: { ca: certificate.cert } });
    for (const { error } of [plain, encrypted])
      expect(error).toMatchObject({ code: 'unavailable' });
  });
});

describe('D-17 the protocol', () => {
  it.each([2, 3] as const)('may be RESP%s', async (protocol) => {
    const { host, port } = server;
    const connectionName = `resp-${String(protocol)}`;
    expect(await useEverything({ host, port, protocol, connectionName })).toEqual([]);
    const clients = String(await server.client().call('client', ['LIST'])).split('\n');
    const ours = clients.filter((line) => line.includes(`name=${connectionName} `));
    // Two nodes, each with one for commands and one that listens.
    expect(ours).toHaveLength(4);
    for (const line of ours) expect(line).toContain(`resp=${String(protocol)}`);
  });
});
