/**
 * The contract of `ReplyStore` (lib/core/ports), to be run over every implementation. Checks are data,
 * so that they can be run over faulty stores as well: see reply-store.meta.spec.ts.
 */
import { expect } from '@jest/globals';

import type {
  Claim,
  Operation,
  RepeatedReply,
  ReplyStore,
  StoredReply,
} from '../../lib/core/index.js';
import { turns } from '../support/turns.js';
import { check, type Check } from './suite.js';

/** Stores on one book, as the nodes of one deployment have them. */
export interface ReplyStoreWorld {
  /** One for each node. At least two, unless the store is one node's alone. */
  readonly nodes: readonly [ReplyStore, ...ReplyStore[]];
  readonly windowMs: number;
  readonly perClient: number;
  readonly leaseMs: number;
  /** Bytes of the largest reply that is kept. */
  readonly maxReplyBytes: number;
  /** Lets the store's time pass. */
  advance(ms: number): Promise<void>;
  dispose(): Promise<void> | void;
}

type First = Extract<Claim, { isFirst: true }>;

const ada = (id: string): Operation => ({ client: 'ada', id });
const DONE: StoredReply = { payload: '{"n":1.0}' };

/** Claims an operation that nobody did before. */
async function begin(store: ReplyStore, operation: Operation): Promise<First> {
  const claim = await store.claim(operation);
  if (!claim.isFirst) throw new Error('expected the first claim');
  return claim;
}

/** Claims an operation that somebody did before. Not awaited inside: the reply may be long in coming. */
async function repeat(
  store: ReplyStore,
  operation: Operation,
): Promise<{ readonly reply: Promise<RepeatedReply | undefined> }> {
  const claim = await store.claim(operation);
  if (claim.isFirst) throw new Error('expected a claim that is not the first');
  return { reply: claim.reply };
}

/** What a promise has settled with by now; `'open'` if it has not. */
async function now<T>(promise: Promise<T>): Promise<T | 'open'> {
  await turns(2);
  return Promise.race([promise, Promise.resolve('open' as const)]);
}

const lastOf = ({ nodes }: ReplyStoreWorld): ReplyStore => nodes.at(-1) ?? nodes[0];

