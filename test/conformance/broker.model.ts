/** Any sequence of calls, one after the other, compared with what has to come of it. See broker.suite.ts. */
import { expect } from '@jest/globals';
import fc from 'fast-check';

import type { HistoryPolicy, HistoryQuery, PublishReceipt } from '../../lib/core/index.js';
import {
  KEPT,
  put,
  putOnce,
  putVolatile,
  read,
  start,
  type BrokerWorld,
  type Started,
} from './broker.world.js';
import type { Check } from './suite.js';

/**
 * Messages are held for this long; time passes in steps of which no number makes exactly that. A store's own
 * time goes on as well, on a busy machine for a second: a message is two seconds from its end at least, and all
 * that a sequence has are less than operations are remembered for.
 */
const TTL_MS = 5_000;
const STEP_MS = 3_000;

const room = fc.constantFrom('a', 'b', '__proto__');
const size = fc.constantFrom(0, 1, 3, 100);
const query = fc.record(
  {
    direction: fc.constantFrom('forwards' as const, 'backwards' as const),
    limit: fc.integer({ min: 1, max: 4 }),
    from: fc.nat(12),
  },
  { requiredKeys: ['direction', 'limit'] },
);

type Step =
  | { readonly kind: 'publish'; readonly room: string; readonly size: number }
  | { readonly kind: 'once'; readonly room: string; readonly operation: string }
  | { readonly kind: 'volatile' | 'subscribe' | 'unsubscribe' | 'top'; readonly room: string }
  | { readonly kind: 'history'; readonly room: string; readonly query: Omit<HistoryQuery, 'bytes'> }
  | { readonly kind: 'advance' };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('publish' as const), room, size }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('once' as const),
        room: fc.constant('a'),
        operation: fc.constantFrom('1', '2', '__proto__'),
      }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('history' as const), room, query }) },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constantFrom(
          'volatile' as const,
          'subscribe' as const,
          'unsubscribe' as const,
          'top' as const,
        ),
        room,
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('advance' as const) }) },
  ),
  { maxLength: 40 },
);

/** What a room has to be like. */
class RoomModel {
  offset = 0;
  isSubscribed = false;
  /** What has to reach the node, in order. */
  readonly due: string[] = [];
  #held: { readonly id: string; readonly offset: number; readonly at: number }[] = [];

  append(id: string, policy: HistoryPolicy, now: number): void {
    this.offset += 1;
    this.#held.push({ id, offset: this.offset, at: now });
    this.#held = this.#held.slice(Math.max(0, this.#held.length - policy.size));
    if (this.isSubscribed) this.due.push(`${String(this.offset)} ${id}`);
  }

  page({ direction, from, limit }: Omit<HistoryQuery, 'bytes'>, now: number): string[] {
    this.#held = this.#held.filter(({ at }) => now - at < TTL_MS);
    const inOrder = direction === 'forwards' ? this.#held : this.#held.toReversed();
    return inOrder
      .filter(({ offset }) => {
        if (from === undefined) return true;
        return direction === 'forwards' ? offset > from : offset < from;
      })
      .slice(0, limit)
      .map(({ id, offset }) => `${String(offset)} ${id}`);
  }

  /** Offset of the oldest message that is held. */
  get oldest(): number {
    return this.#held[0]?.offset ?? this.offset + 1;
  }
}

class Replay {
  readonly #rooms = new Map<string, RoomModel>();
  readonly #receipts = new Map<string, PublishReceipt>();
  #now = 0;

  constructor(
    private readonly world: BrokerWorld,
    private readonly node: Started,
  ) {}

  async run(sequence: readonly Step[]): Promise<void> {
    for (const [index, step] of sequence.entries()) await this.#step(step, `m${String(index)}`);
    await this.world.settle();
    const { ear } = this.node;
    for (const [name, { due }] of this.#rooms) {
      const heard = ear
        .of(name)
        .map(({ id, position }) => `${String(position?.offset ?? '-')} ${id}`);
      expect(heard).toEqual(due);
    }
  }

  async #step(step: Step, id: string): Promise<void> {
    if (step.kind === 'advance') {
      this.#now += STEP_MS;
      await this.world.advance(STEP_MS);
      return;
    }
    const model = this.#rooms.get(step.room) ?? new RoomModel();
    this.#rooms.set(step.room, model);
    const { broker } = this.node;
    if (step.kind === 'publish') await this.#publish(step, model, id);
    else if (step.kind === 'once') await this.#once(step, model, id);
    else if (step.kind === 'history') await this.#read(step, model);
    else if (step.kind === 'volatile') {
      if (model.isSubscribed) model.due.push(`- ${id}`);
      expect((await putVolatile(broker, step.room, id)).position).toBeUndefined();
    } else if (step.kind === 'unsubscribe') {
      await this.world.settle();
      model.isSubscribed = false;
      await broker.unsubscribe(step.room);
    } else {
      if (step.kind === 'subscribe') model.isSubscribed = true;
      expect((await broker[step.kind](step.room)).offset).toBe(model.offset);
    }
  }

  async #publish(step: Step & { kind: 'publish' }, model: RoomModel, id: string): Promise<void> {
    const policy = { ...KEPT, ttlMs: TTL_MS, size: step.size };
    model.append(id, policy, this.#now);
    const { position } = await put(this.node.broker, step.room, id, policy);
    expect(position.offset).toBe(model.offset);
  }

  async #once(step: Step & { kind: 'once' }, model: RoomModel, id: string): Promise<void> {
    const policy = { ...KEPT, ttlMs: TTL_MS };
    const known = this.#receipts.get(step.operation);
    if (known === undefined) model.append(id, policy, this.#now);
    const operation = { client: 'ada', id: step.operation };
    const receipt = await putOnce(this.node.broker, step.room, id, operation, policy);
    expect(receipt).toEqual(known ?? { ...receipt, id });
    expect((await this.node.broker.top(step.room)).offset).toBe(model.offset);
    this.#receipts.set(step.operation, receipt);
  }

  async #read(step: Step & { kind: 'history' }, model: RoomModel): Promise<void> {
    const due = model.page(step.query, this.#now);
    const page = await read(this.node.broker, step.room, step.query);
    expect([page.top.offset, page.oldest]).toEqual([model.offset, model.oldest]);
    expect(page.messages.map(({ id, position }) => `${String(position.offset)} ${id}`)).toEqual(
      due,
    );
    for (const { position } of page.messages) expect(position.epoch).toBe(page.top.epoch);
  }
}

/** B1 to B14 together. */
export const modelChecks: readonly Check<BrokerWorld>[] = [
  {
    clause: 'B1',
    behaviour: 'holds with B2 to B14 for any sequence of calls, against a model',
    run: async (make) => {
      await fc.assert(
        fc.asyncProperty(steps, async (sequence) => {
          const world = await make();
          try {
            const [node] = await start(world);
            await new Replay(world, node).run(sequence);
          } finally {
            await world.dispose();
          }
        }),
        { numRuns: 100 },
      );
    },
  },
];
