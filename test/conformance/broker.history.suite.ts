/** The part of the broker's contract that is about history: B12. See broker.suite.ts. */
import { expect } from '@jest/globals';

import type { HistoryPolicy } from '../../lib/core/index.js';
import { publication } from '../support/fakes.js';
import {
  DANGEROUS,
  KEPT,
  lastOf,
  offsetsOf,
  put,
  putMany,
  read,
  start,
  upTo,
  type BrokerWorld,
} from './broker.world.js';
import { check, type Check } from './suite.js';

/** Ten thousand bytes of payload: the constant for the rest of a message is small beside it. */
const LARGE = JSON.stringify('x'.repeat(9_998));

async function putLarge(
  world: BrokerWorld,
  count: number,
  history: HistoryPolicy = KEPT,
): Promise<Awaited<ReturnType<typeof start>>> {
  const nodes = await start(world);
  for (const n of upTo(count)) {
    const message = publication(`m${String(n)}`, { payload: LARGE });
    await put(nodes[0].broker, 'room', message, history);
  }
  return nodes;
}

const boundChecks: readonly Check<BrokerWorld>[] = [
  check('B12', 'holds so many messages as the policy says, the latest ones', async (world) => {
    const [{ broker }] = await start(world);
    for (const n of upTo(5)) await put(broker, 'room', `m${String(n)}`, { ...KEPT, size: 3 });
    const page = await read(broker, 'room');
    expect(page).toMatchObject({ top: { offset: 5 }, oldest: 3 });
    expect(offsetsOf(page)).toEqual([3, 4, 5]);
  }),

  check('B12', 'holds a message as long as the policy says', async (world) => {
    const [{ broker }] = await start(world);
    const policy = { ...KEPT, ttlMs: 10_000 };
    await put(broker, 'room', 'm1', policy);
    await world.advance(6_000);
    await put(broker, 'room', 'm2', policy);
    expect(offsetsOf(await read(broker, 'room'))).toEqual([1, 2]);
    await world.advance(6_000);
    const page = await read(broker, 'room');
    expect([page.oldest, offsetsOf(page)]).toEqual([2, [2]]);
  }),

  check('B12', 'holds so many bytes as the policy says, the latest ones', async (world) => {
    const [{ broker }] = await putLarge(world, 5, { ...KEPT, bytes: 25_000 });
    expect(offsetsOf(await read(broker, 'room'))).toEqual([4, 5]);
  }),

  check('B12', 'holds nothing where the last message alone is past the bytes', async (world) => {
    const [{ broker }] = await start(world);
    const policy = { ...KEPT, bytes: 9_000 };
    await put(broker, 'room', 'm1', policy);
    const { position } = await put(broker, 'room', publication('m2', { payload: LARGE }), policy);
    expect(await read(broker, 'room')).toEqual({ top: position, oldest: 3, messages: [] });
  }),

  check('B12', 'holds none where the size is 0, also not those from before', async (world) => {
    const [{ broker }] = await start(world);
    await putMany(broker, 'room', 2);
    const { position } = await put(broker, 'room', 'm3', { ...KEPT, size: 0 });
    expect(await read(broker, 'room')).toEqual({ top: position, oldest: 4, messages: [] });
    await put(broker, 'room', 'm4');
    expect(offsetsOf(await read(broker, 'room'))).toEqual([4]);
  }),

  check('B12', 'goes by the policy of the last publish', async (world) => {
    const [{ broker }] = await start(world);
    await putMany(broker, 'room', 5);
    await put(broker, 'room', 'm6', { ...KEPT, size: 4 });
    expect(offsetsOf(await read(broker, 'room'))).toEqual([3, 4, 5, 6]);
    await world.advance(6_000);
    await put(broker, 'room', 'm7', { ...KEPT, ttlMs: 5_000 });
    expect(offsetsOf(await read(broker, 'room'))).toEqual([7]);
  }),

  check('B12', 'knows a position when the messages it counts are gone (R-08)', async (world) => {
    const [{ broker }] = await start(world);
    const { position } = await put(broker, 'room', 'm1', { ...KEPT, ttlMs: 10_000 });
    await world.advance(20_000);
    const empty = { top: position, oldest: 2, messages: [] };
    expect(await read(broker, 'room')).toEqual(empty);
    expect(await read(broker, 'room', { direction: 'backwards' })).toEqual(empty);
    expect(await broker.top('room')).toEqual(position);
    expect((await put(broker, 'room', 'm2')).position).toEqual({ ...position, offset: 2 });
  }),

  check('B12', 'holds nothing of an epoch that was forgotten', async (world) => {
    const [{ broker }] = await start(world);
    const before = await put(broker, 'room', 'm1');
    await world.forget('room');
    const page = await read(broker, 'room');
    expect(page).toMatchObject({ top: { offset: 0 }, oldest: 1, messages: [] });
    expect(page.top.epoch).not.toBe(before.position.epoch);
    expect((await put(broker, 'room', 'm2')).position.epoch).toBe(page.top.epoch);
  }),
];

