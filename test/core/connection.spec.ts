import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { RealtimeError, StreamSource } from '../../lib/core/index.js';
import { MemoryLink } from '../support/memory-link.js';
import { NodeWorld, type Peer } from '../support/node-world.js';
import { handshake } from '../support/fakes.js';
import { deferred, turn, turns } from '../support/turns.js';

const HELLO = { type: 'hello', token: 'token-ada' };

/** Everything a node keeps of connections, rooms and time. */
function left({ node, clock }: NodeWorld): object {
  const { hub, rooms } = node;
  return {
    connections: hub.size,
    users: hub.userCount,
    rooms: rooms.size,
    timers: clock.waiting,
  };
}

const NOTHING = { connections: 0, users: 0, rooms: 0, timers: 0 };

describe('a connection that awaits hello', () => {
  it('opens with a good token, and says connected first', async () => {
    const world = await NodeWorld.start();
    const peer = world.meet();
    expect(peer.connection.state).toBe('awaiting-hello');
    expect(await peer.ask(HELLO)).toEqual([
      {
        type: 'connected',
        connectionId: peer.connection.id,
        user: { id: 'ada' },
        heartbeat: { intervalMs: 30_000, timeoutMs: 45_000 },
        limits: { frameBytes: 1_048_576, rooms: 100 },
      },
    ]);
    expect(peer.connection.state).toBe('open');
    expect(world.application.log).toEqual(['connecting id-1', 'connected id-1']);
  });

  it('C-04 closes with 4408 when no hello comes in time', async () => {
    const world = await NodeWorld.start();
    const peer = world.meet();
    world.clock.advance(9_900);
    expect(peer.link.peerEnd).toBeUndefined();
    world.clock.advance(200);
    await turn();
    expect(peer.link.peerEnd).toEqual({ code: 4408, reason: 'expected hello' });
    expect(left(world)).toEqual(NOTHING);
  });

  it('C-04 closes a plain connection without token with 4408 as well', async () => {
    const world = await NodeWorld.start();
    const peer = world.meet({ negotiated: false });
    await turn();
    expect(peer.connection.state).toBe('awaiting-hello');
    world.clock.advance(10_100);
    await turn();
    expect(peer.link.peerEnd?.code).toBe(4408);
    expect(left(world)).toEqual(NOTHING);
  });

  it('lets a plain connection in by a hello with a token', async () => {
    const world = await NodeWorld.start();
    const peer = world.meet({ negotiated: false });
    await turn();
    expect(await peer.ask(HELLO)).toMatchObject([{ type: 'connected' }]);
    world.clock.advance(60_000);
    expect(peer.connection.state).toBe('open');
    expect(world.clock.waiting).toBe(0);
  });

  it('keeps frames that come while the plain connection’s handshake is looked at', async () => {
    const world = await NodeWorld.start();
    const peer = world.meet({ negotiated: false });
    peer.say(HELLO, { type: 'ping', id: '1' });
    await turn();
    expect(peer.frames()).toMatchObject([{ type: 'connected' }, { type: 'pong', id: '1' }]);
  });

  it('connects a plain connection at once whose handshake says who it is', async () => {
    const world = await NodeWorld.start();
    const peer = world.meet({ negotiated: false, authentication: { user: { id: 'bob' } } });
    await turn();
    expect(peer.frames()).toMatchObject([{ type: 'connected', user: { id: 'bob' } }]);
    expect(world.verifier.asked).toBe(0);
    peer.say(HELLO);
    await turn();
    expect(peer.link.peerEnd).toEqual({ code: 4400, reason: 'expected no second hello' });
  });

  it.each([
    { type: 'request', id: '1', event: 'ask' },
    { type: 'subscribe', id: '1', room: 'r' },
    { type: 'ping' },
    { type: 'cancel', id: '1' },
    { type: 'authenticate', id: '1', token: 'token-ada' },
  ])('P-07 closes with 4400 at $type before hello', async (frame) => {
    const world = await NodeWorld.start();
    const peer = world.meet();
    peer.say(frame);
    await turn();
    expect(peer.link.peerEnd).toEqual({ code: 4400, reason: 'expected hello' });
    expect(peer.frames()).toEqual([]);
    expect(left(world)).toEqual(NOTHING);
  });

  it.each(['', 'null', '[]', '7', '\ufeff{}', '{', '{"type":7}', '{"type":"nothing"}'])(
    'P-01 closes with 4400 at %j before hello',
    async (text) => {
      const world = await NodeWorld.start();
      const peer = world.meet();
      peer.say(text);
      await turn();
      expect(peer.link.peerEnd?.code).toBe(4400);
      expect(left(world)).toEqual(NOTHING);
    },
  );

  it('handles frames that are pipelined behind hello after connected, in order', async () => {
    const world = await NodeWorld.start();
    const gate = deferred();
    world.application.onConnecting = () => gate.promise;
    world.application.handlers.set('ask', ({ id }) => Promise.resolve(id));
    const peer = world.meet();
    peer.say(
      { ...HELLO, rooms: [{ room: 'r1' }] },
      { type: 'request', id: '1', event: 'ask' },
      { type: 'subscribe', id: '2', room: 'r2' },
      { type: 'request', id: '3', event: 'ask' },
    );
    await turn();
    expect(peer.frames()).toEqual([]);
    expect(world.application.log).toEqual(['connecting id-1']);
    gate.resolve();
    await turn();
    expect(peer.frames()).toMatchObject([
      { type: 'connected' },
      { type: 'subscribed', room: 'r1' },
      { type: 'response', id: '1' },
      { type: 'subscribed', id: '2', room: 'r2' },
      { type: 'response', id: '3' },
    ]);
  });

  it('handles nothing of what was pipelined when authentication fails', async () => {
    const world = await NodeWorld.start();
    world.application.handlers.set('ask', () => Promise.resolve('secret'));
    const peer = world.meet();
    peer.say(
      { type: 'hello', token: 'wrong', rooms: [{ room: 'r' }] },
      { type: 'request', id: '1', event: 'ask' },
      { type: 'publish', room: 'r', event: 'said' },
    );
    await turn();
    expect(peer.link.peerEnd).toEqual({ code: 4401, reason: 'invalid credentials' });
    expect(peer.frames()).toEqual([]);
    expect(world.application.log).toEqual([]);
    expect(left(world)).toEqual(NOTHING);
  });

  it('bounds what is pipelined by the smaller bound for strangers', async () => {
    const world = await NodeWorld.start({ limits: { preAuthInboxBytes: 1_000 } });
    const gate = deferred();
    world.application.onConnecting = () => gate.promise;
    const peer = world.meet();
    peer.say(HELLO);
    for (let n = 0; n < 50; n += 1) peer.say({ type: 'ping', id: String(n) });
    await turn();
    expect(peer.link.isPaused).toBe(true);
    gate.resolve();
    await turn();
    expect(peer.link.isPaused).toBe(false);
    const ids = peer
      .frames()
      .slice(1)
      .map((frame) => ('id' in frame ? frame.id : ''));
    expect(ids).toEqual(Array.from({ length: 50 }, (_, n) => String(n)));
  });

  it('closes at a frame that is none behind hello', async () => {
    const world = await NodeWorld.start();
    const peer = world.meet();
    peer.say(HELLO, '{');
    await turn();
    expect(peer.link.peerEnd?.code).toBe(4400);
    expect(world.application.log).toEqual([]);
    expect(left(world)).toEqual(NOTHING);
  });

  it('closes with 4400 at a second hello that is pipelined, after connected', async () => {
    const world = await NodeWorld.start();
    const peer = world.meet();
    peer.say(HELLO, HELLO, { type: 'ping' });
    await turn();
    expect(peer.frames()).toMatchObject([{ type: 'connected' }]);
    expect(peer.link.peerEnd).toEqual({ code: 4400, reason: 'expected no second hello' });
    expect(world.application.log).toEqual([
      'connecting id-1',
      'connected id-1',
      'disconnected id-1 4400',
    ]);
  });

  it('stays out when the peer hangs up while it is being admitted', async () => {
    const world = await NodeWorld.start();
    for (const at of ['verify', 'connecting'] as const) {
      const gate = deferred();
      world.verifier.instead = async () => {
        if (at === 'verify') await gate.promise;
        return { user: { id: 'ada' } };
      };
      world.application.onConnecting = () => gate.promise;
      world.application.log.length = 0;
      const peer = world.meet();
      peer.say(HELLO);
      await turn();
      peer.link.hangUp();
      gate.resolve();
      await turns(2);
      expect(peer.frames()).toEqual([]);
      expect(world.application.log.filter((line) => !line.startsWith('connecting'))).toEqual([]);
      expect(left(world)).toEqual(NOTHING);
    }
  });

  it('never tells the application of a connection that what was held back for it already ended', async () => {
    const world = await NodeWorld.start({ limits: { outboxBytes: 2_000 } });
    world.application.onConnecting = async (connection) => {
      await Promise.resolve();
      for (let n = 0; n < 4; n += 1) {
        world.node.sendTo(connection, { event: 'said', payload: JSON.stringify('x'.repeat(300)) });
      }
    };
    const peer = world.meet();
    peer.link.stopReading();
    peer.link.send('y'.repeat(900));
    peer.say(HELLO);
    await turn();
    expect(peer.connection.state).toBe('closed');
    expect(world.application.log).toEqual(['connecting id-1']);
    peer.link.startReading();
    await turn();
    expect(peer.link.peerEnd?.code).toBe(4100);
    expect(left(world)).toEqual(NOTHING);
  });
});