/** O1 to O8. */
export const replyStoreChecks: readonly Check<ReplyStoreWorld>[] = [
  check('O1', 'lets one of many claims at the same time be the first', async (world) => {
    const { nodes } = world;
    const claims = await Promise.all(
      Array.from({ length: 30 }, (_, n) => (nodes[n % nodes.length] ?? nodes[0]).claim(ada('1'))),
    );
    expect(claims.filter(({ isFirst }) => isFirst)).toHaveLength(1);
  }),

  check('O1', 'lets no later claim be the first, settled or not', async (world) => {
    const first = await begin(world.nodes[0], ada('1'));
    expect((await lastOf(world).claim(ada('1'))).isFirst).toBe(false);
    await first.settle(DONE);
    for (const store of world.nodes) expect((await store.claim(ada('1'))).isFirst).toBe(false);
  }),

  check('O2', 'gives whoever waits the reply, on every node', async (world) => {
    const first = await begin(world.nodes[0], ada('1'));
    const waiting = await Promise.all(world.nodes.map((store) => repeat(store, ada('1'))));
    for (const { reply } of waiting) expect(await now(reply)).toBe('open');
    await first.settle(DONE);
    for (const { reply } of waiting) expect(await now(reply)).toEqual(DONE);
  }),

  check('O2', 'gives whoever comes later the reply', async (world) => {
    await (await begin(world.nodes[0], ada('1'))).settle(DONE);
    expect(await (await repeat(lastOf(world), ada('1'))).reply).toEqual(DONE);
  }),

  check('O2', 'gives every part of a reply again', async (world) => {
    const replies: StoredReply[] = [
      {},
      { payload: 'null' },
      { payload: '"a\\u0000b"' },
      { payload: '{"b":1,"a":[1.50,2e3]}' },
      { error: { code: 'conflict', message: 'no' } },
      { error: { code: '__proto__', message: '', details: { a: [1, null, 'ü'] } } },
      { error: { code: 'own-code', message: 'no', details: [], retryAfterMs: 5 } },
    ];
    for (const [n, reply] of replies.entries()) {
      const id = String(n);
      const first = await begin(world.nodes[0], ada(id));
      const waiting = await repeat(lastOf(world), ada(id));
      await first.settle(reply);
      expect(await waiting.reply).toEqual(reply);
      expect(await (await repeat(lastOf(world), ada(id))).reply).toEqual(reply);
    }
  }),

  check('O2', 'does not change a reply when it is settled again or abandoned', async (world) => {
    const first = await begin(world.nodes[0], ada('1'));
    await first.settle(DONE);
    await first.settle({ payload: '2' });
    await first.abandon();
    expect(await (await repeat(lastOf(world), ada('1'))).reply).toEqual(DONE);
  }),

  check('O3', 'makes the next claim the first after abandon', async (world) => {
    const first = await begin(world.nodes[0], ada('1'));
    await first.abandon();
    const second = await begin(lastOf(world), ada('1'));
    // Too late: the operation is another's.
    await first.settle({ payload: '"late"' });
    await first.abandon();
    const waiting = await repeat(world.nodes[0], ada('1'));
    expect(await now(waiting.reply)).toBe('open');
    await second.settle(DONE);
    expect(await waiting.reply).toEqual(DONE);
  }),

  check('O3', 'gives those that waited undefined after abandon', async (world) => {
    const first = await begin(world.nodes[0], ada('1'));
    const waiting = await Promise.all(world.nodes.map((store) => repeat(store, ada('1'))));
    await first.abandon();
    for (const { reply } of waiting) expect(await now(reply)).toBeUndefined();
  }),

  check('O4', 'takes the same id of another client for another operation', async (world) => {
    const operations = [
      ['ada', '7'],
      ['ada', '8'],
      ['bob', '7'],
      ['ada7', ''],
      ['', 'ada7'],
      ['ada:7', '1'],
      ['ada', '7:1'],
      ['__proto__', '7'],
      ['ada', '__proto__'],
      ['constructor', 'toString'],
    ] as const;
    for (const [client, id] of operations) {
      const payload = JSON.stringify([client, id]);
      await (await begin(world.nodes[0], { client, id })).settle({ payload });
    }
    for (const [client, id] of operations) {
      const { reply } = await repeat(lastOf(world), { client, id });
      expect(await reply).toEqual({ payload: JSON.stringify([client, id]) });
    }
  }),

  check('O4', 'does not let one client’s operations push out another’s', async (world) => {
    await (await begin(world.nodes[0], ada('1'))).settle(DONE);
    for (let n = 0; n < world.perClient * 2; n += 1) {
      await (await begin(world.nodes[0], { client: 'bob', id: String(n) })).settle({});
    }
    expect(await (await repeat(lastOf(world), ada('1'))).reply).toEqual(DONE);
  }),

  check('O5', 'remembers an operation for a time after its end, and no longer', async (world) => {
    const first = await begin(world.nodes[0], ada('1'));
    await world.advance(world.leaseMs / 2);
    await first.settle(DONE);
    await world.advance(world.windowMs * 0.9);
    expect(await (await repeat(lastOf(world), ada('1'))).reply).toEqual(DONE);
    await world.advance(world.windowMs * 0.2);
    await begin(lastOf(world), ada('1'));
  }),

  check('O5', 'remembers a number of operations a client, the latest ones', async (world) => {
    const { nodes, perClient } = world;
    const many = async (from: number, count: number): Promise<void> => {
      for (let n = from; n < from + count; n += 1) {
        await (await begin(nodes[0], ada(`n${String(n)}`))).settle({ payload: String(n) });
      }
    };
    await many(0, perClient);
    expect(await (await repeat(lastOf(world), ada('n0'))).reply).toEqual({ payload: '0' });
    await many(perClient, perClient);
    await begin(lastOf(world), ada('n0'));
  }),

  check('O6', 'lets whoever waits go when it is closed, and nobody in again', async (world) => {
    const store = lastOf(world);
    await begin(world.nodes[0], ada('1'));
    const waiting = await Promise.all([repeat(store, ada('1')), repeat(store, ada('1'))]);
    await store.close();
    for (const { reply } of waiting) expect(await now(reply)).toBeUndefined();
    await expect(store.claim(ada('2'))).rejects.toMatchObject({ code: 'unavailable' });
    await store.close();
  }),

  check('O6', 'does not disturb other nodes by closing', async (world) => {
    const [one, other] = world.nodes;
    if (other === undefined) return;
    const first = await begin(one, ada('1'));
    const waiting = await repeat(one, ada('1'));
    await other.close();
    expect(await now(waiting.reply)).toBe('open');
    await first.settle(DONE);
    expect(await waiting.reply).toEqual(DONE);
  }),

  check('O7', 'remembers of a reply that is too large that it was given', async (world) => {
    const first = await begin(world.nodes[0], ada('1'));
    await first.settle({ payload: JSON.stringify('x'.repeat(world.maxReplyBytes)) });
    for (const store of world.nodes) {
      expect(await (await repeat(store, ada('1'))).reply).toEqual({ isOmitted: true });
    }
  }),

  check('O7', 'counts bytes, not characters', async (world) => {
    const first = await begin(world.nodes[0], ada('1'));
    await first.settle({ payload: JSON.stringify('ü'.repeat(world.maxReplyBytes / 2)) });
    expect(await (await repeat(lastOf(world), ada('1'))).reply).toEqual({ isOmitted: true });
  }),

  check('O7', 'keeps the largest reply that it may', async (world) => {
    const reply = { payload: JSON.stringify('x'.repeat(world.maxReplyBytes - 2)) };
    await (await begin(world.nodes[0], ada('1'))).settle(reply);
    expect(await (await repeat(lastOf(world), ada('1'))).reply).toEqual(reply);
  }),

  check('O8', 'lets whoever waits go when the lease is over', async (world) => {
    await begin(world.nodes[0], ada('1'));
    await world.advance(world.leaseMs * 0.5);
    const waiting = await Promise.all(world.nodes.map((store) => repeat(store, ada('1'))));
    await world.advance(world.leaseMs * 0.4);
    for (const { reply } of waiting) expect(await now(reply)).toBe('open');
    await world.advance(world.leaseMs * 0.2);
    for (const { reply } of waiting) expect(await now(reply)).toBeUndefined();
  }),

  check(
    'O8',
    'still knows the operation after the lease, and a late reply counts',
    async (world) => {
      const first = await begin(world.nodes[0], ada('1'));
      await world.advance(world.leaseMs * 1.1);
      for (const store of world.nodes) {
        expect(await now((await repeat(store, ada('1'))).reply)).toBeUndefined();
      }
      await first.settle(DONE);
      for (const store of world.nodes) {
        expect(await (await repeat(store, ada('1'))).reply).toEqual(DONE);
      }
    },
  ),
];
