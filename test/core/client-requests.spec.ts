import { describe, expect, it } from '@jest/globals';

import type { ClientReply, NodeAnswer, NodeQuestion } from '../../lib/core/index.js';
import { SharedBroker } from '../support/shared-broker.js';
import { NodeWorld, type Peer } from '../support/node-world.js';
import { deferred, turn, turns } from '../support/turns.js';

const question = (timeoutMs = 1_000) => ({ event: 'vote', payload: '{"on": 1.0}', timeoutMs });

/** What a promise gave, by now. */
async function now<T>(promise: Promise<T>): Promise<T | string> {
  let told: T | string = 'open';
  promise.then(
    (value) => (told = value),
    (error: unknown) => (told = `rejected: ${(error as { code: string }).code}`),
  );
  await turns(3);
  return told;
}

/** The id of the one request among a peer's new frames. */
function askedId(peer: Peer): string {
  const [frame, ...others] = peer.frames();
  if (frame?.type !== 'request' || others.length > 0) throw new Error('expected one request');
  return frame.id;
}

async function joined(world: NodeWorld, user: string, room = 'room'): Promise<Peer> {
  const peer = await world.connect(user);
  await peer.ask({ type: 'subscribe', id: '1', room });
  return peer;
}

/** Two nodes with one broker. */
async function twoNodes(): Promise<[NodeWorld, NodeWorld]> {
  const shared = new SharedBroker();
  const broker = () => shared.forNode();
  return [await NodeWorld.start({ broker }), await NodeWorld.start({ broker })];
}

const outcomes = (replies: readonly ClientReply[] | string): unknown =>
  typeof replies === 'string' ? replies : replies.map(({ userId, outcome }) => [userId, outcome]);

