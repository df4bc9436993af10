import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { RealtimeError, type Authentication, type RevocationRule } from '../../lib/core/index.js';
import { Revocations, revokes } from '../../lib/core/revocations.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import { NodeWorld, type Peer } from '../support/node-world.js';
import { deferred, turn } from '../support/turns.js';

const MINUTE = 60_000;

/** A world where tokens say how long they last: `<user> <seconds>`. */
async function expiring(graceMs = 10_000): Promise<NodeWorld> {
  const world = await NodeWorld.start({ sessions: { graceMs } });
  world.verifier.instead = (token) => {
    const [id = '', seconds] = (token ?? '').split(' ');
    if (id === 'bad') return Promise.resolve(undefined);
    const expiresAt = world.clock.now() + Number(seconds) * 1_000;
    return Promise.resolve({ user: { id }, ...(seconds === undefined ? {} : { expiresAt }) });
  };
  return world;
}

async function enter(world: NodeWorld, token: string): Promise<Peer> {
  const peer = world.meet();
  await peer.ask({ type: 'hello', token });
  return peer;
}

describe('a session', () => {
  it('A-06 is asked for fresh credentials in time, and ends a grace after their expiry', async () => {
    const world = await expiring();
    const peer = await enter(world, 'ada 100');
    world.clock.advance(84_900);
    expect(peer.frames()).toEqual([]);
    world.clock.advance(200);
    expect(peer.frames()).toEqual([{ type: 'authenticate', withinMs: 25_000 }]);
    world.clock.advance(24_800);
    expect(peer.connection.state).toBe('open');
    world.clock.advance(200);
    await turn();
    expect(peer.link.peerEnd).toEqual({ code: 4401, reason: 'credentials expired' });
    expect(world.clock.waiting).toBe(0);
  });

  it('goes on with fresh credentials, and says until when', async () => {
    const world = await expiring();
    const peer = await enter(world, 'ada 100');
    world.clock.advance(90_000);
    peer.frames();
    expect(await peer.ask({ type: 'authenticate', id: '1', token: 'ada 100' })).toEqual([
      { type: 'authenticated', id: '1', expiresAt: world.clock.now() + 100_000 },
    ]);
    world.clock.advance(80_000);
    expect(peer.connection.state).toBe('open');
    world.clock.advance(10_000);
    expect(peer.frames()).toMatchObject([{ type: 'authenticate' }]);
  });

  it('has no end with credentials that have none', async () => {
    const world = await expiring();
    const peer = await enter(world, 'ada 100');
    expect(await peer.ask({ type: 'authenticate', id: '1', token: 'ada' })).toEqual([
      { type: 'authenticated', id: '1' },
    ]);
    expect(world.clock.waiting).toBe(0);
    world.clock.advance(1_000_000);
    expect(peer.connection.state).toBe('open');
  });

  it('ends without grace where none is given', async () => {
    const world = await expiring(0);
    const peer = await enter(world, 'ada 100');
    world.clock.advance(85_100);
    expect(peer.frames()).toEqual([{ type: 'authenticate', withinMs: 15_000 }]);
    world.clock.advance(14_800);
    expect(peer.connection.state).toBe('open');
    world.clock.advance(200);
    expect(peer.connection.state).toBe('closed');
  });

  it('does not begin, or go on, with credentials that have run out already', async () => {
    const world = await expiring();
    for (const seconds of ['-10', '-3600', 'soon']) {
      const late = await enter(world, `ada ${seconds}`);
      expect(late.link.peerEnd).toEqual({ code: 4401, reason: 'invalid credentials' });
    }
    const peer = await enter(world, 'ada 100');
    expect(await peer.ask({ type: 'authenticate', id: '1', token: 'ada -10' })).toMatchObject([
      { type: 'error', id: '1', code: 'unauthorized' },
    ]);
  });

  it('is asked at once when it begins within the grace', async () => {
    const world = await expiring();
    const peer = await enter(world, 'ada -5');
    world.clock.advance(100);
    expect(peer.frames()).toMatchObject([{ type: 'authenticate' }]);
    world.clock.advance(5_000);
    expect(peer.connection.state).toBe('closed');
  });

  it('keeps its moment of beginning through a renewal', async () => {
    const world = await expiring();
    const peer = await enter(world, 'ada 100');
    const since = peer.connection.session?.since;
    world.clock.advance(MINUTE);
    await peer.ask({ type: 'authenticate', id: '1', token: 'ada 100' });
    expect(peer.connection.session?.since).toBe(since);
    expect(await world.node.sessionsOf('ada')).toMatchObject([{ id: peer.connection.id, since }]);
  });

  it.each<[string, string, string]>([
    ['bad', 'bad', 'unauthorized'],
    ['A-08 those of another user', 'bob 100', 'forbidden'],
  ])('goes on with what it had when the fresh credentials are %s', async (_, token, code) => {
    const world = await expiring();
    const peer = await enter(world, 'ada 100');
    expect(await peer.ask({ type: 'authenticate', id: '1', token })).toMatchObject([
      { type: 'error', id: '1', code },
    ]);
    expect(peer.connection.user).toEqual({ id: 'ada' });
    world.clock.advance(120_000);
    expect(peer.connection.state).toBe('closed');
  });

  it('goes on when fresh credentials cannot be checked, and says so', async () => {
    const world = await expiring();
    const peer = await enter(world, 'ada 100');
    world.verifier.instead = () => Promise.reject(new Error('no directory'));
    expect(await peer.ask({ type: 'authenticate', id: '1', token: 'ada' })).toMatchObject([
      { type: 'error', id: '1', code: 'unavailable', retryable: true },
    ]);
    expect(world.observer.failures).toMatchObject([{ where: 'authenticate' }]);
    world.verifier.instead = () => Promise.reject(new RealtimeError('rate-limited', 'later'));
    expect(await peer.ask({ type: 'authenticate', id: '2', token: 'ada' })).toMatchObject([
      { type: 'error', id: '2', code: 'rate-limited' },
    ]);
  });

  it('says unavailable when the verifier hangs', async () => {
    const world = await NodeWorld.start();
    const peer = await world.connect();
    world.verifier.instead = () => new Promise(() => undefined);
    peer.say({ type: 'authenticate', id: '1', token: 'token-ada' });
    world.clock.advance(5_000);
    await turn();
    expect(peer.frames()).toMatchObject([{ type: 'error', id: '1', code: 'unavailable' }]);
    expect(world.clock.waiting).toBe(0);
  });

  it('says nothing to a peer that has gone while its credentials were checked', async () => {
    const world = await NodeWorld.start();
    const peer = await world.connect();
    const gate = deferred<Authentication | undefined>();
    world.verifier.instead = () => gate.promise;
    peer.say({ type: 'authenticate', id: '1', token: 'token-ada' });
    peer.link.hangUp();
    gate.resolve({ user: { id: 'ada' }, expiresAt: world.clock.now() + MINUTE });
    await turn();
    expect(world.clock.waiting).toBe(0);
    expect(peer.frames()).toEqual([]);
  });

  it('leaves rooms that the fresh credentials do not allow before they are acknowledged', async () => {
    const world = await NodeWorld.start();
    const peer = await world.connect();
    await peer.ask({ type: 'subscribe', id: '1', room: 'r' });
    world.directory.rights.onSubscribe = () => Promise.resolve(false);
    expect(await peer.ask({ type: 'authenticate', id: '2', token: 'token-ada' })).toMatchObject([
      { type: 'unsubscribed', room: 'r', reason: 'forbidden' },
      { type: 'authenticated', id: '2' },
    ]);
  });
});

