/** Section C of the catalogue: who gets in, and what those inside may reach. A-09 has its own file. */
import { afterEach, describe, expect, it } from '@jest/globals';

import {
  closeAction,
  MemoryBroker,
  REALTIME_BROKER,
  REALTIME_CLOCK,
  REALTIME_RANDOM,
} from '../../lib/index.js';
import type {
  BrokerListener,
  Clock,
  ControlCommand,
  NodeAnswer,
  NodeQuestion,
  Random,
} from '../../lib/index.js';
import { ManualClock, RawClient } from '../../lib/testing/index.js';
import { Door, Gate, nameVerify, refusedStatus, type DoorSetup } from '../support/security-app.js';
import {
  forge,
  inSeconds,
  KeyServer,
  keyPair,
  SECRET,
  sign,
  signWithSecret,
} from '../support/security-jwt.js';
import { frame, OFFER, RawPeer } from '../support/security-raw.js';

let doors: Door[] = [];

async function openDoor(setup: DoorSetup = {}): Promise<Door> {
  const door = await Door.open(setup);
  doors.push(door);
  return door;
}

afterEach(async () => {
  await Promise.all(doors.map((door) => door.close()));
  doors = [];
});

/** The code a connection is closed with whose hello carries this token. */
async function closeOf(door: Door, token: string): Promise<number> {
  const client = await RawClient.open(door.url);
  client.send({ type: 'hello', token });
  return (await client.closed).code;
}

describe('the page that connects', () => {
  it('A-01 refuses a cookie from any page but those of its own host', async () => {
    const door = await openDoor({ options: { auth: { verify: nameVerify, cookie: 'sid' } } });
    const { host } = new URL(door.url);
    const cookie = 'sid=token-ada';
    for (const origin of [
      'https://evil.example',
      'null',
      `http://${host}.evil.example`,
      `http://evil.example/${host}`,
      `http://${host}@evil.example`,
      `http://sub.${host}`,
      `http://127.0.0.1`,
      `http://${host}/path`,
      'file://',
      'http://',
      '',
    ]) {
      expect([origin, await refusedStatus(door.plain({ cookie, origin }))]).toEqual([origin, 403]);
    }
    expect(await refusedStatus(door.plain({ cookie }))).toBe(403);

    const client = await door.plain({ cookie, origin: `http://${host}` });
    expect(await client.next('connected')).toMatchObject({ user: { id: 'ada' } });
    const robot = await door.plain({ authorization: 'Bearer token-robot' });
    expect(await robot.next('connected')).toMatchObject({ user: { id: 'robot' } });
  });

  it('A-01 tells a page that speaks the protocol by a close with 4403', async () => {
    const door = await openDoor();
    const client = await RawClient.open(door.url, { socket: { origin: 'https://evil.example' } });

    expect(await client.closed).toEqual({ code: 4403, reason: 'forbidden' });
    expect(door.node.hub.size).toBe(0);
  });
});

