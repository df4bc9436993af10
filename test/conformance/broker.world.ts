/** What the checks of the `Broker` contract are made of: see broker.suite.ts. */
import type {
  Broker,
  BrokerListener,
  ControlCommand,
  Delay,
  DeliveredPublication,
  HistoryPage,
  HistoryPolicy,
  HistoryQuery,
  NodeAnswer,
  NodeQuestion,
  Operation,
  Publication,
  PublishOptions,
  PublishReceipt,
} from '../../lib/core/index.js';
import type { Position } from '../../lib/protocol/index.js';
import { publication } from '../support/fakes.js';

/** Brokers on one store, as the nodes of one deployment have them. */
export interface BrokerWorld {
  /** One for each node, not started yet. At least one; a broker of one node has one. */
  readonly nodes: readonly Broker[];
  /** How long publishes are remembered that may be repeated. */
  readonly operations: { readonly windowMs: number; readonly perClient: number };
  /** Makes the store forget a room's position, by whatever makes it do so in production. */
  forget(room: string): Promise<void>;
  /** Lets the store's time pass. */
  advance(ms: number): Promise<void>;
  /** Cuts every node off from the store. Absent: they have none that could be away. */
  readonly outage?: () => Promise<Outage>;
  /** Waits until everything that was published is where it has to be. */
  settle(): Promise<void>;
  dispose(): Promise<void> | void;
}

/** A store that its nodes cannot reach. */
export interface Outage {
  /** One who can reach it puts messages into a room. */
  publish(room: string, ids: readonly string[]): Promise<void>;
  /** Lets the nodes reach it again. */
  end(): void;
}

/** What reached one node. */
export class Ear implements BrokerListener {
  readonly heard: { room: string; message: DeliveredPublication }[] = [];
  readonly commands: ControlCommand[] = [];
  #delay: Delay | undefined;
  /** Called whenever the broker says what is delayed. */
  onDelay: () => void = () => undefined;

  delayed(delay: Delay | undefined): void {
    this.#delay = delay;
    this.onDelay();
  }

  /** Whether the broker has said that the messages of a room are late. */
  isDelayed(room: string): boolean {
    return this.#delay === 'all' || this.#delay?.(room) === true;
  }

  message(room: string, message: DeliveredPublication): void {
    this.heard.push({ room, message });
  }

  command(command: ControlCommand): void {
    this.commands.push(command);
  }

  async answer(question: NodeQuestion): Promise<NodeAnswer> {
    // Not at once: an answer takes a while.
    await Promise.resolve();
    return question.kind === 'sessions' ? sessionsOf(question.userId) : REPLIES;
  }

  ids(room: string): string[] {
    return this.of(room).map(({ id }) => id);
  }

  /** Of messages that have one. */
  offsets(room: string): number[] {
    return this.of(room).flatMap(({ position }) => position?.offset ?? []);
  }

  of(room: string): DeliveredPublication[] {
    return this.heard.filter((entry) => entry.room === room).map(({ message }) => message);
  }
}

/** What a node of these checks answers about requests. */
export const REPLIES: NodeAnswer = {
  kind: 'request',
  replies: [{ connectionId: 'c1', userId: 'ada', outcome: { kind: 'silent' } }],
};

/** What a node of these checks answers about sessions. */
export function sessionsOf(userId: string): NodeAnswer {
  return { kind: 'sessions', sessions: [{ id: 'c1', user: { id: userId }, since: 0 }] };
}

/** A node of a world that is running. */
export interface Started {
  readonly broker: Broker;
  readonly ear: Ear;
}

/** Starts every node of a world. */
export async function start({ nodes }: BrokerWorld): Promise<[Started, ...Started[]]> {
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
export function inTurn(nodes: readonly [Started, ...Started[]], n: number): Started {
  return nodes[n % nodes.length] ?? nodes[0];
}

/** The last node: another one than the first, where there is another. */
export function lastOf(nodes: readonly [Started, ...Started[]]): Started {
  return nodes.at(-1) ?? nodes[0];
}

/** Whole numbers from 1 up to a number. */
export function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

/** Names that objects have already, and names that a careless key mixes up. */
export const DANGEROUS = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'a/b',
  'a',
  'a:b',
];

/** Keeps everything that these checks publish. */
export const KEPT: HistoryPolicy = { size: 100, ttlMs: 60_000, bytes: 1_000_000 };

/** A receipt of a message that has a position. */
export type StoredReceipt = PublishReceipt & { readonly position: Position };

/** Publishes a message that has a position. */
export async function put(
  broker: Broker,
  room: string,
  message: string | Publication,
  history: HistoryPolicy = KEPT,
): Promise<StoredReceipt> {
  const receipt = await broker.publish(room, asPublication(message), { history });
  const { position } = receipt;
  if (position === undefined) throw new Error('expected a position');
  return { ...receipt, position };
}

/** Publishes a message that may be repeated. */
export function putOnce(
  broker: Broker,
  room: string,
  id: string,
  operation: Operation,
  history: PublishOptions['history'] = KEPT,
): Promise<PublishReceipt> {
  return broker.publish(room, publication(id), { history, operation });
}

/** Publishes that many messages, `m1` first, one after the other. */
export async function putMany(broker: Broker, room: string, count: number): Promise<void> {
  for (const n of upTo(count)) await put(broker, room, `m${String(n)}`);
}

/** Publishes a message that has no position. */
export function putVolatile(broker: Broker, room: string, id: string): Promise<PublishReceipt> {
  return broker.publish(room, publication(id), { history: 'volatile' });
}

/** Reads history; everything forwards unless asked otherwise. */
export function read(
  broker: Broker,
  room: string,
  query: Partial<HistoryQuery> = {},
): Promise<HistoryPage> {
  return broker.history(room, { direction: 'forwards', limit: 1_000, bytes: 1e9, ...query });
}

/** Offsets of the messages of a page. */
export function offsetsOf({ messages }: HistoryPage): number[] {
  return messages.map(({ position }) => position.offset);
}

function asPublication(message: string | Publication): Publication {
  return typeof message === 'string' ? publication(message) : message;
}