describe('revocation', () => {
  it('A-07 ends the sessions it names, and no others', async () => {
    const world = await NodeWorld.start();
    world.verifier.instead = (token) =>
      Promise.resolve({
        user: { id: (token ?? '').replace(/\d$/, '') },
        tokenId: token ?? '',
        issuedAt: world.clock.now(),
      });
    const [ada1, ada2, bob1] = [
      await enter(world, 'ada1'),
      await enter(world, 'ada2'),
      await enter(world, 'bob1'),
    ];
    await world.node.revoke({ tokenId: 'ada2' });
    await world.node.revoke({});
    await turn();
    expect(ada2.link.peerEnd).toEqual({ code: 4401, reason: 'session revoked' });
    expect([ada1, bob1].map(({ connection }) => connection.state)).toEqual(['open', 'open']);
    await world.node.revoke({ sessionId: ada1.connection.id });
    await world.node.revoke({ sessionId: 'nobody' });
    expect([ada1, bob1].map(({ connection }) => connection.state)).toEqual(['closed', 'open']);
    await world.node.revoke({ userId: 'bob', issuedBefore: world.clock.now() });
    expect(bob1.connection.state).toBe('open');
    await world.node.revoke({ userId: 'bob', issuedBefore: world.clock.now() + 1 });
    expect(bob1.connection.state).toBe('closed');
  });

  it('passes over connections that still have to say who they are', async () => {
    const world = await NodeWorld.start();
    const stranger = world.meet();
    await world.node.revoke({ issuedBefore: world.clock.now() });
    expect(stranger.connection.state).toBe('awaiting-hello');
  });

  it('refuses to renew with a revoked token', async () => {
    const world = await NodeWorld.start();
    const peer = await world.connect();
    world.verifier.instead = () => Promise.resolve({ user: { id: 'ada' }, tokenId: 't' });
    await world.node.revoke({ tokenId: 't' });
    expect(await peer.ask({ type: 'authenticate', id: '1', token: 'any' })).toMatchObject([
      { type: 'error', id: '1', code: 'unauthorized' },
    ]);
  });

  it('is remembered for as long as tokens live, then forgotten', async () => {
    const world = await NodeWorld.start({ sessions: { rememberRevokedMs: MINUTE } });
    await world.node.revoke({ userId: 'ada' });
    world.clock.advance(MINUTE - 1);
    const early = world.meet();
    early.say({ type: 'hello', token: 'token-ada' });
    await turn();
    expect(early.link.peerEnd?.code).toBe(4401);
    world.clock.advance(1);
    await world.connect('ada');
  });

  it('applies when every field of it applies; without any field to nobody', () => {
    const session = {
      id: 's1',
      since: 0,
      user: { id: 'ada' },
      tokenId: 't1',
      issuedAt: 1_000,
    };
    const cases: [RevocationRule, boolean][] = [
      [{}, false],
      [{ userId: 'ada' }, true],
      [{ userId: 'bob' }, false],
      [{ sessionId: 's1' }, true],
      [{ sessionId: 's2' }, false],
      [{ tokenId: 't1' }, true],
      [{ tokenId: 't2' }, false],
      [{ issuedBefore: 1_000 }, false],
      [{ issuedBefore: 1_001 }, true],
      [{ userId: 'ada', tokenId: 't2' }, false],
      [{ userId: 'ada', tokenId: 't1', sessionId: 's1', issuedBefore: 2_000 }, true],
    ];
    for (const [rule, expected] of cases) expect(revokes(rule, session)).toBe(expected);
    const undated = { id: 's1', since: 0, user: { id: 'ada' } };
    expect(revokes({ issuedBefore: 1 }, undated)).toBe(true);
  });

  it('forgets the oldest rule beyond its bound, and says so', () => {
    const clock = new ManualClock();
    let forgotten = 0;
    const revocations = new Revocations(clock, MINUTE, 3, () => {
      forgotten += 1;
    });
    for (const userId of ['a', 'b', 'c', 'd']) revocations.add({ userId });
    expect([revocations.size, forgotten]).toEqual([3, 1]);
    const has = (id: string): boolean => revocations.has({ id: 's', since: 0, user: { id } });
    expect(['a', 'b', 'c', 'd'].map(has)).toEqual([false, true, true, true]);
    clock.advance(MINUTE);
    expect(has('d')).toBe(false);
    revocations.add({ userId: 'e' });
    expect(revocations.size).toBe(1);
  });

  it('counts rules that had to be forgotten', async () => {
    const world = await NodeWorld.start();
    for (let n = 0; n <= 10_000; n += 1) world.node.sessions.revoke({ userId: `u${String(n)}` });
    expect(world.observer.ignoredThings).toEqual(['revocation-forgotten']);
  });

  it('is never survived by a session that any order of renewals and revocations would end', async () => {
    const event = fc.constantFrom('renew', 'settle', 'revoke', 'tick');
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 15 }), async (events) => {
        const world = await NodeWorld.start();
        const peer = await world.connect();
        const gates: (() => void)[] = [];
        let issued = 0;
        world.verifier.instead = () => {
          const tokenId = `t${String((issued += 1))}`;
          return new Promise((resolve) => {
            gates.push(() => {
              resolve({ user: { id: 'ada' }, tokenId });
            });
          });
        };
        let revoked = false;
        for (const [index, what] of events.entries()) {
          if (what === 'renew') peer.say({ type: 'authenticate', id: String(index), token: 'x' });
          if (what === 'settle') gates.shift()?.();
          if (what === 'tick') world.clock.advance(100);
          if (what === 'revoke') {
            await world.node.revoke({ userId: 'ada' });
            revoked = true;
          }
          await turn();
          expect(peer.connection.state).toBe(revoked ? 'closed' : 'open');
        }
        peer.connection.close(1001, '');
        for (const gate of gates) gate();
        await turn();
        expect([world.node.hub.size, world.clock.waiting]).toEqual([0, 0]);
      }),
      { numRuns: 100 },
    );
  });
});