describe('tokens', () => {
  it('A-02 looks at no token in the query unless told to', async () => {
    const door = await openDoor();
    const client = await door.plain({}, '?token=token-ada&access_token=token-ada');
    client.send({ type: 'request', id: '1', event: 'echo' });

    expect(await client.closed).toEqual({ code: 4400, reason: 'expected hello' });
    expect(door.gateway.reached).toEqual([]);
  });

  it('A-02 shows a token of the query neither to handlers nor to the log', async () => {
    const door = await openDoor({ options: { auth: { verify: nameVerify, query: 'token' } } });
    const client = await door.plain({}, '?token=token-ada&room=1');
    await client.next('connected');

    expect(await client.request('1', 'whoami')).toMatchObject({
      payload: { id: 'ada', url: '/realtime?token=redacted&room=1' },
    });
    expect(await refusedStatus(door.plain({}, '?token=bad-token'))).toBe(401);
    expect(door.logs.all.join('\n')).not.toMatch(/token-ada|bad-token/);
  });

  it('A-03 refuses forged tokens with one and the same text, and asks no key server for them', async () => {
    const keys = await KeyServer.start();
    const { publicKey, privateKey } = await keyPair('RS256');
    const url = await keys.publish('/a', 'k1', 'RS256', publicKey);
    const door = await openDoor({
      options: { auth: { jwt: { jwks: { 'https://a.example': url }, audience: 'chat' } } },
    });
    const good = { iss: 'https://a.example', aud: 'chat', exp: inSeconds(60) };
    const header = { alg: 'RS256', kid: 'k1' };
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    for (const token of [
      forge({ alg: 'none' }, { sub: 'ada', ...good, iss: 'https://evil.example' }),
      forge(
        { alg: 'RS256', jku: `${keys.url}/evil` },
        { sub: 'ada', iss: `${keys.url}/evil` },
        'AAAA',
      ),
      forge({ alg: 'RS256' }, { sub: 'ada', iss: '../../a' }, 'AAAA'),
      forge({ alg: 'RS256' }, { sub: 'ada', iss: { toString: 1 } }, 'AAAA'),
      'x'.repeat(8_192),
      '..',
      'a.b.c',
    ]) {
      expect(await closeOf(door, token)).toBe(4401);
    }
    expect(keys.asked).toEqual([]);

    const forged = [
      forge({ alg: 'none', kid: 'k1' }, { sub: 'ada', ...good }),
      await sign(new TextEncoder().encode(pem), { alg: 'HS256', kid: 'k1' }, good),
      await sign(privateKey, header, { ...good, aud: 'other' }),
      await sign(privateKey, header, { ...good, nbf: inSeconds(60) }),
      await sign(privateKey, header, { ...good, exp: inSeconds(-60) }),
      await sign(privateKey, { alg: 'RS256', kid: 'unknown' }, good),
      await sign((await keyPair('RS256')).privateKey, header, good),
    ];
    const reasons = new Set<string>();
    for (const token of forged) {
      const client = await RawClient.open(door.url);
      client.send({ type: 'hello', token });
      const { code, reason } = await client.closed;
      expect(code).toBe(4401);
      reasons.add(reason);
    }
    expect([...reasons]).toEqual(['invalid credentials']);
    expect(new Set(keys.asked)).toEqual(new Set(['/a']));

    const client = await door.connect(await sign(privateKey, header, good));
    expect(await client.request('1', 'whoami')).toMatchObject({ payload: { id: 'ada' } });
    await keys.stop();
  });

  it('A-04 keeps the keys of two issuers apart that use the same kid', async () => {
    const keys = await KeyServer.start();
    const [a, b] = await Promise.all([keyPair('ES256'), keyPair('ES256')]);
    const door = await openDoor({
      options: {
        auth: {
          jwt: {
            jwks: {
              'https://a.example': await keys.publish('/a', 'same', 'ES256', a.publicKey),
              'https://b.example': await keys.publish('/b', 'same', 'ES256', b.publicKey),
            },
            user: ({ iss, sub }) => ({ id: `${String(iss)} ${String(sub)}` }),
          },
        },
      },
    });
    const header = { alg: 'ES256', kid: 'same' };
    const ofA = await door.connect(await sign(a.privateKey, header, { iss: 'https://a.example' }));
    const ofB = await door.connect(await sign(b.privateKey, header, { iss: 'https://b.example' }));
    expect(await ofA.request('1', 'whoami')).toMatchObject({
      payload: { id: 'https://a.example ada' },
    });
    expect(await ofB.request('1', 'whoami')).toMatchObject({
      payload: { id: 'https://b.example ada' },
    });

    // A signs in B's name, with a key that B knows by the same name.
    expect(
      await closeOf(door, await sign(a.privateKey, header, { iss: 'https://b.example' })),
    ).toBe(4401);
    await keys.stop();
  });
});