describe('what a stranger may send', () => {
  it('P-05 is one frame of 64 KiB at most; a larger one is not even parsed', async () => {
    const world = await NodeWorld.start();
    const peer = world.meet();
    peer.say({ ...HELLO, padding: 'x'.repeat(65_536) });
    await turn();
    expect(peer.link.peerEnd).toEqual({ code: 1009, reason: 'too big before connected' });
    expect(left(world)).toEqual(NOTHING);
  });

  it('is not kept beyond what a hello means: odd fields of its rooms come back nowhere', async () => {
    const world = await NodeWorld.start();
    const peer = world.meet();
    const frames = await peer.ask({ ...HELLO, rooms: [{ room: 'r', id: { odd: true } }] });
    expect(frames.at(-1)).toEqual({ type: 'subscribed', room: 'r', epoch: 'epoch-1', offset: 0 });
  });
});

describe('an open connection', () => {
  it('answers requests one after the other, each under its id', async () => {
    const world = await NodeWorld.start();
    const gates = new Map(['1', '2', '3'].map((id) => [id, deferred()]));
    world.application.handlers.set('ask', async ({ id }) => {
      await gates.get(id)?.promise;
      return id;
    });
    const peer = await world.connect();
    for (const id of gates.keys()) peer.say({ type: 'request', id, event: 'ask' });
    for (const id of ['3', '2', '1']) gates.get(id)?.resolve();
    await turn();
    expect(peer.frames()).toEqual(
      ['1', '2', '3'].map((id) => ({ type: 'response', id, payload: id })),
    );
  });

  it('runs as many handlers at once as it may', async () => {
    const world = await NodeWorld.start({ concurrency: 2 });
    world.application.handlers.set('ask', () => new Promise(() => undefined));
    const peer = await world.connect();
    for (const id of ['1', '2', '3']) peer.say({ type: 'request', id, event: 'ask' });
    await turn();
    expect(world.application.log.slice(2)).toEqual(['handle ask 1', 'handle ask 2']);
  });

  it('answers pings, cancels and refusals although a handler is running', async () => {
    const world = await NodeWorld.start();
    world.application.handlers.set('ask', () => new Promise(() => undefined));
    const peer = await world.connect();
    peer.say(
      { type: 'request', id: '1', event: 'ask' },
      { type: 'request', id: '2', event: 'ask' },
    );
    const frames = await peer.ask(
      { type: 'ping' },
      { type: 'ping', id: 'p' },
      { type: 'request', id: '3', event: 'unheard-of' },
      { type: 'request', id: '1', event: 'ask' },
      { type: 'cancel', id: '2' },
      { type: 'cancel', id: '1' },
    );
    expect(frames).toMatchObject([
      { type: 'pong' },
      { type: 'pong', id: 'p' },
      { type: 'error', id: '3', code: 'unknown-event' },
      { type: 'error', id: '1', code: 'duplicate-id' },
      { type: 'error', id: '2', code: 'cancelled' },
      { type: 'error', id: '1', code: 'cancelled' },
    ]);
  });

  it('P-06 answers what it cannot use with an error, and lives', async () => {
    const world = await NodeWorld.start();
    const peer = await world.connect();
    expect(
      await peer.ask(
        { type: 'teleport', id: '1' },
        { type: 'request', id: '2' },
        { type: 'subscribe', id: '3', room: 'a//b' },
        { type: 'ping', id: '4' },
      ),
    ).toMatchObject([
      { type: 'error', id: '1', code: 'unknown-type' },
      { type: 'error', id: '2', code: 'invalid-field' },
      { type: 'error', id: '3', code: 'invalid-field' },
      { type: 'pong', id: '4' },
    ]);
  });

  it('P-01 P-02 P-03 tells what is no frame, then closes with 4400', async () => {
    for (const bad of ['{', 'null', '[]', '', Buffer.from('{}'), '['.repeat(60_000)]) {
      const world = await NodeWorld.start();
      const peer = await world.connect();
      peer.link.say(bad);
      await turn();
      expect(peer.frames()).toMatchObject([{ type: 'error', code: 'bad-frame' }]);
      expect(peer.link.peerEnd?.code).toBe(4400);
      expect(left(world)).toEqual(NOTHING);
    }
  });

  it('S-04 pauses a peer that is faster than its handlers, and loses none of its frames', async () => {
    const world = await NodeWorld.start({ limits: { inboxBytes: 10_000 } });
    const handled: string[] = [];
    const gate = deferred();
    world.application.handlers.set('ask', async ({ id }) => {
      await gate.promise;
      handled.push(id);
    });
    const peer = await world.connect();
    const ids = Array.from({ length: 500 }, (_, n) => String(n));
    for (const id of ids) peer.say({ type: 'request', id, event: 'ask' });
    await turn();
    expect(peer.link.isPaused).toBe(true);
    gate.resolve();
    for (let round = 0; round < 5; round += 1) {
      await turns(5);
      world.clock.advance(1);
    }
    expect(handled).toEqual(ids);
    expect(peer.link.isPaused).toBe(false);
  });

  it('S-01 closes a peer that does not read with 4100', async () => {
    const world = await NodeWorld.start({ limits: { outboxBytes: 5_000 } });
    const peer = await world.connect();
    peer.link.stopReading();
    for (let n = 0; n < 200; n += 1) peer.say({ type: 'ping', id: String(n).padEnd(64, 'x') });
    expect(peer.connection.state).toBe('closed');
    peer.link.startReading();
    await turn();
    expect(peer.link.peerEnd).toEqual({ code: 4100, reason: 'reads too slowly' });
    expect(left(world)).toEqual(NOTHING);
  });

  it('lets a stream wait for a peer that is behind, and go on when it has caught up', async () => {
    const world = await NodeWorld.start({ limits: { outboxBytes: 60_000 } });
    let produced = 0;
    async function* feed() {
      for (;;) yield await Promise.resolve(`${String((produced += 1))} ${'x'.repeat(1_000)}`);
    }
    world.application.handlers.set('feed', () =>
      Promise.resolve(StreamSource.fromAsyncIterable(feed())),
    );
    const peer = await world.connect();
    peer.link.stopReading();
    peer.say({ type: 'request', id: '1', event: 'feed' });
    await turns(3);
    const behind = produced;
    expect(behind).toBeLessThan(35);
    expect(peer.connection.state).toBe('open');
    peer.link.startReading();
    peer.link.stopReading();
    await turns(3);
    expect(produced).toBeGreaterThan(behind);
    expect(peer.connection.state).toBe('open');
    peer.connection.close(4300, 'enough');
    await turns(2);
    expect(world.clock.waiting).toBe(0);
  });

  it('C-07 closes with 4101 when nothing is heard of the peer', async () => {
    const world = await NodeWorld.start();
    const peer = await world.connect();
    peer.connection.silent();
    await turn();
    expect(peer.link.peerEnd?.code).toBe(4101);
    expect(world.application.log.at(-1)).toBe('disconnected id-1 4101');
  });

  it('ends exactly once, however often it is told to', async () => {
    const world = await NodeWorld.start();
    const peer = await world.connect();
    peer.connection.close(4300, 'first');
    peer.connection.close(4301, 'second');
    peer.link.hangUp();
    peer.connection.closed(1006, '');
    await turn();
    expect(peer.link.peerEnd).toEqual({ code: 4300, reason: 'first' });
    expect(world.application.log.filter((line) => line.startsWith('disconnected'))).toEqual([
      'disconnected id-1 4300',
    ]);
  });

  it('ends exactly once on a transport that reports the end from within close', async () => {
    const world = await NodeWorld.start();
    const link = new MemoryLink(world.clock);
    const listener = world.node.accept(link, handshake());
    link.close = (code, reason) => {
      listener.closed(code, reason);
    };
    listener.message(JSON.stringify(HELLO), 10);
    await turn();
    listener.message('{', 1);
    expect(world.application.log.filter((line) => line.startsWith('disconnected'))).toEqual([
      'disconnected id-1 4400',
    ]);
  });

  it('ignores what still comes after its end', async () => {
    const world = await NodeWorld.start();
    const peer = await world.connect();
    peer.connection.close(4300, 'enough');
    peer.connection.message(JSON.stringify({ type: 'ping' }), 15);
    peer.connection.message('{', 1);
    await turn();
    expect(peer.frames()).toEqual([]);
  });

  it('P-07 handles no request of which it is already known that nobody waits for it', async () => {
    const world = await NodeWorld.start();
    const gate = deferred();
    world.application.handlers.set('ask', () => gate.promise);
    const peer = await world.connect();
    peer.say(
      { type: 'request', id: '1', event: 'ask' },
      { type: 'request', id: '2', event: 'ask' },
    );
    peer.link.hangUp();
    gate.resolve();
    await turn();
    expect(world.application.log).not.toContain('handle ask 2');
    expect(left(world)).toEqual(NOTHING);
  });

  it('is gone although an iterator of a stream throws when it is stopped', async () => {
    const world = await NodeWorld.start();
    world.application.handlers.set('feed', () =>
      Promise.resolve(
        StreamSource.fromAsyncIterable({
          [Symbol.asyncIterator]: () => ({
            next: () => new Promise<never>(() => undefined),
            return: () => {
              throw new Error('not like this');
            },
          }),
        }),
      ),
    );
    const peer = await world.connect();
    await peer.ask({ type: 'request', id: '1', event: 'feed' });
    peer.link.hangUp();
    expect(left(world)).toEqual(NOTHING);
  });
});