describe('asking a client', () => {
  it('sends a request and gives its answer as it came, byte for byte', async () => {
    const world = await NodeWorld.start();
    const peer = await world.connect();
    const { id: connectionId } = peer.connection;
    const replies = world.node.request({ connectionId }, question());
    expect(peer.link.received.at(-1)).toMatch(
      /^\{"type":"request","id":"[\w-]+","event":"vote","payload":\{"on": 1\.0\}\}$/,
    );
    const id = askedId(peer);
    peer.say(`{"type":"response","id":"${id}","payload":{"yes": 1.0}}`);
    expect(await replies).toEqual([
      { connectionId, userId: 'ada', outcome: { kind: 'answered', payload: '{"yes": 1.0}' } },
    ]);
    expect([peer.frames(), peer.connection.clientRequests.size]).toEqual([[], 0]);
    expect(world.clock.waiting).toBe(0);
  });

  it('may have no payload, neither in the request nor in the answer', async () => {
    const world = await NodeWorld.start();
    const peer = await world.connect();
    const replies = world.node.request(
      { connectionId: peer.connection.id },
      { event: 'vote', payload: undefined, timeoutMs: 1_000 },
    );
    const [frame] = peer.frames();
    expect(frame).toEqual({ type: 'request', id: expect.any(String), event: 'vote' });
    peer.say({ type: 'response', id: (frame as { id: string }).id });
    expect(outcomes(await replies)).toEqual([['ada', { kind: 'answered' }]]);
  });

  it('gives its refusal; a code of odd characters becomes rejected', async () => {
    const world = await NodeWorld.start();
    const peer = await world.connect();
    for (const [code, told] of [
      ['too-busy', 'too-busy'],
      ['a\r\nb', 'rejected'],
    ]) {
      const replies = world.node.request({ connectionId: peer.connection.id }, question());
      peer.say({ type: 'error', id: askedId(peer), code, message: 'no' });
      expect(outcomes(await replies)).toEqual([
        ['ada', { kind: 'refused', code: told, message: 'no' }],
      ]);
    }
  });

  it('overtakes what waits in the inbox: a handler may wait for its own client', async () => {
    const world = await NodeWorld.start();
    world.application.handlers.set('ask', async () => {
      const connectionId = peer.connection.id;
      return outcomes(await world.node.request({ connectionId }, question()));
    });
    const peer = await world.connect();
    await peer.ask({ type: 'request', id: '1', event: 'ask' });
    const id = (peer.link.received.at(-1) ?? '').replace(/.*"id":"([\w-]+)".*/, '$1');
    const frames = await peer.ask(
      { type: 'request', id: '2', event: 'ask' },
      { type: 'response', id, payload: 'yes' },
    );
    expect(frames).toMatchObject([
      { type: 'response', id: '1', payload: [['ada', { kind: 'answered', payload: '"yes"' }]] },
      { type: 'request' },
    ]);
    peer.connection.close(4300, 'enough');
  });

  it('waits no longer than it is told, and tells the client so', async () => {
    const world = await NodeWorld.start();
    const peer = await world.connect();
    const replies = world.node.request({ connectionId: peer.connection.id }, question(250));
    const id = askedId(peer);
    world.clock.advance(249);
    expect(await now(replies)).toBe('open');
    world.clock.advance(1);
    expect(outcomes(await replies)).toEqual([['ada', { kind: 'silent' }]]);
    expect(peer.frames()).toEqual([{ type: 'cancel', id }]);
    await peer.ask({ type: 'response', id, payload: 'late' });
    expect(world.observer.ignoredThings).toEqual(['answer-to-unknown-id']);
  });

  it('is given up by its signal: the client is told, the asker gets cancelled', async () => {
    const world = await NodeWorld.start();
    const peer = await world.connect();
    const target = { connectionId: peer.connection.id };
    const abort = new AbortController();
    const replies = world.node.request(target, { ...question(), signal: abort.signal });
    const id = askedId(peer);
    abort.abort();
    expect(await now(replies)).toBe('rejected: cancelled');
    expect(peer.frames()).toEqual([{ type: 'cancel', id }]);
    expect(world.clock.waiting).toBe(0);
    const late = world.node.request(target, { ...question(), signal: abort.signal });
    expect(await now(late)).toBe('rejected: cancelled');
    expect(peer.frames()).toEqual([]);
    const unused = new AbortController();
    const answered = world.node.request(target, { ...question(), signal: unused.signal });
    peer.say({ type: 'response', id: askedId(peer) });
    expect(outcomes(await answered)).toEqual([['ada', { kind: 'answered' }]]);
    unused.abort();
    expect(peer.frames()).toEqual([]);
  });

  it('ends at once when the connection does', async () => {
    const world = await NodeWorld.start();
    const peer = await world.connect();
    const replies = [1, 2].map(() =>
      world.node.request({ connectionId: peer.connection.id }, question()),
    );
    peer.link.breakOff();
    for (const reply of replies) {
      expect(outcomes(await reply)).toEqual([['ada', { kind: 'silent', ended: true }]]);
    }
    expect(world.clock.waiting).toBe(0);
  });

  it('finds nobody where the connection is unknown, ended, or not let in yet', async () => {
    const world = await NodeWorld.start();
    const peer = await world.connect();
    const stranger = world.meet();
    peer.connection.close(4300, 'enough');
    for (const connectionId of ['unheard-of', peer.connection.id, stranger.connection.id]) {
      expect(await world.node.request({ connectionId }, question())).toEqual([]);
    }
    // Asked by who still holds it.
    const { outcome } = peer.connection.clientRequests.ask('q', '{}');
    expect(await outcome).toEqual({ kind: 'silent', ended: true });
  });

  it('is refused beyond so many that wait, and only for that client', async () => {
    const world = await NodeWorld.start({ limits: { clientRequests: 2 } });
    const [ada, bob] = [await world.connect('ada'), await world.connect('bob')];
    const ask = (peer: Peer) =>
      world.node.request({ connectionId: peer.connection.id }, question(100));
    const open = [ask(ada), ask(ada)];
    expect(outcomes(await now(ask(ada)))).toEqual([
      [
        'ada',
        {
          kind: 'refused',
          code: 'rate-limited',
          message: 'expected at most 2 requests without an answer',
        },
      ],
    ]);
    expect(await now(ask(bob))).toBe('open');
    expect(ada.frames()).toHaveLength(2);
    world.clock.advance(100);
    await Promise.all(open);
    expect(await now(ask(ada))).toBe('open');
  });
});

