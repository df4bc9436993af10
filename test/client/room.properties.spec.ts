import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Position } from '../../lib/protocol/index.js';
import { settle } from './support/fake-clock.js';
import { ModelServer } from './support/model-server.js';
import { NAME } from './support/rooms.js';
import { World } from './support/world.js';

const RUNS = 1_000;

/** One run: a client, its room, the server, and what the application has been told. */
class Run {
  readonly world = new World({ reconnect: { minDelayMs: 1, maxDelayMs: 2 } });
  readonly server: ModelServer;
  readonly room = this.world.client.room(NAME);
  /** Where the application knows itself to be. */
  #place: Position | undefined;
  readonly #seen = new Set<string>();
  #connections = 0;

  constructor(isStateful: boolean) {
    this.server = new ModelServer({ isStateful });
    if (isStateful) this.#listenToState();
    this.room.on('subscribed', ({ position }) => (this.#place ??= position));
    this.room.on('gap', ({ position }) => {
      // Where the room has a state, nothing else is told.
      expect(isStateful).toBe(false);
      this.#place = position;
    });
    this.room.on('recovered', ({ position }) => {
      expect(position).toEqual(this.#place);
    });
    this.room.on('unsubscribed', () => (this.#place = undefined));
    this.room.on('chat.message', (_payload, { position }) => {
      this.#take(position as Position);
    });
  }

  /** The client's end of the newest connection. */
  connect(): void {
    const { sockets, clock } = this.world;
    clock.advance(this.world.lastChange.delayMs ?? 0);
    if (sockets.length === this.#connections) return;
    this.#connections = sockets.length;
    this.server.accept(this.world.socket);
    this.world.socket.open();
  }

  /** The network recovers, everything arrives, and a last message is published. A link that holds need not break for that. */
  async calm(breaks: boolean): Promise<void> {
    if (breaks) this.world.sockets.at(-1)?.drop();
    for (let round = 0; round < 6; round += 1) {
      await settle();
      this.connect();
      while (this.server.handle() || this.server.deliver());
      // For what is asked with a delay.
      this.world.clock.advance(10);
      if (round >= 3 && round <= 4) this.server.publish();
    }
  }

  check(): void {
    const { epochName: epoch, top: offset } = this.server;
    expect(this.world.reported).toEqual([]);
    expect(this.#place).toEqual({ epoch, offset });
    expect(this.room).toMatchObject({ state: 'subscribed', position: { epoch, offset } });
  }

  #listenToState(): void {
    this.#place = undefined;
    this.room.on('reset', (state, { position }) => {
      expect(position).toEqual(state);
      this.#place = position;
    });
  }

  #take({ epoch, offset }: Position): void {
    const name = `${epoch} ${String(offset)}`;
    expect(this.#seen).not.toContain(name);
    this.#seen.add(name);
    expect({ epoch, offset }).toEqual({
      epoch: this.#place?.epoch,
      offset: (this.#place?.offset ?? 0) + 1,
    });
    this.#place = { epoch, offset };
  }
}

type Step = readonly [name: string, take: (run: Run) => void];

const few = fc.nat({ max: 3 });
const some = fc.integer({ min: 1, max: 12 });
const times = (count: number, step: () => unknown) => {
  for (let n = 0; n < count; n += 1) step();
};

const steps = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: some.map((n): Step => [
        `handle ${String(n)}`,
        ({ server }) => {
          times(n, () => server.handle());
        },
      ]),
    },
    {
      weight: 8,
      arbitrary: some.map((n): Step => [
        `deliver ${String(n)}`,
        ({ server }) => {
          times(n, () => server.deliver());
        },
      ]),
    },
    {
      weight: 6,
      arbitrary: few.map((n): Step => [
        `publish ${String(n)}`,
        ({ server }) => {
          times(n, () => {
            server.publish();
          });
        },
      ]),
    },
    {
      weight: 3,
      arbitrary: few.map((n): Step => [
        `drop ${String(n)}`,
        ({ server }) => {
          server.drop(n);
        },
      ]),
    },
    {
      weight: 3,
      arbitrary: few.map((n): Step => [
        `swap ${String(n)}`,
        ({ server }) => {
          server.swap(n);
        },
      ]),
    },
    {
      weight: 3,
      arbitrary: some.map((n): Step => [
        `replay ${String(n)}`,
        ({ server }) => {
          server.replay(n);
        },
      ]),
    },
    {
      weight: 2,
      arbitrary: few.map((n): Step => [
        `trim ${String(n)}`,
        ({ server }) => {
          server.trim(n);
        },
      ]),
    },
    {
      weight: 1,
      arbitrary: fc.constant<Step>([
        'gap',
        ({ server }) => {
          server.gap();
        },
      ]),
    },
    {
      weight: 1,
      arbitrary: fc.constant<Step>([
        'lose the store',
        ({ server }) => {
          server.loseStore();
        },
      ]),
    },
    {
      weight: 2,
      arbitrary: fc.constant<Step>(['break', ({ world }) => world.sockets.at(-1)?.drop()]),
    },
    {
      weight: 3,
      arbitrary: fc.constant<Step>([
        'connect',
        (run) => {
          run.connect();
        },
      ]),
    },
    {
      weight: 1,
      arbitrary: fc.constant<Step>([
        'leave and return',
        ({ room }) => {
          room.unsubscribe();
          void room.subscribe();
        },
      ]),
    },
    {
      weight: 1,
      arbitrary: fc.constant<Step>([
        'wait',
        ({ world }) => {
          world.clock.advance(10);
        },
      ]),
    },
  ),
  { maxLength: 60 },
);

describe('whatever the server and the network do to a room', () => {
  it.each([
    ['each message comes once and in order, and every hole is told before', false],
    ['the state and what follows it have no hole, and no half of either is seen', true],
  ])('%s', async (_title, isStateful) => {
    await fc.assert(
      fc.asyncProperty(steps, fc.boolean(), async (all, breaks) => {
        const run = new Run(isStateful);
        await settle();
        run.connect();
        for (const [, take] of all) {
          take(run);
          await settle();
        }
        await run.calm(breaks);
        run.check();
      }),
      { numRuns: RUNS },
    );
  });
});
