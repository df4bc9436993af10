/** Connections that are asked to go elsewhere: what they may still do, and how each of them ends. */
import { afterEach, describe, expect, it } from '@jest/globals';

import { spreadWindow } from '../../lib/core/departures.js';
import { NodeWorld, type Peer } from '../support/node-world.js';
import { deferred, turn, turns } from '../support/turns.js';

const TIMES = { drainMs: 10_000, spreadMs: 10_000, handover: true } as const;

/** A client that numbers its connections, and so can have two. */
async function sdk(world: NodeWorld, user: string, attempt = 1): Promise<Peer> {
  const peer = world.meet();
  peer.say({ type: 'hello', token: `token-${user}`, clientKey: keyOf(user), attempt });
  await turn();
  expect(peer.frames()).toMatchObject([{ type: 'connected' }]);
  return peer;
}

function keyOf(user: string): string {
  return user.padEnd(22, '0');
}

/** Lets time pass, in steps, so that what waits for promises in between runs. */
async function pass(world: NodeWorld, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 100) {
    world.clock.advance(Math.min(100, left));
    await turn();
  }
}

/** When links were closed for their peers, in milliseconds since the call. */
async function closesOver(world: NodeWorld, ms: number, peers: readonly Peer[]): Promise<number[]> {
  const closedAt = new Map<Peer, number>();
  for (let at = 0; at <= ms; at += 100) {
    for (const peer of peers) {
      if (peer.link.peerEnd !== undefined && !closedAt.has(peer)) closedAt.set(peer, at);
    }
    await pass(world, 100);
  }
  return peers.map((peer) => closedAt.get(peer) ?? Infinity);
}

/** Fractions that go up in even steps: what is spread by them is spread evenly. */
function evenly(world: NodeWorld, parts: number): void {
  let next = 0;
  world.random.fraction = () => (next++ % parts) / parts;
}

const worlds: NodeWorld[] = [];
async function start(): Promise<NodeWorld> {
  const world = await NodeWorld.start();
  worlds.push(world);
  return world;
}

afterEach(() => {
  for (const { observer } of worlds.splice(0)) expect(observer.failures).toEqual([]);
});