describe('a verifier in trouble', () => {
  it.each([
    [
      'throws',
      () => {
        throw new Error('no database');
      },
    ],
    ['rejects', () => Promise.reject(new Error('no database'))],
    ['gives a user without id', () => ({ name: 'ada' }) as never],
    ['gives a user whose id is a number', () => ({ id: 7 }) as never],
  ])('A-05 lets nobody in, and says to come back, when it %s', async (_, verify) => {
    const door = await openDoor({ options: { auth: { verify } } });

    expect(closeAction(await closeOf(door, 'any'))).toBe('reconnect');
    expect(await refusedStatus(door.plain({ authorization: 'Bearer any' }))).toBe(503);
    expect(door.node.hub.size).toBe(0);
    expect(door.logs.errors.length).toBe(2);
  });

  it('A-05 gives up on a verifier that hangs after five seconds, and has its place back', async () => {
    const clock = new ManualClock();
    let asked = 0;
    const allAsked = new Gate();
    const door = await openDoor({
      clock,
      options: {
        auth: {
          concurrency: 4,
          verify: (token) => {
            if (token !== 'hang') return nameVerify(token);
            asked += 1;
            if (asked === 4) allAsked.resolve();
            return new Promise(() => undefined);
          },
        },
      },
    });
    const hanging = await Promise.all(Array.from({ length: 4 }, () => RawClient.open(door.url)));
    for (const client of hanging) client.send({ type: 'hello', token: 'hang' });
    await allAsked.promise;

    clock.advance(5_000);

    const codes = await Promise.all(hanging.map(async ({ closed }) => (await closed).code));
    expect(new Set(codes.map(closeAction))).toEqual(new Set(['reconnect']));
    expect(await door.serves()).toBe(true);
  });

  it('A-05 gives up on a guard that hangs, and frees its place', async () => {
    const clock = new ManualClock();
    const asked = new Gate();
    const door = await openDoor({
      clock,
      options: {
        limits: { pendingUpgrades: 1 },
        auth: {
          verify: (token) => {
            if (token !== 'hang') return nameVerify(token);
            asked.resolve();
            return new Promise(() => undefined);
          },
        },
      },
    });
    const hanging = refusedStatus(door.plain({ authorization: 'Bearer hang' }));
    await asked.promise;
    expect(await refusedStatus(door.plain())).toBe(503);

    clock.advance(5_000);

    expect(await hanging).toBe(503);
    expect(await door.serves()).toBe(true);
  });
});

describe('the life of a session', () => {
  it('A-06 asks for fresh credentials, and delivers nothing beyond expiry and grace', async () => {
    const clock = new ManualClock();
    const expiresAt = clock.now() + 100_000;
    const door = await openDoor({
      clock,
      options: {
        auth: { graceMs: 10_000, verify: () => ({ user: { id: 'ada' }, expiresAt }) },
        heartbeat: { intervalMs: 1_000_000, timeoutMs: 2_000_000 },
      },
    });
    const client = await door.connect('any');
    client.send({ type: 'subscribe', id: '1', room: 'open/a' });
    await client.next('subscribed');
    clock.advance(91_000);
    expect(await client.next('authenticate')).toMatchObject({ type: 'authenticate' });
    clock.advance(18_900);
    await door.rooms.publish('open/a', 'note', 'in time');
    expect(await client.next('message')).toMatchObject({ payload: 'in time' });

    clock.advance(200);
    await door.rooms.publish('open/a', 'note', 'too late');

    expect(await client.closed).toEqual({ code: 4401, reason: 'credentials expired' });
    expect(client.unread).toEqual([]);
  });

  it('A-06 never begins a session with credentials that ran out longer ago than the grace', async () => {
    const door = await openDoor({
      options: {
        auth: {
          graceMs: 1_000,
          verify: () => ({ user: { id: 'ada' }, expiresAt: Date.now() - 1_001 }),
        },
      },
    });

    expect(await closeOf(door, 'any')).toBe(4401);
  });

  it('A-07 ends on one node what is revoked on another, and keeps it out on both', async () => {
    const bus = new Set<BrokerListener>();
    const [near, far] = await Promise.all([openDoor(onBus(bus)), openDoor(onBus(bus))]);
    const client = await far.connect('token-ada');
    const other = await far.connect('token-bob');
    expect(await near.sessions.list('ada')).toMatchObject([{ user: { id: 'ada' } }]);

    await near.sessions.revoke({ userId: 'ada' });

    expect(await client.closed).toEqual({ code: 4401, reason: 'session revoked' });
    expect(await closeOf(near, 'token-ada')).toBe(4401);
    expect(await closeOf(far, 'token-ada')).toBe(4401);
    expect(await other.request('1', 'echo', 1)).toMatchObject({ payload: 1 });
  });

  it('A-08 refuses the token of another user and leaves rooms that a new one no longer grants', async () => {
    const door = await openDoor({
      options: {
        auth: {
          verify: (token) => {
            const [id = '', rights] = token.split('/');
            return { user: { id, rights } as { id: string }, tokenId: token };
          },
        },
      },
    });
    door.grants.users.add('ada');
    const client = await door.connect('ada/all');
    client.send({ type: 'subscribe', id: '1', room: 'granted/a' });
    await client.next('subscribed');

    client.send({ type: 'authenticate', id: '2', token: 'bob/all' });
    expect(await client.answer('2')).toMatchObject({ type: 'error', code: 'forbidden' });
    expect(await client.request('3', 'whoami')).toMatchObject({ payload: { id: 'ada' } });

    door.grants.users.delete('ada');
    client.send({ type: 'authenticate', id: '4', token: 'ada/less' });
    expect(await client.next('unsubscribed')).toMatchObject({
      room: 'granted/a',
      reason: 'forbidden',
    });
    expect(await client.answer('4')).toMatchObject({ type: 'authenticated' });
    await door.rooms.publish('granted/a', 'note', 'secret');
    expect(await client.request('5', 'echo', 1)).toMatchObject({ payload: 1 });
    expect(client.unread).toEqual([]);
  });
});