const readingChecks: readonly Check<BrokerWorld>[] = [
  check('B12', 'gives everything a message has, on every node', async (world) => {
    const nodes = await start(world);
    const message = publication('m1', { payload: '{"n":1.0}', except: ['c1'], timestamp: 12 });
    const bare = { id: 'm2', event: 'said', timestamp: 1 };
    const first = await put(nodes[0].broker, 'room', message);
    const second = await put(nodes[0].broker, 'room', bare);
    expect(await read(lastOf(nodes).broker, 'room')).toEqual({
      top: second.position,
      oldest: 1,
      messages: [
        { ...message, position: first.position },
        { ...bare, position: second.position },
      ],
    });
  }),

  check('B12', 'tells an empty room’s position, which its first message follows', async (world) => {
    const [{ broker }] = await start(world);
    const { top, oldest, messages } = await read(broker, 'room');
    expect([top.offset, oldest, messages]).toEqual([0, 1, []]);
    expect((await put(broker, 'room', 'm1')).position).toEqual({ ...top, offset: 1 });
  }),

  check('B12', 'reads on from an offset, in both directions', async (world) => {
    const [{ broker }] = await start(world);
    await putMany(broker, 'room', 6);
    const forwards = async (from: number): Promise<number[]> =>
      offsetsOf(await read(broker, 'room', { from }));
    const backwards = async (from: number): Promise<number[]> =>
      offsetsOf(await read(broker, 'room', { from, direction: 'backwards' }));
    expect(await forwards(0)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await forwards(4)).toEqual([5, 6]);
    expect(await forwards(6)).toEqual([]);
    expect(await forwards(9_007_199_254_740_990)).toEqual([]);
    expect(await backwards(7)).toEqual([6, 5, 4, 3, 2, 1]);
    expect(await backwards(3)).toEqual([2, 1]);
    expect(await backwards(1)).toEqual([]);
    expect(await backwards(0)).toEqual([]);
    expect(await backwards(9_007_199_254_740_990)).toEqual([6, 5, 4, 3, 2, 1]);
  }),

  check('B12', 'begins at the oldest, or the newest, where no offset is given', async (world) => {
    const [{ broker }] = await start(world);
    for (const n of upTo(6)) await put(broker, 'room', `m${String(n)}`, { ...KEPT, size: 4 });
    const limit = 2;
    expect(offsetsOf(await read(broker, 'room', { limit }))).toEqual([3, 4]);
    const newest = await read(broker, 'room', { limit, direction: 'backwards' });
    expect([newest.oldest, offsetsOf(newest)]).toEqual([3, [6, 5]]);
    expect(offsetsOf(await read(broker, 'room', { limit, from: 1 }))).toEqual([3, 4]);
  }),

  check('B12', 'gives no more bytes than asked for, but always one message', async (world) => {
    const [{ broker }] = await putLarge(world, 5);
    for (const direction of ['forwards', 'backwards'] as const) {
      const some = await read(broker, 'room', { direction, bytes: 25_000 });
      expect(some.messages).toHaveLength(2);
      expect((await read(broker, 'room', { direction, bytes: 1 })).messages).toHaveLength(1);
    }
  }),

  check('B12', 'gives each message once to who pages through it', async (world) => {
    const [{ broker }] = await start(world);
    await putMany(broker, 'room', 10);
    for (const direction of ['forwards', 'backwards'] as const) {
      const seen: number[] = [];
      let page = await read(broker, 'room', { direction, limit: 3 });
      for (let pages = 0; page.messages.length > 0 && pages < 10; pages += 1) {
        seen.push(...offsetsOf(page));
        page = await read(broker, 'room', { direction, limit: 3, from: seen.at(-1) ?? 0 });
      }
      const all = upTo(10);
      expect(seen).toEqual(direction === 'forwards' ? all : all.reverse());
    }
  }),

  check('B12', 'keeps the histories of rooms apart, whatever their names', async (world) => {
    const [{ broker }] = await start(world);
    for (const room of DANGEROUS) await put(broker, room, `in ${room}`);
    for (const room of DANGEROUS) {
      expect((await read(broker, room)).messages.map(({ id }) => id)).toEqual([`in ${room}`]);
    }
  }),
];

/** B12. */
export const historyChecks: readonly Check<BrokerWorld>[] = [...boundChecks, ...readingChecks];
