/** What is remembered of the operations of clients: in blocks, and so that it takes no more room than it may. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Redis } from 'ioredis';

import type { Broker, Operation, PublishReceipt } from '../../lib/core/index.js';
import type { RedisKeys } from '../../lib/redis/index.js';
import { blockOf } from '../../lib/redis/operation-blocks.js';
import { Ear, KEPT, put, putOnce, putVolatile, read, upTo } from '../conformance/broker.world.js';
import { startRedis, type RedisServer } from '../support/redis-server.js';
import { age, closeNodes, freshKeys, makeNode, type RedisNode } from '../support/redis-world.js';

const ROOM = 'chat/general';
const WINDOW_MS = 120_000;

/** Operations of a client that are remembered. */
const PER_CLIENT = 5;

/** Publishes that one call of the script makes. */
const MOST_TOGETHER = 128;

let server: RedisServer;
let client: Redis;
let keys: RedisKeys;
let nodes: RedisNode[] = [];

beforeAll(async () => {
  server = await startRedis();
  client = server.client();
});

beforeEach(() => {
  keys = freshKeys();
});

afterEach(async () => {
  await closeNodes(nodes);
  nodes = [];
});

afterAll(() => server.stop());

async function startNode(perClient: number): Promise<RedisNode & { ear: Ear }> {
  const options = { host: server.host, port: server.port };
  const operations = { windowMs: WINDOW_MS, perClient };
  const node = makeNode({ options }, keys, { operations });
  nodes.push(node);
  const ear = new Ear();
  await node.broker.start(ear);
  return { ...node, ear };
}

/** Has each publish sent twice, as it is where the connection is lost before the answer. */
function sendTwice({ link }: RedisNode): void {
  const { commands } = link;
  const call = commands.call.bind(commands) as (name: string, args: string[]) => Promise<unknown>;
  commands.call = (async (name: string, args: string[]) => {
    await call(name, args);
    return call(name, args);
  }) as typeof commands.call;
}

function hashesOf(name: string): [string, string] {
  return keys.operations(keys.room(ROOM), { client: name });
}

/** What is kept of a client, by the names of the fields. */
async function kept(name: string): Promise<Record<string, string>[]> {
  return Promise.all(hashesOf(name).map((hash) => client.hgetall(hash)));
}

/** Operations of a client that are kept. */
async function countKept(name: string): Promise<number> {
  const texts = (await kept(name)).flatMap((hash) => Object.values(hash));
  return texts.join('').split('\u001e').length - 1;
}

describe('blocks of operations', () => {
  const id = fc.oneof(
    fc.stringMatching(/^[a0 ]{0,2}[0-9]{0,3}$/),
    fc.string({ unit: fc.constantFrom(...'019 a:-') }),
    fc.integer({ min: 0 }).map(String),
  );

  it('have each name in one place of its own', () => {
    fc.assert(
      fc.property(id, id, (a, b) => {
        const [ofA, ofB] = [blockOf(a), blockOf(b)];
        const isSame = ofA.block === ofB.block && ofA.member === ofB.member;
        expect(isSame).toBe(a === b);
        expect(ofA.block).toContain(' ');
      }),
      { numRuns: 2_000 },
    );
  });

  it('have names together whose numbers are near each other', () => {
    const places = upTo(64).map((n) => blockOf(`chat/general ${String(n + 999)}`));
    expect(new Set(places.map(({ block }) => block)).size).toBeLessThanOrEqual(5);
  });

  it.each(['1234567890123456', '99999999999999999999', '9007199254740993', '0', '00', '007'])(
    'tell %s from its neighbours',
    (name) => {
      const others = [`${name}0`, `0${name}`, name.slice(1), `${name.slice(0, -1)}4`];
      const all = [name, ...others].map((each) => JSON.stringify(blockOf(each)));
      expect(new Set(all).size).toBe(new Set([name, ...others]).size);
    },
  );
});

/** A publish of a batch: of an operation, or of none. */
interface Step {
  readonly operation: Operation | undefined;
  readonly isVolatile: boolean;
}

/** Name and offset of a message. */
type Seen = readonly [id: string, offset: number | undefined];

function publish(
  broker: Broker,
  { operation, isVolatile }: Step,
  name: string,
): Promise<PublishReceipt> {
  if (operation !== undefined) {
    return putOnce(broker, ROOM, name, operation, isVolatile ? 'volatile' : KEPT);
  }
  return isVolatile ? putVolatile(broker, ROOM, name) : put(broker, ROOM, name);
}

const step: fc.Arbitrary<Step> = fc.record({
  operation: fc.option(
    fc.record({
      client: fc.constantFrom('ada', 'bob'),
      id: fc.constantFrom('1', '2', '3', '15', '16', '17', '01', 'a', 'a1', 'state', ''),
    }),
    { nil: undefined },
  ),
  isVolatile: fc.boolean(),
});

