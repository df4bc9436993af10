/** Faults of the catalogue that concern recovery, through a whole node. */
import { describe, expect, it } from '@jest/globals';

import type { Position } from '../../lib/protocol/index.js';
import { NodeWorld, type Peer, type WorldOptions } from '../support/node-world.js';
import { SharedBroker } from '../support/shared-broker.js';
import { StreamReader } from '../support/stream-reader.js';
import { turn } from '../support/turns.js';

const KEPT = { size: 20_000, ttlMs: 60_000, bytes: 1e9 };

async function worldOf(options: WorldOptions = {}, history = KEPT): Promise<NodeWorld> {
  const world = await NodeWorld.start(options);
  world.directory.rights.history = history;
  return world;
}

async function publish(world: NodeWorld, count: number, room = 'r'): Promise<void> {
  for (let n = 0; n < count; n += 1)
    await world.node.publish(room, { event: 'said', payload: '1' });
}

/** Connects and asks in its hello to go on in the room from a position. */
function come(world: NodeWorld, from: Partial<Position> = {}, isReading = true): Peer {
  const peer = world.meet();
  if (!isReading) peer.link.stopReading();
  peer.say({ type: 'hello', token: 'token-ada', rooms: [{ room: 'r', ...from }] });
  return peer;
}

/** Lets everything run that waits for promises and for the next moment. */
async function settle(world: NodeWorld): Promise<void> {
  for (let rounds = 0; rounds < 200; rounds += 1) {
    await turn();
    world.clock.advance(0);
  }
}

/** What a client makes of what came, having asked to go on from a position. */
function readBy(peer: Peer, from: Partial<Position> = {}): StreamReader {
  const reader = new StreamReader();
  reader.claim('', from);
  reader.read(peer.frames());
  return reader;
}

/** Where a client is that has just come into the room for the first time. */
async function firstPosition(world: NodeWorld): Promise<Position> {
  const peer = come(world);
  await turn();
  const position = readBy(peer).at();
  peer.link.breakOff();
  if (position === undefined) throw new Error('expected to be in the room');
  return position;
}

async function returnFrom(world: NodeWorld, from: Partial<Position>): Promise<StreamReader> {
  const peer = come(world, from);
  await settle(world);
  const reader = readBy(peer, from);
  expect(reader.faults).toEqual([]);
  peer.link.breakOff();
  return reader;
}

function verdictOf({ frames }: StreamReader): unknown {
  return frames.find(({ type }) => type === 'subscribed');
}