describe('a node that hands its clients over', () => {
  it('G-01 lets a connection work until its client has left by itself, and waits no longer then', async () => {
    const world = await start();
    world.application.handlers.set('echo', () => Promise.resolve('yes'));
    const ada = await sdk(world, 'ada');
    await ada.ask({ type: 'subscribe', id: 's', room: 'r' });
    let isDone = false;
    const draining = world.node.drain(TIMES).then(() => (isDone = true));
    await pass(world, 500);
    expect(ada.frames()).toMatchObject([
      { type: 'going-away', afterMs: 0, windowMs: 1_002, served: true },
    ]);
    expect(world.node.isDraining).toBe(true);
    await world.node.publish('r', { event: 'said', payload: '1' });
    const answers = await ada.ask({ type: 'request', id: '1', event: 'echo' });
    expect(answers).toMatchObject([
      { type: 'message', offset: 1 },
      { type: 'response', id: '1' },
    ]);
    expect(isDone).toBe(false);
    ada.link.hangUp(1000);
    await draining;
    expect(world.clock.waiting).toBe(0);
  });

  it('G-01 closes who stays with 1001 in the second half of the time, one after another, in time', async () => {
    const world = await start();
    const peers = [];
    for (let n = 0; n < 20; n += 1) peers.push(await sdk(world, `u${String(n)}`));
    evenly(world, 20);
    const draining = world.node.drain(TIMES);
    const closes = await closesOver(world, 10_000, peers);
    await draining;
    expect(Math.min(...closes)).toBeGreaterThanOrEqual(5_000);
    expect(Math.max(...closes)).toBeLessThanOrEqual(7_700);
    expect(new Set(closes).size).toBeGreaterThan(15);
    expect(peers.map(({ link }) => link.peerEnd?.code)).toEqual(peers.map(() => 1001));
    expect(world.clock.waiting).toBe(0);
  });

  it('G-01 closes connections that cannot move one after another within the window', async () => {
    const world = await start();
    const peers = await Promise.all(Array.from({ length: 20 }, () => world.connect()));
    evenly(world, 20);
    const draining = world.node.drain(TIMES);
    const told = peers.map((peer) => peer.frames());
    const closes = await closesOver(world, 2_000, peers);
    await draining;
    expect(told.flat()).toMatchObject(peers.map(() => ({ type: 'going-away', served: false })));
    expect(Math.max(...closes)).toBeLessThanOrEqual(1_200);
    expect(new Set(closes).size).toBeGreaterThan(5);
  });

  it('G-01 answers what is in flight before it closes, and takes nothing new meanwhile', async () => {
    const world = await start();
    const gate = deferred<string>();
    world.application.handlers.set('slow', () => gate.promise);
    const bob = await world.connect('bob');
    bob.say({ type: 'request', id: '1', event: 'slow' });
    const draining = world.node.drain(TIMES);
    await pass(world, 1_200);
    const [, refused] = await bob.ask({ type: 'request', id: '2', event: 'slow' });
    expect(refused).toMatchObject({ type: 'error', id: '2', code: 'unavailable', retryable: true });
    gate.resolve('done');
    await draining;
    await turns(2);
    expect(bob.frames()).toMatchObject([{ type: 'response', id: '1', payload: 'done' }]);
    expect(bob.link.peerEnd?.code).toBe(1001);
  });

  it.each([true, false])(
    'G-01 tells where a publish is that is under way before it closes (handover: %s)',
    async (handover) => {
      const world = await start();
      const gate = deferred();
      const publish = world.broker.publish.bind(world.broker);
      world.broker.publish = async (...args) => {
        await gate.promise;
        return publish(...args);
      };
      const bob = await world.connect('bob');
      bob.say({ type: 'publish', id: '1', room: 'r', event: 'said' });
      const draining = world.node.drain({ ...TIMES, handover });
      await pass(world, 1_200);
      bob.say({ type: 'publish', id: '2', room: 'r', event: 'said' });
      expect(bob.link.peerEnd).toBeUndefined();
      gate.resolve();
      await draining;
      await turns(2);
      expect(bob.frames()).toMatchObject([
        { type: 'going-away' },
        { type: 'published', id: '1', offset: 1 },
        { type: 'published', id: '2', offset: 2 },
      ]);
      expect(bob.link.peerEnd?.code).toBe(1001);
      expect([world.node.hub.size, world.clock.waiting]).toEqual([0, 0]);
    },
  );

  it('G-01 waits for no answer that a connection cannot get any more', async () => {
    const world = await start();
    world.broker.publish = () => new Promise(() => undefined);
    const bob = await world.connect('bob');
    for (const id of ['1', '2']) bob.say({ type: 'publish', id, room: 'r', event: 'said' });
    const draining = world.node.drain({ ...TIMES, handover: false });
    await turn();
    bob.link.hangUp(1006);
    await draining;
    expect([world.node.hub.size, world.clock.waiting]).toEqual([0, 0]);
  });

  it('G-01 waits for nobody longer than drainMs', async () => {
    const world = await start();
    world.application.handlers.set('ask', () => new Promise(() => undefined));
    const peers = [await sdk(world, 'ada'), await world.connect('bob')];
    for (const peer of peers) peer.say({ type: 'request', id: '1', event: 'ask' });
    const draining = world.node.drain(TIMES);
    await pass(world, 9_900);
    expect(peers.map(({ link }) => link.peerEnd)).toEqual([undefined, undefined]);
    await pass(world, 200);
    await draining;
    await turn();
    expect(peers.map(({ link }) => link.peerEnd?.code)).toEqual([1001, 1001]);
    expect([world.node.hub.size, world.clock.waiting]).toEqual([0, 0]);
  });

  it('closes at once who is still being admitted', async () => {
    const world = await start();
    const stranger = world.meet();
    await world.node.drain(TIMES);
    await turn();
    expect(stranger.link.peerEnd?.code).toBe(1001);
  });

  it('leaves the old connection of a client alone when its new one arrives', async () => {
    const world = await start();
    const old = await sdk(world, 'ada', 1);
    const stays = await sdk(world, 'bob', 1);
    const rebalancing = world.node.rebalance(0.5, TIMES);
    expect(world.node.isDraining).toBe(false);
    const moved = world.node.hub.size;
    const [asked, other] = old.frames().length === 1 ? [old, stays] : [stays, old];
    const names = asked === old ? ['ada', 'bob'] : ['bob', 'ada'];
    await sdk(world, names[0] ?? '', 2);
    await sdk(world, names[1] ?? '', 2);
    await turn();
    expect([moved, asked.link.peerEnd, other.link.peerEnd?.code]).toEqual([2, undefined, 4409]);
    asked.link.hangUp(1000);
    expect(await rebalancing).toBe(1);
    expect(world.node.hub.size).toBe(2);
  });

  it('hands presence over: nobody leaves, nobody joins', async () => {
    const world = await start();
    const watcher = await world.connect('bob');
    await watcher.ask({ type: 'subscribe', id: 's', room: 'r' });
    const old = await sdk(world, 'ada', 1);
    await old.ask({ type: 'subscribe', id: 's', room: 'r' });
    await watcher.ask({ type: 'presence', id: 'w', room: 'r', action: 'watch' });
    const rebalancing = world.node.rebalance(1, { drainMs: 10_000, spreadMs: 10_000 });
    const fresh = await sdk(world, 'ada', 2);
    await fresh.ask({ type: 'subscribe', id: 's', room: 'r' });
    old.link.hangUp(1000);
    await turn();
    const changes = watcher.frames().filter(({ type }) => type === 'presence-change');
    expect(changes.flatMap((change) => Object.keys(change))).not.toContain('joined');
    expect(changes.flatMap((change) => Object.keys(change))).not.toContain('left');
    expect((await world.presence.read('r', 10)).total).toBe(2);
    watcher.link.hangUp(1000);
    await rebalancing;
  });

  it('is told of a connection that ends while it is asked', async () => {
    const world = await NodeWorld.start({ limits: { outboxBytes: 1 } });
    const peer = await world.connect();
    peer.link.stopReading();
    world.node.sendTo(peer.connection, { event: 'large', payload: undefined });
    await world.node.drain(TIMES);
    expect([world.node.hub.size, world.clock.waiting]).toEqual([0, 0]);
  });
});

