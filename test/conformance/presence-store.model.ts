/** S1 to S9 together, against a model, for any sequence of calls on any number of nodes. */
import { expect } from '@jest/globals';
import fc from 'fast-check';

import type { PresenceScope, PresenceSnapshot, PresenceStore } from '../../lib/core/index.js';
import {
  ALL,
  applied,
  names,
  startPresence,
  type PresenceWorld,
  type StartedPresence,
} from './presence-store.world.js';
import type { Check } from './suite.js';

const ROOMS = ['room', '__proto__'];
const USERS = ['ada', '__proto__', 'constructor'];

interface Change {
  readonly kind: 'put' | 'remove';
  readonly node: number;
  readonly room: string;
  readonly userId: string;
  readonly device: number;
  readonly connection: number;
  readonly info: number;
  readonly scope: PresenceScope;
}

type Step =
  | Change
  | { readonly kind: 'watch' | 'unwatch'; readonly node: number; readonly room: string }
  | { readonly kind: 'advance' };

const node = fc.nat({ max: 2 });
const room = fc.constantFrom(...ROOMS);

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        kind: fc.constantFrom('put' as const, 'put' as const, 'remove' as const),
        node,
        room,
        userId: fc.constantFrom(...USERS),
        device: fc.nat({ max: 1 }),
        connection: fc.nat({ max: 2 }),
        info: fc.nat({ max: 1 }),
        scope: fc.constantFrom<PresenceScope>('connection', 'client'),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constantFrom('watch' as const, 'unwatch' as const),
        node,
        room,
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('advance' as const) }) },
  ),
  { maxLength: 60 },
);

interface Held {
  readonly userId: string;
  readonly client: string;
  readonly connectionId: string;
  readonly info: number;
}

/** What a room has to be like: its records in the order in which they were first put. */
class RoomModel {
  #records: Held[] = [];
  readonly users: string[] = [];

  put(held: Held): void {
    const index = this.#records.findIndex(({ connectionId }) => connectionId === held.connectionId);
    if (index === -1) this.#records.push(held);
    else this.#records[index] = held;
    if (!this.users.includes(held.userId)) this.users.push(held.userId);
  }

  remove({ userId, client, connectionId }: Held, scope: PresenceScope): void {
    const index = this.#records.findIndex((held) => held.connectionId === connectionId);
    if (index === -1) return;
    this.#records = this.#records.filter((held, at) => {
      const isOlder = at < index && held.client === client;
      return at !== index && !(scope === 'client' && isOlder);
    });
    if (this.#records.some((held) => held.userId === userId)) return;
    this.users.splice(this.users.indexOf(userId), 1);
  }

  get names(): string[] {
    return this.users.map((userId) => {
      const shown = new Map<string, string>();
      for (const held of this.#records) {
        if (held.userId === userId) shown.set(held.client, held.connectionId);
      }
      return `${userId}[${[...shown.values()].join(',')}]`;
    });
  }
}

class Replay {
  readonly #models = new Map(ROOMS.map((name) => [name, new RoomModel()]));
  /** By node and room: where a watch began, and how many changes had been heard before. */
  readonly #watches = new Map<string, { snapshot: PresenceSnapshot; heard: number }>();

  constructor(
    private readonly world: PresenceWorld,
    private readonly nodes: readonly [StartedPresence, ...StartedPresence[]],
  ) {}

  async run(sequence: readonly Step[]): Promise<void> {
    for (const step of sequence) {
      await this.#step(step);
      await this.#compare();
    }
    await this.world.settle();
    for (const [n, { store, ear }] of this.nodes.entries()) {
      for (const name of ROOMS) {
        const watch = this.#watches.get(`${String(n)} ${name}`);
        if (watch === undefined) continue;
        const now = await store.read(name, ALL);
        const told = applied(watch.snapshot, ear.of(name).slice(watch.heard));
        const sorted = (list: readonly object[]): string[] =>
          list.map((member) => JSON.stringify(member)).toSorted();
        expect(sorted(told)).toEqual(sorted(now.members));
      }
    }
  }

  async #step(step: Step): Promise<void> {
    if (step.kind === 'advance') {
      await this.world.advance(this.world.leaseMs / 2);
      return;
    }
    const n = step.node % this.nodes.length;
    const { store, ear } = this.nodes[n] ?? this.nodes[0];
    const key = `${String(n)} ${step.room}`;
    if (step.kind === 'watch') {
      await this.world.settle();
      const heard = ear.of(step.room).length;
      this.#watches.set(key, { snapshot: await store.watch(step.room, ALL), heard });
    } else if ('userId' in step) {
      await this.#change(step, store);
    } else {
      this.#watches.delete(key);
      await store.unwatch(step.room);
    }
  }

  async #change(step: Change, store: PresenceStore): Promise<void> {
    const { userId, device, connection, info } = step;
    const client = `${userId}:${String(device)}`;
    const record = { userId, client, connectionId: `${client}:${String(connection)}`, info };
    const model = this.#models.get(step.room);
    if (step.kind === 'put') {
      model?.put(record);
      await store.put(step.room, record);
    } else {
      model?.remove(record, step.scope);
      await store.remove(step.room, record, step.scope);
    }
  }

  async #compare(): Promise<void> {
    for (const [name, model] of this.#models) {
      const { total, members } = await this.nodes[0].store.read(name, ALL);
      expect([total, names(members)]).toEqual([model.users.length, model.names]);
    }
  }
}

/** S1 to S9 together. */
export const presenceModelChecks: readonly Check<PresenceWorld>[] = [
  {
    clause: 'S1',
    behaviour: 'holds with S2 to S9 for any sequence of calls, against a model',
    run: async (make) => {
      await fc.assert(
        fc.asyncProperty(steps, async (sequence) => {
          const world = await make();
          try {
            await new Replay(world, await startPresence(world)).run(sequence);
          } finally {
            await world.dispose();
          }
        }),
        { numRuns: 100 },
      );
    },
  },
];