describe('an answer that nobody waits for', () => {
  it('P-14 to an unknown id is ignored and counted', async () => {
    const world = await NodeWorld.start();
    const peer = await world.connect();
    const frames = await peer.ask(
      { type: 'response', id: '__proto__', payload: 1 },
      { type: 'error', id: 'constructor', code: 'no', message: 'no' },
      { type: 'ping' },
    );
    expect(frames).toEqual([{ type: 'pong' }]);
    expect(world.observer.ignoredThings).toEqual(['answer-to-unknown-id', 'answer-to-unknown-id']);
  });

  it('P-14 because it was given before is ignored and counted: the first counts', async () => {
    const world = await NodeWorld.start();
    const peer = await world.connect();
    const replies = world.node.request({ connectionId: peer.connection.id }, question());
    const id = askedId(peer);
    await peer.ask(
      { type: 'response', id, payload: 'first' },
      { type: 'response', id, payload: 'second' },
      { type: 'error', id, code: 'no', message: 'third' },
    );
    expect(outcomes(await replies)).toEqual([['ada', { kind: 'answered', payload: '"first"' }]]);
    expect(world.observer.ignoredThings).toHaveLength(2);
  });

  it('P-14 from another connection, the same user’s even, is ignored and counted', async () => {
    const world = await NodeWorld.start();
    const [asked, other] = [await world.connect('ada'), await world.connect('ada')];
    const replies = world.node.request({ connectionId: asked.connection.id }, question());
    const id = askedId(asked);
    await other.ask({ type: 'response', id, payload: 'forged' });
    expect(await now(replies)).toBe('open');
    asked.say({ type: 'response', id, payload: 'own' });
    expect(outcomes(await replies)).toEqual([['ada', { kind: 'answered', payload: '"own"' }]]);
    expect(world.observer.ignoredThings).toEqual(['answer-to-unknown-id']);
  });

  it('P-14 before hello closes the connection, as everything else does', async () => {
    const world = await NodeWorld.start();
    const peer = world.meet();
    await peer.ask({ type: 'response', id: '1' });
    expect(peer.link.peerEnd).toEqual({ code: 4400, reason: 'expected hello' });
  });
});

describe('asking a room', () => {
  it('names who answered, who refused and who was silent', async () => {
    const world = await NodeWorld.start();
    const peers = [];
    for (const user of ['ada', 'bob', 'eve', 'dan']) peers.push(await joined(world, user));
    await joined(world, 'fay', 'elsewhere');
    const replies = world.node.request({ room: 'room' }, question(100));
    const [ada, bob, eve, dan] = peers as [Peer, Peer, Peer, Peer];
    ada.say({ type: 'response', id: askedId(ada), payload: 1 });
    bob.say({ type: 'error', id: askedId(bob), code: 'busy', message: 'no' });
    eve.link.breakOff();
    world.clock.advance(100);
    expect(outcomes(await replies)).toEqual([
      ['ada', { kind: 'answered', payload: '1' }],
      ['bob', { kind: 'refused', code: 'busy', message: 'no' }],
      ['eve', { kind: 'silent', ended: true }],
      ['dan', { kind: 'silent' }],
    ]);
    expect(dan.frames()).toMatchObject([{ type: 'request' }, { type: 'cancel' }]);
  });

  it('asks all devices of a user, and only those', async () => {
    const world = await NodeWorld.start();
    const peers = [];
    for (const user of ['ada', 'ada', 'bob']) peers.push(await world.connect(user));
    const replies = world.node.request({ userId: 'ada' }, question(100));
    for (const peer of peers.slice(0, 2)) peer.say({ type: 'response', id: askedId(peer) });
    expect(outcomes(await replies)).toEqual([
      ['ada', { kind: 'answered' }],
      ['ada', { kind: 'answered' }],
    ]);
    expect(peers[2]?.frames()).toEqual([]);
  });

  it('encodes the question once and waits with one timer, however many are in it', async () => {
    const world = await NodeWorld.start();
    const peers = [];
    for (let n = 0; n < 20; n += 1) peers.push(await joined(world, `u${String(n)}`));
    const before = world.clock.waiting;
    const replies = world.node.request({ room: 'room' }, question(100));
    // One for the own clients, one for the other nodes, who have answered in the next turn.
    expect(world.clock.waiting - before).toBeLessThanOrEqual(2);
    expect(new Set(peers.map(askedId)).size).toBe(1);
    world.clock.advance(100);
    expect(await replies).toHaveLength(20);
  });

  it('asks those as well who still read what they missed', async () => {
    const world = await NodeWorld.start({ limits: { outboxBytes: 4_000 } });
    const early = await joined(world, 'bob');
    await early.ask({ type: 'unsubscribe', id: '2', room: 'room' });
    const payload = JSON.stringify('x'.repeat(500));
    for (let n = 0; n < 30; n += 1) await world.node.publish('room', { event: 'said', payload });
    const { epoch } = await world.broker.top('room');
    const peer = await world.connect('ada');
    peer.link.stopReading();
    await peer.ask({ type: 'subscribe', id: '1', room: 'room', epoch, offset: 0 });
    await turns(3);
    expect(world.node.rooms.get('room')?.replays.size).toBe(1);
    const replies = world.node.request({ room: 'room' }, question(100));
    world.clock.advance(100);
    expect(outcomes(await now(replies))).toEqual([['ada', { kind: 'silent' }]]);
  });

  it('resolves at once for a room with nobody in it', async () => {
    const world = await NodeWorld.start();
    expect(await now(world.node.request({ room: 'empty' }, question()))).toEqual([]);
    expect(world.clock.waiting).toBe(0);
  });
});