describe('recovery, under the faults of the catalogue', () => {
  it('R-05 keeps the last of a thousand joins and leaves, and leaves no subscription behind', async () => {
    const world = await worldOf();
    const calls: string[] = [];
    const { broker } = world;
    for (const method of ['subscribe', 'unsubscribe'] as const) {
      const original = broker[method].bind(broker) as (room: string) => Promise<never>;
      broker[method] = (room: string): Promise<never> => {
        calls.push(method);
        return original(room);
      };
    }
    const peer = await world.connect();
    for (let n = 0; n < 1_000; n += 1) {
      peer.say({ type: 'subscribe', id: `s${String(n)}`, room: 'r' });
      peer.say({ type: 'unsubscribe', id: `u${String(n)}`, room: 'r' });
    }
    await settle(world);
    const ids = peer.frames().map((frame) => ('id' in frame ? frame.id : ''));
    expect(ids).toEqual(
      Array.from({ length: 2_000 }, (_, n) => `${n % 2 ? 'u' : 's'}${String(n >> 1)}`),
    );
    const count = (method: string): number => calls.filter((call) => call === method).length;
    expect(count('subscribe')).toBe(count('unsubscribe'));
    expect([world.node.rooms.size, peer.connection.rooms.size]).toEqual([0, 0]);
    await publish(world, 1);
    expect(peer.frames()).toEqual([]);
    await peer.ask({ type: 'subscribe', id: 'last', room: 'r' });
    await publish(world, 1);
    expect(peer.frames()).toMatchObject([{ type: 'message', offset: 2 }]);
  });

  it('R-07 gets on although the link dies during each recovery, never with the same batch again', async () => {
    const world = await worldOf({ limits: { outboxBytes: 4_096 } });
    let from = await firstPosition(world);
    await publish(world, 1_000);
    const offsets: number[] = [];
    for (let lives = 0; from.offset < 1_000; lives += 1) {
      expect(lives).toBeLessThan(200);
      const peer = come(world, from, false);
      await settle(world);
      peer.link.startReading();
      const reader = readBy(peer, from);
      peer.link.breakOff();
      expect(reader.faults).toEqual([]);
      expect(verdictOf(reader)).toMatchObject({ recovered: true, replayed: 1_000 - from.offset });
      expect(reader.seen.length).toBeGreaterThan(0);
      offsets.push(...reader.seen.map(({ position }) => position.offset));
      from = reader.at() ?? from;
    }
    expect(offsets).toEqual(Array.from({ length: 1_000 }, (_, n) => n + 1));
    await settle(world);
    expect([world.node.rooms.size, world.observer.failures]).toEqual([0, []]);
  });

  it('R-08 recovers a client that was quiet for longer than the history, if its room was quiet too', async () => {
    const world = await worldOf({}, { ...KEPT, ttlMs: 1_000 });
    await publish(world, 3);
    const from = await firstPosition(world);
    world.clock.advance(3_600_000);
    const quiet = await returnFrom(world, from);
    expect(verdictOf(quiet)).toMatchObject({ recovered: true, replayed: 0 });
    await publish(world, 1);
    world.clock.advance(3_600_000);
    const busy = await returnFrom(world, from);
    expect(verdictOf(busy)).toMatchObject({ recovered: false, reason: 'evicted', offset: 4 });
    expect(busy.seen).toEqual([]);
  });

  it('R-09 recovers a client that has never received a message', async () => {
    const world = await worldOf();
    const from = await firstPosition(world);
    expect(from).toMatchObject({ offset: 0 });
    await publish(world, 2);
    const reader = await returnFrom(world, from);
    expect(verdictOf(reader)).toMatchObject({ recovered: true, replayed: 2 });
    expect(reader.seen.map(({ position }) => position.offset)).toEqual([1, 2]);
  });

  it('R-10 replays 10,000 missed messages, and one more not at all', async () => {
    const world = await worldOf();
    const from = await firstPosition(world);
    await publish(world, 10_000);
    const all = await returnFrom(world, from);
    expect(verdictOf(all)).toMatchObject({ recovered: true, replayed: 10_000 });
    expect(all.seen).toHaveLength(10_000);
    await publish(world, 1);
    const none = await returnFrom(world, from);
    expect(verdictOf(none)).toMatchObject({ recovered: false, reason: 'limit', offset: 10_001 });
    expect(none.seen).toEqual([]);
  });

  it('R-10 says so where history is trimmed between reading and sending, and sends no partial set after it', async () => {
    const world = await worldOf({ limits: { outboxBytes: 16_384 } });
    const from = await firstPosition(world);
    await publish(world, 500);
    const peer = come(world, from, false);
    await settle(world);
    world.clock.advance(KEPT.ttlMs);
    peer.link.startReading();
    await settle(world);
    await publish(world, 1);
    const reader = readBy(peer, from);
    expect([reader.faults, reader.losses]).toEqual([[], 1]);
    expect(reader.frames.at(-2)).toMatchObject({ type: 'gap', reason: 'evicted', offset: 500 });
    expect(reader.at()?.offset).toBe(501);
  });

  it.each([6, -1, -(2 ** 53), 0.5, 4.999, 2 ** 53, 2 ** 53 + 2, 1e300])(
    'P-15 takes the offset %p for a position that cannot be, and replays nothing',
    async (offset) => {
      const world = await worldOf();
      await publish(world, 5);
      const { epoch } = await firstPosition(world);
      const reader = await returnFrom(world, { epoch, offset });
      expect(verdictOf(reader)).toMatchObject({ recovered: false, reason: 'position-unknown' });
      expect([reader.seen, reader.at()?.offset]).toEqual([[], 5]);
    },
  );

  it.each(['1e999', '-1e999', '9007199254740993', '-0.1'])(
    'P-15 takes the offset %s, as it stands in JSON, for one that cannot be',
    async (offset) => {
      const world = await worldOf();
      await publish(world, 5);
      const { epoch } = await firstPosition(world);
      const peer = await world.connect();
      const frame = `{"type":"subscribe","id":"1","room":"r","epoch":"${epoch}","offset":${offset}}`;
      expect(await peer.ask(frame)).toMatchObject([
        { type: 'subscribed', recovered: false, reason: 'position-unknown', offset: 5 },
      ]);
    },
  );

  it.each(['"5"', 'null', 'NaN', '[5]'])(
    'P-15 refuses the offset %s, which is no number',
    async (offset) => {
      const world = await worldOf();
      const peer = await world.connect();
      const frame = `{"type":"subscribe","id":"1","room":"r","epoch":"e","offset":${offset}}`;
      expect(await peer.ask(frame)).toMatchObject([
        { type: 'error', code: offset === 'NaN' ? 'bad-frame' : 'invalid-field' },
      ]);
      expect(world.node.rooms.size).toBe(0);
    },
  );

  it('P-15 tells a position of another epoch from one that cannot be', async () => {
    const world = await worldOf();
    await publish(world, 5);
    const reader = await returnFrom(world, { epoch: 'other', offset: 3 });
    expect(verdictOf(reader)).toMatchObject({ recovered: false, reason: 'epoch-changed' });
    expect(reader.seen).toEqual([]);
  });
});

