/**
 * The contract of `Broker` (lib/core/ports.ts), to be run over every implementation. Checks are data,
 * so that they can be run over faulty brokers as well: see broker.meta.spec.ts.
 */
import { expect } from '@jest/globals';
import fc from 'fast-check';

import type {
  Broker,
  BrokerListener,
  ControlCommand,
  NodeAnswer,
  NodeQuestion,
  StoredPublication,
} from '../../lib/core/index.js';
import { publication } from '../support/fakes.js';
import { check, type Check } from './suite.js';

/** Brokers on one store, as the nodes of one deployment have them. */
export interface BrokerWorld {
  /** One for each node, not started yet. At least one; a broker of one node has one. */
  readonly nodes: readonly Broker[];
  /** Makes the store forget a room's position, by whatever makes it do so in production. */
  forget(room: string): Promise<void>;
  /** Waits until everything that was published is where it has to be. */
  settle(): Promise<void>;
  dispose(): Promise<void> | void;
}

/** What reached one node. */
class Ear implements BrokerListener {
  readonly heard: { room: string; message: StoredPublication }[] = [];
  readonly commands: ControlCommand[] = [];

  message(room: string, message: StoredPublication): void {
    this.heard.push({ room, message });
  }

  command(command: ControlCommand): void {
    this.commands.push(command);
  }

  answer({ userId }: NodeQuestion): NodeAnswer {
    return [{ id: userId, user: { id: userId }, since: 0 }];
  }

  ids(room: string): string[] {
    return this.of(room).map(({ id }) => id);
  }

  offsets(room: string): number[] {
    return this.of(room).map(({ position }) => position.offset);
  }

  of(room: string): StoredPublication[] {
    return this.heard.filter((entry) => entry.room === room).map(({ message }) => message);
  }
}

interface Started {
  readonly broker: Broker;
  readonly ear: Ear;
}

async function start({ nodes }: BrokerWorld): Promise<[Started, ...Started[]]> {
  const started = await Promise.all(
    nodes.map(async (broker) => {
      const ear = new Ear();
      await broker.start(ear);
      return { broker, ear };
    }),
  );
  const [first, ...others] = started;
  if (first === undefined) throw new Error('expected a world of at least one node');
  return [first, ...others];
}

/** The nodes one after the other, again and again. */
function inTurn(nodes: readonly [Started, ...Started[]], n: number): Started {
  return nodes[n % nodes.length] ?? nodes[0];
}

/** Whole numbers from 1 up to a number. */
function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

const DANGEROUS = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'a/b', 'a', 'a:b'];