describe('a peer that is not let in yet', () => {
  it('P-07 is read no further than its bound, and handled in order once it is in', async () => {
    const asked = new Gate();
    const verdict = new Gate<{ id: string }>();
    const verify = (): Promise<{ id: string }> => {
      asked.resolve();
      return verdict.promise;
    };
    // More than a connection may send at once, so that it does not fit into the kernel's buffers.
    const limits = { bytesPerSecond: 0 };
    const door = await openDoor({ options: { auth: { verify }, limits } });
    const peer = await RawPeer.upgrade(door.port);
    peer.write(frame('{"type":"hello","token":"any"}'));
    await asked.promise;
    const count = 800;
    const payload = 'x'.repeat(32_768);
    for (let id = 0; id < count; id += 1)
      peer.send({ type: 'request', id: String(id), event: 'whoami', payload });
    const before = door.latestSocket.bytesRead;
    let read = before;
    do {
      read = door.latestSocket.bytesRead;
      for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
    } while (door.latestSocket.bytesRead > read);

    // 64 KiB, and what was read at once with the frame that was too much.
    expect(read).toBeLessThan(512 * 1_024);
    expect(door.gateway.reached).toEqual([]);
    verdict.resolve({ id: 'ada' });

    await peer.nextJson('connected');
    for (let id = 0; id < count; id += 1)
      expect((await peer.nextJson('response'))['id']).toBe(String(id));
  });
});