describe('a draining connection', () => {
  async function draining(): Promise<{ world: NodeWorld; peer: Peer }> {
    const world = await NodeWorld.start();
    const peer = await world.connect();
    void peer.connection.drain();
    return { world, peer };
  }

  it('refuses new requests as unavailable', async () => {
    const { world, peer } = await draining();
    world.application.handlers.set('ask', () => Promise.resolve());
    expect(peer.connection.state).toBe('draining');
    expect(await peer.ask({ type: 'request', id: '1', event: 'ask' })).toMatchObject([
      { type: 'error', id: '1', code: 'unavailable', retryable: true },
    ]);
  });

  it('still answers what is no request', async () => {
    const { peer } = await draining();
    expect(
      await peer.ask({ type: 'ping' }, { type: 'subscribe', id: '2', room: 'r' }),
    ).toMatchObject([{ type: 'pong' }, { type: 'subscribed', id: '2' }]);
  });

  it('is drained when its last request is answered', async () => {
    const world = await NodeWorld.start();
    const gate = deferred();
    world.application.handlers.set('ask', () => gate.promise);
    const peer = await world.connect();
    peer.say({ type: 'request', id: '1', event: 'ask' });
    let drained = false;
    void peer.connection.drain().then(() => {
      drained = true;
    });
    await turn();
    expect(drained).toBe(false);
    gate.resolve();
    await turn();
    expect(drained).toBe(true);
  });
});