export const brokerChecks: readonly Check<BrokerWorld>[] = [
  check('B1', 'gives the offset after the top, beginning with 1', async (world) => {
    const [{ broker }] = await start(world);
    const receipts = [];
    for (const n of upTo(5))
      receipts.push(await broker.publish('room', publication(`m${String(n)}`)));
    expect(receipts.map(({ position }) => position.offset)).toEqual([1, 2, 3, 4, 5]);
    expect(new Set(receipts.map(({ position }) => position.epoch)).size).toBe(1);
    expect(await broker.top('room')).toEqual(receipts.at(-1)?.position);
  }),

  check('B1', 'never gives a position twice, however many publish at once', async (world) => {
    const nodes = await start(world);
    const published = await Promise.all(
      upTo(60).map((n) => inTurn(nodes, n).broker.publish('room', publication(`m${String(n)}`))),
    );
    const offsets = published.map(({ position }) => position.offset);
    expect(offsets.sort((a, b) => a - b)).toEqual(upTo(60));
  }),

  check(
    'B2',
    'brings every subscribed node each message once, in the order of offsets',
    async (world) => {
      const nodes = await start(world);
      await Promise.all(nodes.map(({ broker }) => broker.subscribe('room')));
      await Promise.all(
        upTo(50).map((n) => inTurn(nodes, n).broker.publish('room', publication(`m${String(n)}`))),
      );
      await world.settle();
      for (const { ear } of nodes) expect(ear.offsets('room')).toEqual(upTo(50));
    },
  ),

  check('B2', 'passes on everything a message has', async (world) => {
    const [{ broker, ear }] = await start(world);
    await broker.subscribe('room');
    const message = publication('m1', { payload: '{"n":1.0}', except: ['c1'], timestamp: 12 });
    const { position } = await broker.publish('room', message);
    const bare = { id: 'm2', event: 'said', timestamp: 1 };
    const second = await broker.publish('room', bare);
    await world.settle();
    expect(ear.of('room')).toEqual([
      { ...message, position },
      { ...bare, position: second.position },
    ]);
  }),

  check(
    'B2',
    'keeps the order when the listener itself publishes while it hears',
    async (world) => {
      const [broker] = world.nodes;
      const begun: number[] = [];
      const ended: number[] = [];
      const second: Promise<unknown>[] = [];
      await broker?.start({
        message: (room, { position }) => {
          begun.push(position.offset);
          if (position.offset === 1) {
            second.push(broker.publish(room, publication('m2')));
          }
          ended.push(position.offset);
        },
        command: () => undefined,
        answer: () => [],
      });
      await broker?.subscribe('room');
      await broker?.publish('room', publication('m1'));
      await Promise.all(second);
      await world.settle();
      expect({ begun, ended }).toEqual({ begun: [1, 2], ended: [1, 2] });
    },
  ),

  check('B3', 'keeps the order of one node’s publishes', async (world) => {
    const [{ broker, ear }] = await start(world);
    await broker.subscribe('room');
    const ids = upTo(50).map((n) => `m${String(n)}`);
    // Not awaited one by one: the order of the calls is what counts.
    await Promise.all(ids.map((id) => broker.publish('room', publication(id))));
    await world.settle();
    expect(ear.ids('room')).toEqual(ids);
  }),

  check('B4', 'subscribes at a position after which every message arrives', async (world) => {
    const [{ broker, ear }] = await start(world);
    const before = upTo(3).map((n) => broker.publish('room', publication(`b${String(n)}`)));
    const subscribed = broker.subscribe('room');
    const after = upTo(3).map((n) => broker.publish('room', publication(`a${String(n)}`)));
    const top = await subscribed;
    await Promise.all([...before, ...after]);
    await world.settle();
    const due = upTo(6).filter((offset) => offset > top.offset);
    expect(ear.offsets('room').filter((offset) => offset > top.offset)).toEqual(due);
    expect(ear.of('room').every(({ position }) => position.epoch === top.epoch)).toBe(true);
  }),

  check(
    'B4',
    'answers a second subscribe with the present top, and doubles nothing',
    async (world) => {
      const [{ broker, ear }] = await start(world);
      await broker.subscribe('room');
      await broker.publish('room', publication('m1'));
      expect((await broker.subscribe('room')).offset).toBe(1);
      await broker.publish('room', publication('m2'));
      await world.settle();
      expect(ear.ids('room')).toEqual(['m1', 'm2']);
    },
  ),

  check('B5', 'delivers nothing after unsubscribe has resolved', async (world) => {
    const [{ broker, ear }] = await start(world);
    await broker.subscribe('room');
    await broker.publish('room', publication('m1'));
    await world.settle();
    await broker.unsubscribe('room');
    await broker.publish('room', publication('m2'));
    await world.settle();
    expect(ear.ids('room')).toEqual(['m1']);
  }),

  check('B5', 'takes subscribe and unsubscribe in the order of their calls', async (world) => {
    const [{ broker, ear }] = await start(world);
    await Promise.all([
      broker.subscribe('in'),
      broker.unsubscribe('in'),
      broker.subscribe('in'),
      broker.subscribe('out'),
      broker.unsubscribe('out'),
    ]);
    await broker.publish('in', publication('m1'));
    await broker.publish('out', publication('m2'));
    await world.settle();
    expect(ear.heard.map(({ message }) => message.id)).toEqual(['m1']);
  }),

  check('B5', 'lets go of a room that was never subscribed without a word', async (world) => {
    const [{ broker }] = await start(world);
    await expect(broker.unsubscribe('room')).resolves.toBeUndefined();
  }),

  check('B6', 'starts a new epoch for a room whose position was forgotten', async (world) => {
    const [{ broker }] = await start(world);
    const before = await broker.publish('room', publication('m1'));
    await world.forget('room');
    const after = await broker.publish('room', publication('m2'));
    expect(after.position.offset).toBe(1);
    expect(after.position.epoch).not.toBe(before.position.epoch);
  }),

  check('B6', 'keeps the epoch while a node is subscribed', async (world) => {
    const [{ broker }] = await start(world);
    await broker.subscribe('room');
    const before = await broker.publish('room', publication('m1'));
    const after = await broker.publish('room', publication('m2'));
    expect(after.position).toEqual({ epoch: before.position.epoch, offset: 2 });
  }),

  check('B7', 'tells offset 0 of the epoch that the first message has', async (world) => {
    const [{ broker }] = await start(world);
    const top = await broker.top('room');
    expect(top.offset).toBe(0);
    expect(await broker.subscribe('room')).toEqual(top);
    const { position } = await broker.publish('room', publication('m1'));
    expect(position).toEqual({ epoch: top.epoch, offset: 1 });
  }),

  check('B8', 'brings a command to every node once, the caller’s own included', async (world) => {
    const nodes = await start(world);
    const command: ControlCommand = {
      kind: 'disconnect',
      target: { userId: 'ada' },
      code: 4300,
      reason: 'enough',
    };
    await nodes[0].broker.command(command);
    await world.settle();
    for (const { ear } of nodes) expect(ear.commands).toEqual([command]);
  }),

  check('B9', 'keeps rooms apart, whatever their names', async (world) => {
    const [{ broker, ear }] = await start(world);
    for (const room of DANGEROUS) {
      expect(await broker.subscribe(room)).toMatchObject({ offset: 0 });
      await broker.publish(room, publication(`in ${room}`));
    }
    await world.settle();
    for (const room of DANGEROUS) {
      expect(ear.ids(room)).toEqual([`in ${room}`]);
      expect((await broker.top(room)).offset).toBe(1);
    }
    expect(ear.heard).toHaveLength(DANGEROUS.length);
  }),

  check('B9', 'delivers to the rooms that are subscribed and to no others', async (world) => {
    const [{ broker, ear }] = await start(world);
    await broker.subscribe('a');
    await broker.publish('a/b', publication('m1'));
    await broker.publish('A', publication('m2'));
    await broker.publish('a', publication('m3'));
    await world.settle();
    expect(ear.heard.map(({ room, message }) => [room, message.id])).toEqual([['a', 'm3']]);
  }),

  check('B10', 'brings an answer of every node, the caller’s own included', async (world) => {
    const nodes = await start(world);
    const answers = await nodes[0].broker.ask({ kind: 'sessions', userId: 'ada' });
    expect(answers).toEqual(nodes.map(() => [{ id: 'ada', user: { id: 'ada' }, since: 0 }]));
  }),

  check('B11', 'calls nobody after close has resolved, and refuses to publish', async (world) => {
    const [{ broker, ear }] = await start(world);
    await broker.subscribe('room');
    await broker.close();
    await expect(broker.publish('room', publication('m1'))).rejects.toMatchObject({
      code: 'unavailable',
    });
    await world.settle();
    expect(ear.heard).toEqual([]);
  }),

  {
    clause: 'B1',
    behaviour: 'holds with B2 to B9 for any sequence of calls, against a model',
    run: async (make) => {
      await fc.assert(
        fc.asyncProperty(steps, async (sequence) => {
          const world = await make();
          try {
            await replay(world, sequence);
          } finally {
            await world.dispose();
          }
        }),
        { numRuns: 40 },
      );
    },
  },
];

