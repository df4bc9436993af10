import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import type { HistoryPageFrame } from '../../lib/protocol/index.js';
import { NodeWorld, type Peer } from '../support/node-world.js';

const EPOCH = 'epoch-1';

/** A world whose room has so many messages, and a peer. */
async function worldWith(count: number, size = 1_000): Promise<{ world: NodeWorld; peer: Peer }> {
  const world = await NodeWorld.start();
  world.directory.rights.history = { size, ttlMs: 60_000, bytes: 1e9 };
  for (let n = 1; n <= count; n += 1) {
    await world.node.publish('r', { event: 'said', payload: String(n) });
  }
  return { world, peer: await world.connect() };
}

async function ask(peer: Peer, query: object = {}): Promise<HistoryPageFrame> {
  const [frame] = await peer.ask({ type: 'history', id: '1', room: 'r', ...query });
  if (frame?.type !== 'history') throw new Error(`expected history, got ${JSON.stringify(frame)}`);
  return frame;
}

function offsets({ messages }: HistoryPageFrame): number[] {
  return messages.map(({ offset }) => offset);
}

describe('asking for history', () => {
  it('is answered with the oldest messages first, and everything that each has', async () => {
    const { world, peer } = await worldWith(2);
    const page = await ask(peer);
    expect(page).toEqual({
      type: 'history',
      id: '1',
      room: 'r',
      epoch: EPOCH,
      offset: 2,
      messages: [1, 2].map((n) => ({
        event: 'said',
        id: page.messages[n - 1]?.id,
        timestamp: world.clock.now(),
        offset: n,
        payload: n,
      })),
      complete: true,
    });
  });

  it('gives payloads as they came, and none where there was none', async () => {
    const { world, peer } = await worldWith(0);
    await world.node.publish('r', { event: 'said', payload: '{"n" : 1.0}' });
    await world.node.publish('r', { event: 'said', payload: undefined });
    const page = await ask(peer);
    expect(peer.link.received.at(-1)).toContain('"payload":{"n" : 1.0}}');
    expect(page.messages[1]).not.toHaveProperty('payload');
  });

  it('goes forwards from behind a position, backwards from before it', async () => {
    const { peer } = await worldWith(6);
    const at = { epoch: EPOCH, offset: 3 };
    expect(await ask(peer, at)).toMatchObject({ offset: 6, complete: true });
    expect(offsets(await ask(peer, at))).toEqual([4, 5, 6]);
    expect(offsets(await ask(peer, { ...at, direction: 'backwards' }))).toEqual([2, 1]);
    const newest = await ask(peer, { direction: 'backwards', limit: 2 });
    expect([offsets(newest), newest.complete]).toEqual([[6, 5], false]);
    expect(offsets(await ask(peer, { limit: 2 }))).toEqual([1, 2]);
  });

  it('says whether more is held in the direction', async () => {
    const { peer } = await worldWith(6);
    const at = { epoch: EPOCH, limit: 2 };
    const isComplete = async (query: object): Promise<boolean> => (await ask(peer, query)).complete;
    expect(await isComplete({ ...at, offset: 3 })).toBe(false);
    expect(await isComplete({ ...at, offset: 4 })).toBe(true);
    expect(await isComplete({ ...at, offset: 6 })).toBe(true);
    expect(await isComplete({ ...at, offset: 4, direction: 'backwards' })).toBe(false);
    expect(await isComplete({ ...at, offset: 3, direction: 'backwards' })).toBe(true);
    expect(await isComplete({ ...at, offset: 1, direction: 'backwards' })).toBe(true);
  });

  it('gives 100 messages where no limit is asked for, and refuses more', async () => {
    const { peer } = await worldWith(150);
    const page = await ask(peer);
    expect([page.messages.length, page.complete]).toEqual([100, false]);
    for (const limit of [0, 101, 1.5, '7']) {
      const frames = await peer.ask({ type: 'history', id: '1', room: 'r', limit });
      expect(frames).toMatchObject([{ type: 'error', id: '1' }]);
    }
  });

  it('gives no page that is far larger than a quarter of a mebibyte', async () => {
    const { world, peer } = await worldWith(0);
    const payload = JSON.stringify('x'.repeat(100_000));
    for (let n = 0; n < 5; n += 1) await world.node.publish('r', { event: 'said', payload });
    expect(offsets(await ask(peer))).toEqual([1, 2]);
    const large = JSON.stringify('x'.repeat(400_000));
    await world.node.publish('r', { event: 'said', payload: large });
    expect(offsets(await ask(peer, { epoch: EPOCH, offset: 5 }))).toEqual([6]);
  });

  it('gives every message once to who pages through it, in both directions', async () => {
    const { peer } = await worldWith(57);
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 100 }),
        fc.constantFrom('forwards', 'backwards'),
        async (limit, direction) => {
          const seen: number[] = [];
          let page = await ask(peer, { limit, direction });
          seen.push(...offsets(page));
          for (let pages = 0; !page.complete && pages < 60; pages += 1) {
            const offset = seen.at(-1);
            page = await ask(peer, { limit, direction, epoch: EPOCH, offset });
            seen.push(...offsets(page));
          }
          const all = Array.from({ length: 57 }, (_, n) => n + 1);
          expect(seen).toEqual(direction === 'forwards' ? all : all.toReversed());
        },
      ),
      { numRuns: 40 },
    );
  });

  it('says evicted where messages between the position and the first are gone', async () => {
    const { world, peer } = await worldWith(10, 4);
    const at = { epoch: EPOCH, offset: 3 };
    const page = await ask(peer, at);
    expect([page.reason, offsets(page)]).toEqual(['evicted', [7, 8, 9, 10]]);
    expect(await ask(peer, { epoch: EPOCH, offset: 6 })).not.toHaveProperty('reason');
    expect(await ask(peer)).not.toHaveProperty('reason');
    const older = await ask(peer, { ...at, direction: 'backwards' });
    expect([older.reason, older.complete, older.messages]).toEqual([undefined, true, []]);
    world.clock.advance(60_001);
    const gone = await ask(peer, at);
    expect([gone.reason, gone.complete, gone.messages]).toEqual(['evicted', true, []]);
  });

  it('P-15 gives nothing from a position that cannot be, and says why', async () => {
    const { peer } = await worldWith(5);
    const cases: [object, string][] = [
      [{ epoch: 'other', offset: 2 }, 'epoch-changed'],
      [{ epoch: EPOCH, offset: 6 }, 'position-unknown'],
      [{ epoch: EPOCH, offset: -1 }, 'position-unknown'],
      [{ epoch: EPOCH, offset: 1.5 }, 'position-unknown'],
      [{ epoch: EPOCH, offset: 2 ** 53 + 2 }, 'position-unknown'],
      [{ epoch: EPOCH, offset: 7, direction: 'backwards' }, 'position-unknown'],
      [{ epoch: EPOCH }, 'position-unknown'],
      [{ offset: 2 }, 'position-unknown'],
    ];
    for (const [query, reason] of cases) {
      const page = await ask(peer, query);
      expect(page).toMatchObject({ reason, messages: [], complete: true, epoch: EPOCH, offset: 5 });
    }
    const raw = '{"type":"history","id":"1","room":"r","epoch":"epoch-1","offset":1e999}';
    expect(await peer.ask(raw)).toMatchObject([{ reason: 'position-unknown', messages: [] }]);
  });

  it('takes one beyond the top for the place where reading backwards begins', async () => {
    const { peer } = await worldWith(3);
    const page = await ask(peer, { epoch: EPOCH, offset: 4, direction: 'backwards' });
    expect([page.reason, offsets(page)]).toEqual([undefined, [3, 2, 1]]);
  });

  it('tells an empty room’s position', async () => {
    const { peer } = await worldWith(0);
    expect(await ask(peer)).toMatchObject({
      epoch: EPOCH,
      offset: 0,
      messages: [],
      complete: true,
    });
  });

  it('is refused where the room says no, nobody declares it, or it is not public', async () => {
    const { world, peer } = await worldWith(3);
    const history = { type: 'history', id: '1', room: 'r' };
    world.directory.rights.onHistory = () => Promise.resolve(false);
    expect(await peer.ask(history)).toMatchObject([{ type: 'error', id: '1', code: 'forbidden' }]);
    expect(await peer.ask({ ...history, room: 'undeclared' })).toMatchObject([
      { type: 'error', id: '1', code: 'unknown-room' },
    ]);
    world.directory.rights.onHistory = () => Promise.reject(new Error('no database'));
    expect(await peer.ask(history)).toMatchObject([{ type: 'error', id: '1', code: 'internal' }]);
  });

  it('waits with answers that a slow reader has no room for, rather than end it', async () => {
    const { world, peer } = await worldWith(0);
    const payload = JSON.stringify('x'.repeat(200_000));
    for (let n = 0; n < 2; n += 1) await world.node.publish('r', { event: 'said', payload });
    peer.link.stopReading();
    for (let n = 0; n < 20; n += 1) {
      peer.say({ type: 'history', id: String(n), room: 'r', direction: 'backwards' });
    }
    await peer.ask({ type: 'ping' });
    expect(peer.link.bufferedBytes).toBeLessThanOrEqual(524_288);
    expect(peer.connection.state).toBe('open');
    const ids: string[] = [];
    for (let n = 0; n < 20; n += 1) {
      peer.link.startReading();
      const frames = await peer.ask({ type: 'ping' });
      ids.push(...frames.flatMap((frame) => (frame.type === 'history' ? frame.id : [])));
    }
    expect(ids).toEqual(Array.from({ length: 20 }, (_, n) => String(n)));
  });
});
