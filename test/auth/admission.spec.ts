import type { IncomingMessage } from 'node:http';

import { afterEach, describe, expect, it } from '@jest/globals';

import type { AllowedOrigins, Authentication, Handshake, TrustProxy } from '../../lib/index.js';
import { BoundedTokenVerifier } from '../../lib/nest/auth/bounded-token-verifier.js';
import { ManualClock, RawClient } from '../../lib/testing/index.js';
import { repeat } from '../support/redis-server.js';
import { isAnchored, isOriginAllowed } from '../../lib/transport/index.js';
import { Door, Gate, nameVerify, refusedStatus, type DoorSetup } from '../support/security-app.js';
import { handshake, OFFER, RawPeer } from '../support/security-raw.js';

let door: Door | undefined;

async function openDoor(setup: DoorSetup = {}): Promise<Door> {
  door = await Door.open(setup);
  return door;
}

afterEach(async () => {
  await door?.close();
  door = undefined;
});

describe('origins', () => {
  const allows = (allowed: AllowedOrigins, origin?: string, host = 'app.example'): boolean =>
    isOriginAllowed(
      { headers: { host, ...(origin === undefined ? {} : { origin }) } } as IncomingMessage,
      allowed,
      false,
    );

  it.each([
    ['https://app.example', 'app.example', true],
    ['http://app.example', 'app.example', true],
    ['https://app.example', 'app.example:443', true],
    ['http://app.example', 'app.example:80', true],
    ['https://app.example:8443', 'app.example:8443', true],
    ['https://app.example', 'APP.example', true],
    ['http://[::1]:3000', '[::1]:3000', true],
    ['https://app.example', 'app.example:80', false],
    ['https://app.example:8443', 'app.example', false],
    ['https://app.example', 'app.example:8443', false],
    ['https://sub.app.example', 'app.example', false],
    ['https://app.example.evil.org', 'app.example', false],
    ['https://evil.org?app.example', 'app.example', false],
    ['https://evil.org#app.example', 'app.example', false],
    ['https://user@app.example', 'app.example', false],
    ['https://app.example/', 'app.example', false],
    ['https://app.example, https://evil.org', 'app.example', false],
    ['null', 'app.example', false],
    ['null', 'null', false],
    ['', '', false],
  ])('of the same host: %s at %s is %s', (origin, host, isAllowed) => {
    expect(allows('same-origin', origin, host)).toBe(isAllowed);
  });

  it.each<[AllowedOrigins, string, boolean]>([
    [['https://a.example'], 'https://a.example', true],
    [['https://a.example'], 'https://a.example.evil.org', false],
    [['https://a.example'], 'http://a.example', false],
    [['https://a.example'], 'HTTPS://A.EXAMPLE', false],
    [['https://a.example'], 'null', false],
    [[/^https:\/\/[a-z]+\.a\.example$/], 'https://x.a.example', true],
    [[/^https:\/\/[a-z]+\.a\.example$/], 'https://x.a.example.evil.org', false],
    [[/^https:\/\/[a-z]+\.a\.example$/], 'https://evil.org\nhttps://x.a.example', false],
    [[], 'https://app.example', false],
    ['*', 'null', true],
    [() => false, 'https://app.example', false],
    [(origin) => origin.endsWith('.b.example'), 'https://x.b.example', true],
    [(() => Promise.resolve(false)) as never, 'https://evil.org', false],
    [(() => 'yes') as never, 'https://evil.org', false],
  ])('by list, pattern or function: %s and %s is %s', (allowed, origin, isAllowed) => {
    expect(allows(allowed, origin)).toBe(isAllowed);
  });

  it('gives the same answer every time to a pattern that remembers', () => {
    const allowed = [/^https:\/\/a\.example$/g];
    for (let time = 0; time < 3; time += 1) expect(allows(allowed, 'https://a.example')).toBe(true);
  });

  it.each([
    [/^https:\/\/a\.example$/, true],
    [/^https:\/\/(?:a|b)\.example$/, true],
    [/^https:\/\/[(|]a\.example$/, true],
    [/https:\/\/a\.example$/, false],
    [/^https:\/\/a\.example/, false],
    [/^https:\/\/a\.example\$/, false],
    [/^https:\/\/a|b\.example$/, false],
    [/^[(]a|b$/, false],
    [/^[\](]a|b$/, false],
    [/^https:\/\/a\.example$/m, false],
  ])('takes %s for anchored: %s', (pattern, expected) => {
    expect(isAnchored(pattern)).toBe(expected);
  });

  it('lets a missing one pass where no cookie authenticates, and refuses a throwing function', async () => {
    const origins = (): boolean => {
      throw new Error('no list');
    };
    await openDoor({ options: { origins } });
    const opened = door as Door;

    expect(await opened.serves()).toBe(true);
    expect(await refusedStatus(opened.plain({ origin: 'https://a.example' }))).toBe(503);
  });
});

describe('limits of connections', () => {
  it('turns away attempts of an address beyond its rate with 429, and lets them in later', async () => {
    const clock = new ManualClock();
    const { port } = await openDoor({
      clock,
      options: { limits: { attemptBurst: 3, attemptsPerSecond: 1 } },
    });
    const attempt = async (): Promise<[number, string | undefined, string]> => {
      const peer = await RawPeer.connect(port);
      peer.write(handshake([OFFER]));
      const { status, headers, body } = await peer.answer();
      peer.socket.destroy();
      return [status, headers.get('retry-after'), body];
    };
    for (let count = 0; count < 3; count += 1) expect((await attempt())[0]).toBe(101);
    const [status, retryAfter, body] = await attempt();
    expect([status, retryAfter]).toEqual([429, '1']);
    expect(JSON.parse(body)).toMatchObject({ statusCode: 429, code: 'rate-limited' });

    clock.advance(1_000);

    expect((await attempt())[0]).toBe(101);
    expect((await attempt())[0]).toBe(429);
  });

  it('frees the place of an address when its connection has ended', async () => {
    const opened = await openDoor({ options: { limits: { connectionsPerIp: 1 } } });
    const client = await opened.connect();
    expect(await refusedStatus(RawClient.open(opened.url))).toBe(429);

    await client.close();
    await opened.gateway.left(0);

    expect(await opened.serves()).toBe(true);
  });

  it('refuses upgrades with 503 and Retry-After while as many as may are being decided', async () => {
    const asked = new Gate();
    const verdict = new Gate<{ id: string }>();
    const opened = await openDoor({
      options: {
        limits: { pendingUpgrades: 1 },
        auth: {
          verify: (token) => {
            if (token !== 'slow') return nameVerify(token);
            asked.resolve();
            return verdict.promise;
          },
        },
      },
    });
    const slow = opened.plain({ authorization: 'Bearer slow' });
    await asked.promise;
    const peer = await RawPeer.connect(opened.port);
    peer.write(handshake([OFFER]));

    const answer = await peer.answer();

    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5']);
    verdict.resolve({ id: 'ada' });
    expect(await (await slow).next('connected')).toMatchObject({ user: { id: 'ada' } });
    expect(await opened.serves()).toBe(true);
  });

  it('refuses with 503 what the node has no place for', async () => {
    const opened = await openDoor({ options: { limits: { connections: 1 } } });
    await opened.connect();
    expect(await refusedStatus(RawClient.open(opened.url))).toBe(503);
  });

  it('closes the newest connection of a user beyond the number with 4429', async () => {
    const opened = await openDoor({ options: { limits: { connectionsPerUser: 1 } } });
    const first = await opened.connect();
    const second = await RawClient.open(opened.url);
    second.send({ type: 'hello', token: 'token-ada' });

    expect((await second.closed).code).toBe(4429);
    expect(await first.request('1', 'echo', 1)).toMatchObject({ payload: 1 });
  });
});

describe('proxies', () => {
  it.each<[TrustProxy, string, string]>([
    [false, '1.1.1.1', '127.0.0.1'],
    [0, '1.1.1.1', '127.0.0.1'],
    [1, '1.1.1.1', '1.1.1.1'],
    [1, '9.9.9.9, 1.1.1.1', '1.1.1.1'],
    [2, '9.9.9.9, 1.1.1.1', '9.9.9.9'],
    ['loopback', '9.9.9.9, 1.1.1.1', '1.1.1.1'],
    [['loopback', '1.1.0.0/16'], '9.9.9.9, 1.1.1.1', '9.9.9.9'],
    ['10.0.0.0/8', '1.1.1.1', '127.0.0.1'],
    ['loopback', '', '127.0.0.1'],
  ])('trusting %j, X-Forwarded-For %j comes from %s', async (trustProxy, forwarded, ip) => {
    const opened = await openDoor({ options: { trustProxy } });
    const client = await opened.plain({
      authorization: 'Bearer token-ada',
      ...(forwarded === '' ? {} : { 'x-forwarded-for': forwarded }),
    });

    expect(await client.request('1', 'whoami')).toMatchObject({ payload: { ip } });
  });

  it('limits the clients behind a trusted proxy each by itself, and not those who only claim to be', async () => {
    const headers = (ip: string) => ({ socket: { headers: { 'x-forwarded-for': ip } } });
    const limits = { connectionsPerIp: 1 };
    const trusting = await openDoor({ options: { trustProxy: 1, limits } });
    await trusting.connect('token-a', headers('1.1.1.1'));
    await trusting.connect('token-b', headers('2.2.2.2'));
    expect(await refusedStatus(RawClient.open(trusting.url, headers('2.2.2.2')))).toBe(429);
    await trusting.close();

    const direct = await openDoor({ options: { limits } });
    await direct.connect('token-a', headers('1.1.1.1'));
    expect(await refusedStatus(RawClient.open(direct.url, headers('2.2.2.2')))).toBe(429);
  });
});

describe('a machine with a network of IPv6 addresses', () => {
  const from = (ip: string): object => ({ socket: { headers: { 'x-forwarded-for': ip } } });

  it.each([
    [64, ['2001:db8:1:2::1', '2001:db8:1:2:3:4:5:6'], '2001:db8:1:3::1'],
    [48, ['2001:db8:1:2::1', '2001:db8:1:3::1'], '2001:db8:2::1'],
    [128, ['2001:db8:1:2::1', '2001:db8:1:2:0::1'], '2001:db8:1:2::2'],
    [64, ['192.0.2.7', '::ffff:192.0.2.7'], '::ffff:192.0.2.8'],
  ])('is limited as one address by %i bits: %j', async (ipv6PrefixLength, [one, same], other) => {
    const limits = { connectionsPerIp: 1, ipv6PrefixLength };
    const opened = await openDoor({ options: { trustProxy: 1, limits } });
    const first = await opened.connect('token-a', from(one!));
    expect(await refusedStatus(RawClient.open(opened.url, from(same!)))).toBe(429);
    await opened.connect('token-b', from(other));
    // What one has left another one of the network may take.
    await first.close();
    await repeat(async () => {
      await opened.connect('token-a', from(same!));
      return true;
    });
  });
});

describe('a verifier with bounds', () => {
  const handshakeOf = {} as Handshake;
  const hang = (): Promise<Authentication | undefined> => new Promise(() => undefined);

  it('runs so many at once, lets so many wait, and refuses the rest as unavailable', async () => {
    const clock = new ManualClock();
    const gates: Gate<Authentication | undefined>[] = [];
    const inner = {
      verify: () => {
        const gate = new Gate<Authentication | undefined>();
        gates.push(gate);
        return gate.promise;
      },
    };
    const bounds = { concurrency: 2, waiting: 3, timeoutMs: 5_000 };
    const verifier = new BoundedTokenVerifier(inner, clock, bounds);
    const running = Array.from({ length: 2 }, () => verifier.verify('t', handshakeOf));
    await new Promise(setImmediate);
    const waiting = Array.from({ length: 3 }, () => verifier.verify('t', handshakeOf));
    await expect(verifier.verify('t', handshakeOf)).rejects.toMatchObject({ code: 'unavailable' });
    expect(gates).toHaveLength(2);

    for (const gate of gates) gate.resolve({ user: { id: 'ada' } });
    await Promise.all(running);
    await new Promise(setImmediate);

    expect(gates).toHaveLength(4);
    for (const gate of gates) gate.resolve(undefined);
    await new Promise(setImmediate);
    for (const gate of gates) gate.resolve(undefined);
    expect(await Promise.all(waiting)).toEqual([undefined, undefined, undefined]);
  });

  it('frees the places of those that hang, and does not ask for those that waited too long', async () => {
    const clock = new ManualClock();
    let asked = 0;
    const inner = {
      verify: (token: string | undefined) => {
        asked += 1;
        return token === 'hang' ? hang() : Promise.resolve({ user: { id: 'ada' } });
      },
    };
    const bounds = { concurrency: 1, waiting: 10, timeoutMs: 5_000 };
    const verifier = new BoundedTokenVerifier(inner, clock, bounds);
    const outcomes = Promise.allSettled(
      Array.from({ length: 5 }, () => verifier.verify('hang', handshakeOf)),
    );
    await new Promise(setImmediate);

    clock.advance(5_000);

    for (const outcome of await outcomes)
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'unavailable' } });
    expect(asked).toBe(1);
    expect(await verifier.verify('good', handshakeOf)).toEqual({ user: { id: 'ada' } });
  });
});
