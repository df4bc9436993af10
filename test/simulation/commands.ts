import fc from 'fast-check';

import { ROOMS, type Simulation } from './simulation.js';

/** What is known of a simulation beforehand: nothing, all of it is up to the scheduling. */
type Model = object;

/** What happens in one run. */
export type Happenings = Iterable<fc.AsyncCommand<Model, Simulation>>;

/** Something that happens to a simulation. */
class Happening implements fc.AsyncCommand<Model, Simulation> {
  constructor(
    private readonly text: string,
    private readonly happen: (simulation: Simulation) => void,
  ) {}

  check(): boolean {
    return true;
  }

  run(_: Model, simulation: Simulation): Promise<void> {
    this.happen(simulation);
    return Promise.resolve();
  }

  toString(): string {
    return this.text;
  }
}

const node = fc.nat({ max: 1 });
const client = fc.nat({ max: 1 });
const room = fc.constantFrom(...ROOMS, 'a');

const serverPublishes = fc.tuple(node, room, fc.integer({ min: 1, max: 4 })).map(
  ([at, name, times]) =>
    new Happening(`node ${String(at)} publishes ${String(times)} into ${name}`, (simulation) => {
      for (let n = 0; n < times; n += 1) simulation.publish(at, name);
    }),
);

const clientPublishes = fc.tuple(client, room, fc.integer({ min: 1, max: 2 })).map(
  ([who, name, times]) =>
    new Happening(`client ${String(who)} publishes ${String(times)} into ${name}`, (simulation) => {
      for (let n = 0; n < times; n += 1) simulation.clients[who]?.publish(name);
    }),
);

const joins = fc.tuple(client, room).map(
  ([who, name]) =>
    new Happening(`client ${String(who)} subscribes to ${name}`, (simulation) => {
      simulation.join(who, name);
    }),
);

const leaves = fc.tuple(client, room).map(
  ([who, name]) =>
    new Happening(`client ${String(who)} leaves ${name}`, (simulation) => {
      simulation.leave(who, name);
    }),
);

const hops = fc.tuple(client, room).map(
  ([who, name]) =>
    new Happening(`client ${String(who)} leaves ${name} and comes back`, (simulation) => {
      simulation.leave(who, name);
      simulation.join(who, name);
    }),
);

const cuts = client.map(
  (who) =>
    new Happening(`the link of client ${String(who)} breaks`, (simulation) => {
      simulation.clients[who]?.cut();
    }),
);

const pass = (ms: number): Happening =>
  new Happening(`${String(ms)} ms pass`, (simulation) => {
    simulation.clock.advance(ms);
  });

const passes = fc.constantFrom(1, 20, 100, 500).map(pass);

/** Longer than anything is kept. */
const longPasses = fc.constant(pass(70_000));

const loses = node.map(
  (at) =>
    new Happening(`node ${String(at)} does not hear a message`, (simulation) => {
      simulation.ways[at]?.loseDelivery();
    }),
);

const flushes = fc.constant(
  new Happening('the store loses everything', (simulation) => {
    simulation.loseStore();
  }),
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
