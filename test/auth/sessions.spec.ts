import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { REALTIME_RANDOM, type Authentication } from '../../lib/index.js';
import { ManualClock, RawClient } from '../../lib/testing/index.js';
import { Door, Gate, type DoorSetup } from '../support/security-app.js';

let clock: ManualClock;
let door: Door;
/** What a token is worth; a token that is not listed is worth nothing. */
const tokens = new Map<string, Authentication | Promise<Authentication>>();
const QUIET = { intervalMs: 10_000_000, timeoutMs: 20_000_000 };

beforeEach(() => {
  clock = new ManualClock();
  tokens.clear();
});

afterEach(() => door.close());

async function openDoor(setup: DoorSetup = {}): Promise<Door> {
  const options = { auth: { verify: (token: string) => tokens.get(token) }, heartbeat: QUIET };
  door = await Door.open({ clock, options, ...setup });
  return door;
}

/** A token of Ada's, good for so many milliseconds. */
function grant(token: string, more: Partial<Authentication> & { forMs?: number } = {}): void {
  const { forMs, ...rest } = more;
  const expiry = forMs === undefined ? {} : { expiresAt: clock.now() + forMs };
  tokens.set(token, { user: { id: 'ada' }, ...expiry, ...rest });
}

async function inRoom(client: RawClient, room: string): Promise<void> {
  client.send({ type: 'subscribe', id: `in ${room}`, room });
  await client.next('subscribed');
}

/** Whether something is heard of the server about the session, now. */
async function isAsked(client: RawClient): Promise<boolean> {
  await client.request(`at ${String(clock.now())}`, 'echo');
  return client.unread.some(({ type }) => type === 'authenticate');
}

async function refused(token: string): Promise<number> {
  const client = await RawClient.open(door.url);
  client.send({ type: 'hello', token });
  return (await client.closed).code;
}

describe('credentials that run out', () => {
  it.each([
    [0, 80],
    [0.5, 85],
    [0.999, 89.99],
  ])(
    'are asked for anew after 80 to 90 per cent of their life (%d of the jitter)',
    async (fraction, percent) => {
      await openDoor({
        override: (builder) => {
          let next = 0;
          const id = (): string => `id-${String((next += 1))}`;
          return builder
            .overrideProvider(REALTIME_RANDOM)
            .useValue({ fraction: () => fraction, id });
        },
      });
      grant('first', { forMs: 100_000 });
      const client = await door.connect('first');

      clock.advance(percent * 1_000 - 200);
      expect(await isAsked(client)).toBe(false);
      clock.advance(400);
      expect(await isAsked(client)).toBe(true);

      const { withinMs } = await client.next('authenticate');
      expect(withinMs).toBeGreaterThan(110_000 - percent * 1_000 - 400);
      expect(withinMs).toBeLessThanOrEqual(110_000 - percent * 1_000);
    },
  );

  it('are renewed in-band, without losing a room', async () => {
    await openDoor();
    grant('first', { forMs: 100_000 });
    const client = await door.connect('first');
    await inRoom(client, 'open/a');
    clock.advance(91_000);
    await client.next('authenticate');
    grant('second', { forMs: 100_000 });

    client.send({ type: 'authenticate', id: '1', token: 'second' });

    expect(await client.answer('1')).toEqual({
      type: 'authenticated',
      id: '1',
      expiresAt: clock.now() + 100_000,
    });
    clock.advance(70_000);
    await door.rooms.publish('open/a', 'note', 'still in');
    expect(await client.next('message')).toMatchObject({ payload: 'still in' });
    expect(client.unread).toEqual([]);
  });

  it('are not replaced by bad ones; the session goes on until its grace is over', async () => {
    await openDoor();
    grant('first', { forMs: 100_000 });
    const client = await door.connect('first');
    clock.advance(91_000);
    await client.next('authenticate');

    client.send({ type: 'authenticate', id: '1', token: 'worthless' });
    expect(await client.answer('1')).toMatchObject({
      code: 'unauthorized',
      message: 'invalid credentials',
    });
    clock.advance(18_900);
    expect(await client.request('2', 'echo', 1)).toMatchObject({ payload: 1 });
    clock.advance(300);

    expect(await client.closed).toEqual({ code: 4401, reason: 'credentials expired' });
  });

  it('are not replaced by those of another user', async () => {
    await openDoor();
    grant('first');
    grant('eve', { user: { id: 'eve' } });
    const client = await door.connect('first');

    client.send({ type: 'authenticate', id: '1', token: 'eve' });

    expect(await client.answer('1')).toMatchObject({ code: 'forbidden' });
    expect(await client.request('2', 'whoami')).toMatchObject({ payload: { id: 'ada' } });
  });

  it('are refused as fresh ones when they ran out before the grace', async () => {
    await openDoor();
    grant('first');
    grant('old', { forMs: -10_001 });
    const client = await door.connect('first');

    client.send({ type: 'authenticate', id: '1', token: 'old' });

    expect(await client.answer('1')).toMatchObject({ code: 'unauthorized' });
  });

  it('are checked one at a time', async () => {
    await openDoor();
    grant('first');
    const gate = new Gate<Authentication>();
    tokens.set('slow', gate.promise);
    const client = await door.connect('first');
    client.send({ type: 'authenticate', id: '1', token: 'slow' });
    client.send({ type: 'authenticate', id: '2', token: 'first' });

    expect(await client.answer('2')).toMatchObject({ code: 'rate-limited' });
    gate.resolve({ user: { id: 'ada' } });
    expect(await client.answer('1')).toMatchObject({ type: 'authenticated' });
  });
});

