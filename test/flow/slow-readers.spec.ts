import { describe, expect, it } from '@jest/globals';

import { ManualClock } from '../../lib/testing/manual-clock.js';
import { DEFAULT_HEARTBEAT } from '../../lib/transport/index.js';
import { Heartbeat } from '../../lib/transport/heartbeat.js';
import { NodeWorld, type Peer } from '../support/node-world.js';
import { turn, turns } from '../support/turns.js';

/** Bytes of a quarter of the default outbox, and some. */
const BEHIND = 'x'.repeat(270_000);

async function twoInRoom(): Promise<{ world: NodeWorld; slow: Peer; quick: Peer }> {
  const world = await NodeWorld.start();
  const [slow, quick] = [await world.connect('ada'), await world.connect('bob')];
  for (const { connection } of [slow, quick]) await world.node.join(connection, 'r');
  for (const peer of [slow, quick]) peer.frames();
  return { world, slow, quick };
}

const say = (world: NodeWorld, payload: unknown, volatile: boolean, latest?: string) =>
  world.node.publish('r', { event: 'e', payload: JSON.stringify(payload), volatile, latest });

const shown = (peer: Peer): unknown[] =>
  peer.frames().map((frame) => {
    if (frame.type === 'skipped') return `skipped ${String(frame.count)} of ${frame.room}`;
    if (frame.type !== 'message') return frame.type;
    return frame.payload === BEHIND ? 'large' : frame.payload;
  });

describe('a peer that is behind', () => {
  it('S-01 is not sent volatile messages, and is told how many once it has caught up', async () => {
    const { world, slow, quick } = await twoInRoom();
    slow.link.stopReading();
    await say(world, 'before', true);
    await say(world, BEHIND, false);
    for (const n of [1, 2, 3]) await say(world, n, true);
    await say(world, 'stored', false);
    slow.link.startReading();
    await say(world, 4, true);
    expect(shown(quick)).toEqual(['before', 'large', 1, 2, 3, 'stored', 4]);
    expect(shown(slow)).toEqual(['before', 'large', 'stored', 'skipped 3 of r', 4]);
    expect(world.observer.ignoredThings).toEqual(Array(3).fill('volatile-skipped'));
  });

  it('gets the latest message of each key, and none that a newer one has replaced', async () => {
    const { world, slow } = await twoInRoom();
    slow.link.stopReading();
    await say(world, BEHIND, false);
    for (const n of [1, 2, 3]) await say(world, `ada ${String(n)}`, true, 'ada');
    await say(world, 'bob 1', true, 'bob');
    await say(world, 'ada 4', true, 'ada');
    slow.link.startReading();
    expect(shown(slow)).toEqual(['large', 'skipped 3 of r', 'bob 1', 'ada 4']);
  });

  it('gets nothing of a room that it has left meanwhile', async () => {
    const { world, slow } = await twoInRoom();
    slow.link.stopReading();
    await say(world, BEHIND, false);
    await say(world, 1, true);
    await say(world, 2, true, 'key');
    world.node.leave(slow.connection, 'r');
    slow.link.startReading();
    expect(shown(slow)).toEqual(['large', 'unsubscribed']);
  });

  it('is sent no volatile message that it would not get by name either', async () => {
    const { world, slow, quick } = await twoInRoom();
    slow.link.stopReading();
    await say(world, BEHIND, false);
    const except = [quick.connection.id];
    await world.node.publish('r', { event: 'e', payload: '1', volatile: true, except });
    slow.link.startReading();
    expect(shown(slow)).toEqual(['large', 'skipped 1 of r']);
    expect(shown(quick)).toEqual(['large']);
  });

  it('forgets what waited when it ends', async () => {
    const { world, slow } = await twoInRoom();
    slow.link.stopReading();
    await say(world, BEHIND, false);
    await say(world, 1, true, 'key');
    slow.connection.close(4300, 'enough');
    await say(world, 2, true, 'key');
    slow.link.startReading();
    await turn();
    expect(shown(slow)).toEqual(['large']);
  });
});

describe('one slow peer among many', () => {
  it('S-03 is closed, and nobody else is late or misses anything', async () => {
    const world = await NodeWorld.start({ limits: { connectionsPerUser: 1_000 } });
    const peers = await Promise.all(Array.from({ length: 300 }, () => world.connect('ada')));
    for (const { connection } of peers) await world.node.join(connection, 'r');
    for (const peer of peers) peer.frames();
    const [slow, ...others] = peers as [Peer, ...Peer[]];
    slow.link.stopReading();
    for (let n = 0; n < 10; n += 1) {
      await say(world, BEHIND, false);
      // In the same turn, with nothing in between that could wait for the slow one.
      for (const peer of others) expect(shown(peer)).toEqual(['large']);
    }
    expect(slow.connection.state).toBe('closed');
    expect(world.node.hub.size).toBe(others.length);
  });
});

describe('a peer that reads a little now and then', () => {
  /** A peer under a heartbeat with a bound of so many milliseconds. */
  async function watched(
    waitMs: number,
  ): Promise<{ world: NodeWorld; clock: ManualClock; peer: Peer }> {
    const clock = new ManualClock();
    const world = await NodeWorld.start({ clock });
    const peer = await world.connect('ada');
    const heartbeat = new Heartbeat(clock, DEFAULT_HEARTBEAT, waitMs);
    peer.link.attach(peer.connection, heartbeat);
    return { world, clock, peer };
  }

  it('S-02 is closed with 4100 when the oldest byte has waited for the bound’s time', async () => {
    const { clock, peer } = await watched(60_000);
    peer.link.stopReading();
    peer.connection.outbox.send({ type: 'pong' });
    clock.advance(59_000);
    expect(peer.connection.state).toBe('open');
    clock.advance(3_500);
    expect(peer.connection.state).toBe('closed');
    peer.link.startReading();
    await turns(2);
    expect(peer.link.peerEnd).toEqual({ code: 4100, reason: 'reads too slowly' });
  });

  it('stays while it takes what waits in time, however long something waits', async () => {
    const { clock, peer } = await watched(60_000);
    for (let round = 0; round < 10; round += 1) {
      peer.link.stopReading();
      peer.connection.outbox.send({ type: 'pong' });
      clock.advance(50_000);
      peer.link.startReading();
    }
    expect(peer.connection.state).toBe('open');
  });

  it('stays for ever where there is no bound', async () => {
    const { clock, peer } = await watched(0);
    peer.link.stopReading();
    peer.connection.outbox.send({ type: 'pong' });
    clock.advance(3_600_000);
    expect(peer.connection.state).toBe('open');
  });
});
