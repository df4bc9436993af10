import fc from 'fast-check';

import { ROOMS, type Simulation } from './simulation.js';

/** What is known of a simulation beforehand: nothing, all of it is up to the scheduling. */
type Model = object;

/** A simulation, and the hand that lets things arrive in it. */
export interface Stage {
  readonly simulation: Simulation;
  /** Lets that many things happen of those that may happen now, in an order of fast-check's choice. */
  proceed(count: number): Promise<void>;
}

/** What happens in one run. */
export type Happenings = Iterable<fc.AsyncCommand<Model, Stage>>;

/** Something that happens to a simulation, and how much arrives before the next thing happens. */
class Happening implements fc.AsyncCommand<Model, Stage> {
  constructor(
    private readonly text: string,
    private readonly arrivals: number,
    private readonly happen: (simulation: Simulation) => void,
  ) {}

  check(): boolean {
    return true;
  }

  run(_: Model, { simulation, proceed }: Stage): Promise<void> {
    this.happen(simulation);
    return proceed(this.arrivals);
  }

  toString(): string {
    return `${this.text}, ${String(this.arrivals)} arrive`;
  }
}

/** Most things that arrive between two commands. */
const MAX_ARRIVALS = 12;

/** A happening of some arguments. */
function happening<T>(
  of: fc.Arbitrary<T>,
  text: (arguments_: T) => string,
  happen: (simulation: Simulation, arguments_: T) => void,
): fc.Arbitrary<Happening> {
  return fc.tuple(of, fc.nat({ max: MAX_ARRIVALS })).map(
    ([value, arrivals]) =>
      new Happening(text(value), arrivals, (simulation) => {
        happen(simulation, value);
      }),
  );
}

const node = fc.nat({ max: 1 });
const client = fc.nat({ max: 1 });
const room = fc.constantFrom(...ROOMS, 'a');
const clientAndRoom = fc.tuple(client, room);

const serverPublishes = happening(
  fc.tuple(node, room, fc.integer({ min: 1, max: 4 })),
  ([at, name, times]) => `node ${String(at)} publishes ${String(times)} into ${name}`,
  (simulation, [at, name, times]) => {
    for (let n = 0; n < times; n += 1) simulation.publish(at, name);
  },
);

const clientPublishes = happening(
  fc.tuple(client, room, fc.integer({ min: 1, max: 2 })),
  ([who, name, times]) => `client ${String(who)} publishes ${String(times)} into ${name}`,
  (simulation, [who, name, times]) => {
    for (let n = 0; n < times; n += 1) simulation.clients[who]?.publish(name);
  },
);

const asks = happening(
  fc.tuple(client, fc.constantFrom('repeatable', 'once')),
  ([who, question]) => `client ${String(who)} asks for ${question}`,
  ({ clients, requests }, [who, question]) => {
    const { sdk } = clients[who] ?? {};
    if (sdk !== undefined) requests.ask(sdk, question);
  },
);

const joins = happening(
  clientAndRoom,
  ([who, name]) => `client ${String(who)} subscribes to ${name}`,
  (simulation, [who, name]) => {
    simulation.join(who, name);
  },
);

const leaves = happening(
  clientAndRoom,
  ([who, name]) => `client ${String(who)} leaves ${name}`,
  (simulation, [who, name]) => {
    simulation.leave(who, name);
  },
);

const hops = happening(
  clientAndRoom,
  ([who, name]) => `client ${String(who)} leaves ${name} and comes back`,
  (simulation, [who, name]) => {
    simulation.leave(who, name);
    simulation.join(who, name);
  },
);

const cuts = happening(
  client,
  (who) => `the link of client ${String(who)} breaks`,
  (simulation, who) => {
    simulation.clients[who]?.cut();
  },
);

const passing = (...times: number[]): fc.Arbitrary<Happening> =>
  happening(
    fc.constantFrom(...times),
    (ms) => `${String(ms)} ms pass`,
    (simulation, ms) => {
      simulation.clock.advance(ms);
    },
  );

const passes = passing(1, 20, 100, 500);

/** Longer than anything is kept. */
const longPasses = passing(70_000);

const loses = happening(
  node,
  (at) => `node ${String(at)} does not hear a message`,
  (simulation, at) => {
    simulation.ways[at]?.loseDelivery();
  },
);

const flushes = happening(
  fc.constant(undefined),
  () => 'the store loses everything',
  (simulation) => {
    simulation.loseStore();
  },
);

const departs = happening(
  node,
  (at) => `node ${String(at)} asks its clients to go elsewhere`,
  (simulation, at) => {
    simulation.empty(at);
  },
);

const always = [serverPublishes, serverPublishes, joins, joins, leaves, hops, cuts, cuts, passes];

const density = { maxCommands: 20, size: 'max' } as const;

/** Nothing is ever lost but links and what was on its way over them. */
export const withCuts = fc.commands([...always, clientPublishes], density);

/** Clients publish and repeat what was not answered; messages are dropped, forgotten, not heard. */
export const withRepeats = fc.commands(
  [...always, clientPublishes, clientPublishes, longPasses, loses],
  density,
);

/** The store loses everything now and then, what it knew of repeats included: only nodes publish. */
export const withLosses = fc.commands([...always, longPasses, flushes, loses], density);

/** Nothing breaks: clients are asked to go elsewhere, and make the new connection before they leave the old. */
export const withDepartures = fc.commands(
  [
    serverPublishes,
    serverPublishes,
    clientPublishes,
    asks,
    asks,
    joins,
    joins,
    leaves,
    hops,
    departs,
    departs,
    passes,
  ],
  density,
);