describe('rebalancing', () => {
  it.each([
    [0, 0],
    [0.26, 3],
    [1, 10],
  ])('asks the fraction %d of the connections', async (fraction, count) => {
    const world = await start();
    const peers = await Promise.all(Array.from({ length: 10 }, () => world.connect()));
    const asked = world.node.rebalance(fraction, TIMES);
    await pass(world, 1_100);
    expect(await asked).toBe(count);
    await turn();
    expect(peers.filter(({ link }) => link.peerEnd?.code === 1001)).toHaveLength(count);
    expect([world.node.hub.size, world.clock.waiting]).toEqual([10 - count, 0]);
  });

  it('chooses at random', async () => {
    const world = await start();
    const peers = await Promise.all(Array.from({ length: 4 }, () => world.connect()));
    let next = 0;
    world.random.fraction = () => [0.99, 0.5, 0, 0][next++ % 4] ?? 0;
    void world.node.rebalance(0.5, TIMES);
    expect(peers.map((peer) => peer.frames().length)).toEqual([0, 1, 0, 1]);
  });

  it('asks nobody twice', async () => {
    const world = await start();
    const peers = await Promise.all(Array.from({ length: 4 }, () => world.connect()));
    const both = [world.node.rebalance(0.5, TIMES), world.node.rebalance(0.75, TIMES)];
    const frames = peers.map((peer) => peer.frames().length);
    expect(frames.filter((count) => count === 1)).toHaveLength(3);
    await pass(world, 1_200);
    expect(await Promise.all(both)).toEqual([2, 1]);
  });

  it('goes over into a shutdown, which asks the others and waits for all', async () => {
    const world = await start();
    const peers = [];
    for (let n = 0; n < 4; n += 1) peers.push(await sdk(world, `u${String(n)}`));
    void world.node.rebalance(0.5, TIMES);
    const draining = world.node.drain(TIMES);
    expect(peers.map((peer) => peer.frames().length)).toEqual([1, 1, 1, 1]);
    const [first, ...others] = peers;
    for (const { link } of others) link.hangUp(1000);
    await turns(2);
    expect(first?.link.peerEnd).toBeUndefined();
    first?.link.hangUp(1000);
    await draining;
    expect([world.node.hub.size, world.clock.waiting]).toEqual([0, 0]);
  });
});

describe('the window over which clients spread', () => {
  it('T-01 grows with their number, and never beyond its bound', () => {
    expect(spreadWindow(5_000, 30_000)).toBe(11_000);
    expect(spreadWindow(5_000, 4_000)).toBe(4_000);
    expect(spreadWindow(1, 0)).toBe(0);
  });
});