describe('publishes that come together', () => {
  const batches = fc.array(fc.array(step, { minLength: 1, maxLength: 12 }), { maxLength: 6 });

  it.each([
    ['once', () => undefined],
    ['again, because the answers were lost', sendTwice],
  ])('take effect once each, where they are sent %s', async (_, prepare) => {
    await fc.assert(
      fc.asyncProperty(batches, async (sequence) => {
        keys = freshKeys();
        const node = await startNode(1_000);
        prepare(node);
        await node.broker.subscribe(ROOM);
        const first = new Map<string, Seen>();
        const due: Seen[] = [];
        for (const [batch, steps] of sequence.entries()) {
          const nameOf = (index: number): string => `m"${String(batch)}-${String(index)}`;
          const receipts = await Promise.all(
            steps.map((each, index) => publish(node.broker, each, nameOf(index))),
          );
          const expected = steps.map(({ operation, isVolatile }, index) => {
            const key = JSON.stringify(operation ?? [batch, index]);
            const known = first.get(key);
            if (known !== undefined) return known;
            const offset = isVolatile ? undefined : due.length + 1;
            const seen: Seen = [nameOf(index), offset];
            if (!isVolatile) due.push(seen);
            first.set(key, seen);
            return seen;
          });
          expect(receipts.map(({ id, position }) => [id, position?.offset])).toEqual(expected);
        }
        const { messages } = await read(node.broker, ROOM);
        expect(messages.map(({ id, position }) => [id, position.offset])).toEqual(due);
      }),
      { numRuns: 25 },
    );
  });

  it('are remembered as many as each client may have, however many come at once', async () => {
    const { broker } = await startNode(PER_CLIENT);
    const once = (n: number) =>
      putOnce(broker, ROOM, `m${String(n)}`, { client: 'ada', id: String(n) });
    for (const size of [4, 1, 10, 11, 1, 5, 20, 3, 3, 1, 6]) {
      const start = (await broker.top(ROOM)).offset;
      const ids = upTo(size).map((n) => start + n);
      await Promise.all(ids.map(once));
      const latest = upTo(start + size).slice(-PER_CLIENT);
      const again = await Promise.all(latest.map(once));
      expect(again.map(({ position }) => position?.offset)).toEqual(latest);
    }
  });

  it('take no more room than twice as many, and what comes at once', async () => {
    const { broker } = await startNode(PER_CLIENT);
    for (let n = 0; n < 1_000; n += 1) {
      const operation = { client: 'ada', id: n % 2 === 0 ? String(n) : `x${String(n)}y` };
      const published = putOnce(broker, ROOM, 'm', operation);
      if (n % 7 === 0) await published;
    }
    expect(await countKept('ada')).toBeLessThanOrEqual(2 * (PER_CLIENT + MOST_TOGETHER));
    for (let n = 0; n < 4 * PER_CLIENT; n += 1) {
      await putOnce(broker, ROOM, 'm', { client: 'ada', id: `z${String(n)}` });
    }
    expect(await countKept('ada')).toBeLessThanOrEqual(2 * PER_CLIENT);
  });
});

describe('what is kept of a client', () => {
  const WITH_ID = { client: 'ada', id: '7' };

  it('has nothing of a name’s former use when the name is used again after the window', async () => {
    const { broker } = await startNode(1_000);
    await putOnce(broker, ROOM, 'm1', WITH_ID);
    // The hash stays, because somebody goes on to write to it.
    for (const n of upTo(4)) {
      await age([client], keys, WINDOW_MS * 0.3);
      await putOnce(broker, ROOM, `other${String(n)}`, { client: 'ada', id: `x${String(n)}` });
    }
    const repeat = await putOnce(broker, ROOM, 'm2', WITH_ID);
    expect(repeat).toMatchObject({ id: 'm2', position: { offset: 6 } });
    const [{ ' 0': block = '' } = {}] = await kept('ada');
    expect(block).toContain('"m2"');
    expect(block).not.toContain('"m1"');
  });

  it('does not outlive the window, also where one of its keys was evicted meanwhile', async () => {
    const { broker } = await startNode(PER_CLIENT);
    const [first, second] = hashesOf('ada');
    for (const n of upTo(2 * PER_CLIENT)) {
      await putOnce(broker, ROOM, 'm', { client: 'ada', id: String(n) });
    }
    for (const evicted of [second, first]) {
      await client.del(evicted);
      await putOnce(broker, ROOM, 'm', { client: 'ada', id: `after ${evicted}` });
      for (const hash of [first, second]) {
        if ((await client.exists(hash)) === 0) continue;
        expect(await client.pttl(hash)).toBeGreaterThan(0);
        expect(await client.pttl(hash)).toBeLessThanOrEqual((WINDOW_MS / 8) * 9);
      }
    }
  });

  it('stays as long as the window says from its last use on', async () => {
    const { broker } = await startNode(1_000);
    const ttl = (): Promise<number> => client.pttl(hashesOf('ada')[0]);
    await putOnce(broker, ROOM, 'm1', { client: 'ada', id: '1' });
    for (const n of upTo(8)) {
      await age([client], keys, WINDOW_MS / 10);
      await putOnce(broker, ROOM, 'm', { client: 'ada', id: `x${String(n)}` });
      expect(await ttl()).toBeGreaterThanOrEqual(WINDOW_MS - 1_000);
    }
  });
});