describe('across nodes', () => {
  it('asks no other node for a connection that is here', async () => {
    const world = await NodeWorld.start();
    const peer = await world.connect();
    world.broker.ask = () => Promise.reject(new Error('expected no question'));
    const replies = world.node.request({ connectionId: peer.connection.id }, question());
    peer.say({ type: 'response', id: askedId(peer) });
    expect(outcomes(await replies)).toEqual([['ada', { kind: 'answered' }]]);
  });

  it('finds a connection wherever it is', async () => {
    const [one, other] = await twoNodes();
    const peer = await other.connect('bob');
    const { id: connectionId } = peer.connection;
    const replies = one.node.request({ connectionId }, question());
    await turns(3);
    peer.say({ type: 'response', id: askedId(peer), payload: 'yes' });
    expect(await replies).toEqual([
      { connectionId, userId: 'bob', outcome: { kind: 'answered', payload: '"yes"' } },
    ]);
  });

  it('asks every client of a room once, the own ones and the others', async () => {
    const [one, other] = await twoNodes();
    const peers = [await joined(one, 'ada'), await joined(other, 'bob')];
    const replies = one.node.request({ room: 'room' }, question(1_000));
    await turns(3);
    for (const peer of peers) peer.say({ type: 'response', id: askedId(peer) });
    expect(outcomes(await replies)).toEqual([
      ['ada', { kind: 'answered' }],
      ['bob', { kind: 'answered' }],
    ]);
  });

  it('has other nodes wait a little less, so that silent clients are named in time', async () => {
    const [one, other] = await twoNodes();
    await joined(one, 'ada');
    const bob = await joined(other, 'bob');
    const replies = one.node.request({ room: 'room' }, question(1_000));
    await turns(3);
    bob.frames();
    other.clock.advance(900);
    await turns(3);
    expect(bob.frames()).toMatchObject([{ type: 'cancel' }]);
    one.clock.advance(1_000);
    expect(outcomes(await replies)).toEqual([
      ['ada', { kind: 'silent' }],
      ['bob', { kind: 'silent' }],
    ]);
  });

  it('does not wait for a node that is silent: what came in time is the answer', async () => {
    const world = await NodeWorld.start();
    const never = deferred<NodeAnswer[]>();
    const asked: NodeQuestion[] = [];
    world.broker.ask = (each) => {
      asked.push(each);
      return never.promise;
    };
    const ada = await joined(world, 'ada');
    const replies = world.node.request({ room: 'room' }, question(20_000));
    ada.say({ type: 'response', id: askedId(ada) });
    world.clock.advance(19_999);
    expect(await now(replies)).toBe('open');
    world.clock.advance(1);
    expect(outcomes(await replies)).toEqual([['ada', { kind: 'answered' }]]);
    expect(asked).toMatchObject([{ kind: 'request', timeoutMs: 19_000 }]);
    expect(world.observer.failures).toMatchObject([
      { where: 'asking other nodes', error: { code: 'timeout' } },
    ]);
    never.resolve([]);
    await turn();
  });

  it('rejects when the broker does, and takes answers of another kind for none', async () => {
    const world = await NodeWorld.start();
    world.broker.ask = () => Promise.resolve([{ kind: 'sessions', sessions: [] }]);
    expect(await world.node.request({ room: 'room' }, question())).toEqual([]);
    await world.broker.close();
    world.broker.ask = () => Promise.reject(new Error('gone'));
    await expect(world.node.request({ room: 'room' }, question())).rejects.toThrow('gone');
  });

  it('answers a node that does not say its name with its own clients', async () => {
    const world = await NodeWorld.start();
    const peer = await joined(world, 'ada');
    const answers = world.broker.ask({
      kind: 'request',
      target: { room: 'room' },
      event: 'vote',
      timeoutMs: 100,
    });
    await turn();
    peer.say({ type: 'response', id: askedId(peer) });
    expect(await answers).toMatchObject([{ kind: 'request', replies: [{ userId: 'ada' }] }]);
  });
});