describe('any life of a connection', () => {
  it('knows no illegal transition, ends once, and leaves nothing behind', async () => {
    const LEGAL = new Map([
      ['awaiting-hello', ['awaiting-hello', 'open', 'closed']],
      ['open', ['open', 'draining', 'closed']],
      ['draining', ['draining', 'closed']],
      ['closed', ['closed']],
    ]);
    const events = [
      'hello',
      'bad-hello',
      'frame',
      'stream',
      'subscribe',
      'garbage',
      'revoke',
      'drain',
      'tick',
      'turn',
      'verified',
      'refused',
      'close',
      'hang-up',
      'silent',
    ] as const;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...events), { maxLength: 25 }),
        fc.boolean(),
        async (sequence, negotiated) => {
          const world = await NodeWorld.start();
          const gates: ((good: boolean) => void)[] = [];
          world.verifier.instead = (token) =>
            new Promise((resolve, reject) => {
              if (token === undefined) resolve(undefined);
              gates.push((good) => {
                if (good) resolve({ user: { id: 'ada' }, expiresAt: world.clock.now() + 60_000 });
                else reject(new RealtimeError('forbidden', 'no'));
              });
            });
          world.application.handlers.set('ask', ({ id }) => Promise.resolve(id));
          world.application.handlers.set('feed', () =>
            Promise.resolve(new StreamSource(() => () => undefined)),
          );
          const peer = world.meet({ negotiated });
          let { state } = peer.connection;
          const acts: Record<(typeof events)[number], () => unknown> = {
            hello: () => peer.say({ ...HELLO, rooms: [{ room: 'r' }] }),
            'bad-hello': () => peer.say({ type: 'hello', token: 7 }),
            frame: () => peer.say({ type: 'request', id: '1', event: 'ask' }),
            stream: () => peer.say({ type: 'request', id: '2', event: 'feed' }),
            subscribe: () => peer.say({ type: 'subscribe', id: '3', room: 'r2' }),
            garbage: () => peer.say('{'),
            revoke: () => world.node.revoke({ userId: 'ada' }),
            drain: () => peer.connection.drain(),
            tick: () => {
              world.clock.advance(4_000);
            },
            turn,
            verified: () => gates.shift()?.(true),
            refused: () => gates.shift()?.(false),
            close: () => {
              peer.connection.close(4300, 'enough');
            },
            'hang-up': () => {
              peer.link.hangUp();
            },
            silent: () => {
              if (peer.link.peerEnd === undefined) peer.connection.silent();
            },
          };
          for (const event of sequence) {
            await acts[event]();
            expect(LEGAL.get(state)).toContain(peer.connection.state);
            ({ state } = peer.connection);
          }
          peer.connection.close(1001, 'going away');
          for (const gate of gates) gate(true);
          await turns(2);
          // A client that is expected back keeps its place among those present for the grace.
          world.clock.advance(10_100);
          await turns(2);
          const { log } = world.application;
          const count = (what: string): number =>
            log.filter((line) => line.startsWith(what)).length;
          expect(count('connected')).toBeLessThanOrEqual(1);
          expect(count('disconnected')).toBe(count('connected'));
          const frames = peer.frames();
          expect(frames[0]?.type ?? 'connected').toBe('connected');
          expect(left(world)).toEqual(NOTHING);
        },
      ),
      { numRuns: 500 },
    );
  });
});