describe('the service', () => {
  it('lists the sessions of a user, one a connection', async () => {
    await openDoor();
    grant('phone', { tokenId: 'p', issuedAt: 1 });
    grant('laptop', { tokenId: 'l' });
    await Promise.all([door.connect('phone'), door.connect('laptop')]);

    const sessions = await door.sessions.list('ada');

    expect(sessions.map(({ tokenId }) => tokenId).sort()).toEqual(['l', 'p']);
    expect(sessions.every(({ since, user }) => since === clock.now() && user.id === 'ada')).toBe(
      true,
    );
    expect(await door.sessions.list('nobody')).toEqual([]);
  });

  it.each([
    ['user', () => ({ userId: 'ada' }), [true, true, true]],
    ['token', () => ({ tokenId: 'old' }), [true, false, false]],
    ['user and token', () => ({ userId: 'bob', tokenId: 'old' }), [false, false, false]],
    ['issue date', () => ({ userId: 'ada', issuedBefore: 2_000 }), [true, false, true]],
    ['session', (id: string) => ({ sessionId: id }), [true, false, false]],
  ])('revokes by %s and nobody else', async (_, ruleFor, expected) => {
    await openDoor();
    grant('old', { tokenId: 'old', issuedAt: 1_000 });
    grant('new', { tokenId: 'new', issuedAt: 2_000 });
    grant('dateless', { tokenId: 'dateless' });
    grant('bob', { user: { id: 'bob' }, tokenId: 'old-bob', issuedAt: 3_000 });
    const bob = await door.connect('bob');
    const clients = [];
    for (const token of ['old', 'new', 'dateless']) clients.push(await door.connect(token));
    const [first] = await door.sessions.list('ada');

    await door.sessions.revoke(ruleFor(first?.id ?? ''));

    const isRevoked = clients.map((client) =>
      client.request('1', 'echo', 1).then(
        () => false,
        () => true,
      ),
    );
    expect(await Promise.all(isRevoked)).toEqual(expected);
    for (const client of clients.filter((_client, index) => expected[index]))
      expect(await client.closed).toEqual({ code: 4401, reason: 'session revoked' });
    expect(await bob.request('1', 'echo', 1)).toMatchObject({ payload: 1 });
  });

  it('refuses a rule that names nothing', async () => {
    await openDoor();
    await expect(door.sessions.revoke({})).rejects.toMatchObject({ code: 'invalid-field' });
  });

  it('keeps a revoked token out for as long as it is told, also as a fresh one', async () => {
    const auth = { verify: (token: string) => tokens.get(token), rememberRevokedMs: 60_000 };
    await openDoor({ options: { auth, heartbeat: QUIET } });
    grant('bad', { tokenId: 'bad' });
    grant('good', { tokenId: 'good' });
    await door.sessions.revoke({ tokenId: 'bad' });

    expect(await refused('bad')).toBe(4401);
    const client = await door.connect('good');
    client.send({ type: 'authenticate', id: '1', token: 'bad' });
    expect(await client.answer('1')).toMatchObject({ code: 'unauthorized' });
    clock.advance(60_001);
    await door.connect('bad');
  });

  it('keeps remembering tokens, however many single sessions are revoked', async () => {
    await openDoor();
    grant('bad', { tokenId: 'bad' });
    await door.sessions.revoke({ tokenId: 'bad' });
    for (let count = 0; count < 10_001; count += 1)
      await door.sessions.revoke({ sessionId: `session-${String(count)}` });

    expect(await refused('bad')).toBe(4401);
  });

  it('lets nobody slip in who is revoked while the token is being verified', async () => {
    await openDoor();
    const gate = new Gate<Authentication>();
    tokens.set('slow', gate.promise);
    const client = await RawClient.open(door.url);
    client.send({ type: 'hello', token: 'slow' });
    client.send({ type: 'request', id: '1', event: 'echo' });
    // Another one who comes later is in: the hello before has been read.
    grant('witness', { user: { id: 'witness' } });
    await door.connect('witness');

    await door.sessions.revoke({ tokenId: 'slow' });
    gate.resolve({ user: { id: 'ada' }, tokenId: 'slow' });

    expect((await client.closed).code).toBe(4401);
    expect(door.gateway.reached).toEqual([]);
  });

  it('lets nobody slip in who is revoked between the handshake and hello', async () => {
    await openDoor();
    grant('early', { tokenId: 'early' });
    const client = await RawClient.open(door.url, {
      socket: { headers: { authorization: 'Bearer early' } },
    });
    await door.sessions.revoke({ tokenId: 'early' });

    client.send({ type: 'hello' });

    expect((await client.closed).code).toBe(4401);
  });

  it('takes clients out of rooms that a user may no longer be in, with the reason', async () => {
    await openDoor();
    grant('first');
    door.grants.users.add('ada');
    const client = await door.connect('first');
    await inRoom(client, 'granted/a');
    await inRoom(client, 'open/b');
    door.grants.users.delete('ada');

    await door.sessions.reauthorize('ada');

    expect(await client.next('unsubscribed')).toEqual({
      type: 'unsubscribed',
      room: 'granted/a',
      reason: 'forbidden',
    });
    expect(await door.rooms.size('granted/a')).toBe(0);
    expect(await door.rooms.size('open/b')).toBe(1);
  });

  it('leaves clients in rooms the server has put them into', async () => {
    await openDoor();
    grant('first');
    const client = await door.connect('first');
    const [session] = await door.sessions.list('ada');
    await door.rooms.join(session?.id ?? '', 'granted/a');

    await door.sessions.reauthorize('ada');

    await client.request('1', 'echo');
    expect(await door.rooms.size('granted/a')).toBe(1);
  });
});