describe('rights', () => {
  it('A-10 does not let a grant slip through that is taken away while it is being asked for', async () => {
    const door = await openDoor();
    door.grants.users.add('ada');
    const client = await door.connect('token-ada');
    for (const type of ['subscribe', 'publish'] as const) {
      door.grants.users.add('ada');
      door.grants.held = new Gate();
      const asked = door.grants.nextAsk();
      client.send({ type, id: type, room: 'granted/a', event: 'note' });
      await asked;

      door.grants.users.delete('ada');
      await door.sessions.reauthorize('ada');
      door.grants.held.resolve();

      expect(await client.answer(type)).toMatchObject({ type: 'error', code: 'forbidden' });
    }
    expect(await door.rooms.size('granted/a')).toBe(0);
    expect((await door.rooms.publish('granted/a', 'note')).position?.offset).toBe(1);
  });

  it("A-11 gives nothing for another user's connection id or client key", async () => {
    const door = await openDoor();
    door.grants.users.add('ada');
    const ada = await RawClient.open(door.url);
    const clientKey = 'k'.repeat(32);
    ada.send({ type: 'hello', token: 'token-ada', clientKey, rooms: [{ room: 'granted/a' }] });
    const { connectionId } = await ada.next('connected');
    const { epoch, offset } = await ada.next('subscribed');

    const peer = await RawPeer.upgrade(door.port, [OFFER]);
    const stolen = { clientKey, connectionId, sessionId: connectionId, resume: connectionId };
    const rooms = [{ room: 'granted/a', epoch, offset }];
    peer.write(frame(JSON.stringify({ type: 'hello', token: 'token-bob', rooms, ...stolen })));

    const connected = await peer.nextJson();
    expect(connected).toMatchObject({ type: 'connected', user: { id: 'bob' } });
    expect(connected['connectionId']).not.toBe(connectionId);
    expect(await peer.nextJson()).toMatchObject({ type: 'unsubscribed', reason: 'forbidden' });
    expect(await ada.request('1', 'whoami')).toMatchObject({ payload: { id: 'ada' } });
  });

  it('A-12 turns an address away that guesses tokens, with the same words for every guess', async () => {
    const clock = new ManualClock();
    const door = await openDoor({
      clock,
      options: { limits: { attemptBurst: 10, attemptsPerSecond: 2 } },
    });
    const ends = [];
    for (let guess = 0; guess < 10; guess += 1) {
      const client = await RawClient.open(door.url);
      client.send({ type: 'hello', token: `guess-${String(guess)}` });
      ends.push(await client.closed);
    }
    expect(new Set(ends.map((end) => JSON.stringify(end))).size).toBe(1);

    expect(await refusedStatus(RawClient.open(door.url))).toBe(429);
    expect(await refusedStatus(door.plain({ authorization: 'Bearer token-ada' }))).toBe(429);
    const other = await door.connect('token-bob', { socket: { localAddress: '127.0.0.3' } });
    expect(await other.request('1', 'echo', 1)).toMatchObject({ payload: 1 });
    clock.advance(1_000);
    expect(await door.serves()).toBe(true);
  });

  it.each([
    ['no auth at all', { auth: undefined as never }, /realtime\.auth is not set/],
    ['any origin', { origins: '*' as const }, /realtime\.origins is "\*": pages of every site/],
    [
      'any origin with a cookie',
      { origins: '*' as const, auth: { verify: nameVerify, cookie: 'sid' } },
      /with the cookies/,
    ],
    [
      'tokens in the query',
      { auth: { verify: nameVerify, query: 'token' } },
      /realtime\.auth\.query is set/,
    ],
  ])('A-13 warns at every start about %s', async (_, options, warning) => {
    for (let start = 0; start < 2; start += 1) {
      const door = await openDoor({ options });
      expect(door.logs.warnings).toEqual([expect.stringMatching(warning)]);
    }
  });

  it('A-13 says once that a proxy seems to be there that is not trusted', async () => {
    const door = await openDoor();
    const headers = { 'x-forwarded-for': '203.0.113.7' };
    for (let handshakes = 0; handshakes < 2; handshakes += 1)
      await (await RawClient.open(door.url, { socket: { headers } })).close();
    expect(door.logs.warnings).toEqual([
      expect.stringMatching(/X-Forwarded-For.*realtime\.trustProxy/),
    ]);

    const trusting = await openDoor({ options: { trustProxy: 'loopback' } });
    await (await RawClient.open(trusting.url, { socket: { headers } })).close();
    expect(trusting.logs.warnings).toEqual([]);
  });

  it('A-13 says nothing about safe options, and refuses what can never be safe', async () => {
    expect((await openDoor()).logs.warnings).toEqual([]);
    for (const options of [
      { auth: { jwt: { secret: 'short' } } },
      { auth: { jwt: { secret: SECRET, algorithms: ['none'] } } },
      { origins: [/example\.com/] },
      { origins: [/^https:\/\/[(]a|evil$/] },
      { trustProxy: true as never },
    ])
      await expect(Door.open({ options })).rejects.toThrow(/Invalid RealtimeModule options/);
  });

  it('A-13 prints no secret in the error about it', async () => {
    const options = { auth: { jwt: { secret: 'hush-hush' } } };
    await expect(Door.open({ options })).rejects.not.toThrow(/hush/);
  });

  it("A-14 gives nobody another member's acknowledgement for the same publish id", async () => {
    const door = await openDoor({ options: { auth: { jwt: { secret: SECRET } } } });
    const [ada, bob] = await Promise.all([
      door.connect(await signWithSecret({ sub: 'ada' })),
      door.connect(await signWithSecret({ sub: 'bob' })),
    ]);
    const publish = { type: 'publish', id: '7', room: 'open/a', event: 'note' } as const;
    ada.send({ ...publish, payload: 'of ada' });
    const first = await ada.answer('7');
    bob.send({ type: 'subscribe', id: '1', room: 'open/a' });
    await bob.next('subscribed');

    bob.send({ ...publish, payload: 'of bob' });

    expect(first).toMatchObject({ type: 'published', offset: 1 });
    expect(await bob.answer('7')).toMatchObject({ type: 'published', offset: 2 });
    expect(await bob.next('message')).toMatchObject({ payload: 'of bob' });
    expect(ada.unread).toEqual([]);
  });
});

/** A node whose commands reach every node on the bus. Between processes that is Redis' job, not here yet. */
function onBus(bus: Set<BrokerListener>): DoorSetup {
  class BusBroker extends MemoryBroker {
    override async start(listener: BrokerListener): Promise<void> {
      bus.add(listener);
      await super.start(listener);
    }

    override command(command: ControlCommand): Promise<void> {
      for (const listener of bus) listener.command(command);
      return Promise.resolve();
    }

    override ask(question: NodeQuestion): Promise<NodeAnswer[]> {
      return Promise.all([...bus].map((listener) => listener.answer(question)));
    }
  }
  return {
    override: (builder) =>
      builder.overrideProvider(REALTIME_BROKER).useFactory({
        factory: (clock: Clock, random: Random) => new BusBroker(clock, random),
        inject: [REALTIME_CLOCK, REALTIME_RANDOM],
      }),
  };
}