describe('what Socket.IO’s connection state recovery fails at', () => {
  it('Socket.IO 5.5 a: recovers a client that has received no event yet', async () => {
    const world = await worldOf();
    const from = await firstPosition(world);
    await publish(world, 1);
    const reader = await returnFrom(world, from);
    expect(verdictOf(reader)).toMatchObject({ recovered: true, replayed: 1 });
    expect(reader.seen).toHaveLength(1);
  });

  it('Socket.IO 5.5 b: recovers a client whose last packet was trimmed, where nothing was missed', async () => {
    const world = await worldOf({}, { ...KEPT, ttlMs: 120_000 });
    await publish(world, 1);
    const from = await firstPosition(world);
    world.clock.advance(120_001);
    await publish(world, 1, 'another room');
    const reader = await returnFrom(world, from);
    expect(verdictOf(reader)).toMatchObject({ recovered: true, replayed: 0 });
  });

  it('Socket.IO 5.5 c: recovers a client whose node is gone without a word, on another node', async () => {
    const shared = new SharedBroker();
    const [first, second] = [
      await worldOf({ broker: () => shared.forNode() }),
      await worldOf({ broker: () => shared.forNode() }),
    ];
    const from = await firstPosition(first);
    // The first node does nothing any more, also not what it would do when a link breaks.
    come(first, from);
    await publish(second, 3);
    const reader = await returnFrom(second, from);
    expect(verdictOf(reader)).toMatchObject({ recovered: true, replayed: 3 });
    expect(reader.seen).toHaveLength(3);
  });

  it('Socket.IO 5.5 d: recovers at once, at the same time, and again from the same position', async () => {
    const world = await worldOf();
    const old = come(world);
    await turn();
    const from = readBy(old).at() ?? {};
    await publish(world, 3);
    // While the old connection still seems to live, twice at once, then once more.
    const peers = [come(world, from), come(world, from)];
    await settle(world);
    for (const peer of peers) expect(readBy(peer, from).seen).toHaveLength(3);
    for (const peer of [old, ...peers]) peer.link.breakOff();
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const reader = await returnFrom(world, from);
      expect(verdictOf(reader)).toMatchObject({ recovered: true, replayed: 3 });
      expect(reader.seen).toHaveLength(3);
    }
  });

  it('Socket.IO 5.5 e: reads what the room missed, however much others have said', async () => {
    const world = await worldOf();
    const from = await firstPosition(world);
    await publish(world, 200);
    for (let n = 0; n < 200; n += 1) await publish(world, 100, `other${String(n % 20)}`);
    const rooms: string[] = [];
    const { broker } = world;
    const history = broker.history.bind(broker);
    broker.history = (room, query) => {
      rooms.push(room);
      return history(room, query);
    };
    const reader = await returnFrom(world, from);
    expect(reader.seen).toHaveLength(200);
    expect([new Set(rooms), rooms.length <= 3]).toEqual([new Set(['r']), true]);
  });
});