type Step = readonly ['publish' | 'subscribe' | 'unsubscribe' | 'top', string];

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.tuple(
    fc.constantFrom('publish', 'publish', 'subscribe', 'unsubscribe', 'top'),
    fc.constantFrom('a', 'b', '__proto__'),
  ),
  { maxLength: 30 },
);

/** Calls one after the other, and compares with what has to come of it. */
async function replay(world: BrokerWorld, sequence: readonly Step[]): Promise<void> {
  const [{ broker, ear }] = await start(world);
  const tops = new Map<string, number>();
  const subscribed = new Set<string>();
  const expected: string[] = [];
  for (const [index, [step, room]] of sequence.entries()) {
    const top = tops.get(room) ?? 0;
    if (step === 'publish') {
      const id = `m${String(index)}`;
      tops.set(room, top + 1);
      if (subscribed.has(room)) expected.push(`${room} ${String(top + 1)} ${id}`);
      const { position } = await broker.publish(room, publication(id));
      expect(position.offset).toBe(top + 1);
    } else if (step === 'unsubscribe') {
      await world.settle();
      subscribed.delete(room);
      await broker.unsubscribe(room);
    } else {
      if (step === 'subscribe') subscribed.add(room);
      expect((await broker[step](room)).offset).toBe(top);
    }
  }
  await world.settle();
  const heard = ear.heard.map(
    ({ room, message }) => `${room} ${String(message.position.offset)} ${message.id}`,
  );
  expect(heard.sort()).toEqual(expected.sort());
}
