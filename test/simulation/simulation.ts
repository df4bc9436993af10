import { RealtimeClient, type Room } from '../../lib/client/index.js';
import {
  DEFAULT_LIMITS,
  DEFAULT_SESSION_OPTIONS,
  RealtimeNode,
  type HistoryPolicy,
} from '../../lib/core/index.js';
import { MemoryPresenceStore, MemoryReplyStore, ReplyBook } from '../../lib/memory/index.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import {
  CountingRandom,
  FakeDirectory,
  FakeVerifier,
  handshake,
  RecordingObserver,
} from '../support/fakes.js';
import { Link, type Accept } from './link.js';
import { Recorder } from './recorder.js';
import { SimulatedRequests } from './requests.js';
import type { Scheduling } from './scheduling.js';
import { SharedStore, type StoreNode } from './store.js';
import { Witness } from './witness.js';

/** Rooms of a simulation. */
export const ROOMS = ['a', 'b'] as const;

/** Small on purpose: every run has some that missed more than is kept. */
export const HISTORY: HistoryPolicy = { size: 6, ttlMs: 60_000, bytes: 65_536 };

/** Reconnects are quick, so that a run has many of them. */
const RECONNECT = { minDelayMs: 10, maxDelayMs: 80, stableAfterMs: 50 };

/** How a node that is emptied asks: far apart, so that only the slowest links see its patience end. */
const DEPARTURE = { drainMs: 60_000, spreadMs: 100 };

/** What a simulation is made of, and what is broken in it on purpose to see that the judge notices. */
export interface SimulationOptions {
  /** What is kept of each room. Default {@link HISTORY}. */
  readonly history?: HistoryPolicy;
  /** Wraps what a node asks of the store. */
  readonly store?: (node: StoreNode) => void;
  /** Changes the text of a frame on its way to a client. */
  readonly frame?: (client: SimulatedClient, text: string) => string;
}

/** One client of a simulation: the SDK, on links that break. */
export class SimulatedClient {
  readonly sdk: RealtimeClient;
  readonly links: Link[] = [];
  /** Rooms it listens to, and what ends that. */
  readonly listening = new Map<string, () => void>();
  /** Frames that it sent, for who wants to forge answers. */
  readonly sent: string[] = [];
  /** What its application saw it become. */
  readonly states: string[] = [];
  #published = 0;

  constructor(
    readonly name: string,
    private readonly world: Simulation,
  ) {
    const { clock, scheduling } = world;
    const links = this.links;
    const accept: Accept = (transport) => world.accept(this, transport);
    const sending = (text: string): void => {
      this.#sends(text);
    };
    class ClientLink extends Link {
      readonly #witness: Witness;

      constructor() {
        const own = `${name} link ${String(links.length + 1)}`;
        const witness = new Witness(own, world.recorder.note);
        super(scheduling, own, accept, witness);
        this.#witness = witness;
        links.push(this);
      }

      override send(text: string): void {
        sending(text);
        this.#witness.sent(text);
        super.send(text);
      }
    }
    this.sdk = new RealtimeClient('wss://simulation.test/', {
      token: `token-${name}`,
      reconnect: RECONNECT,
      requestTimeoutMs: 30_000,
      WebSocket: ClientLink,
      environment: {
        now: () => clock.now(),
        after: (delayMs, callback) => clock.after(delayMs, callback),
        random: () => 0.5,
        randomKey: () => name.padEnd(32, '0'),
        onChange: () => () => undefined,
        reportError: (error) => world.recorder.failed(error),
      },
    });
    this.sdk.on('error', () => undefined);
    this.sdk.on('state', ({ state }) => this.states.push(state));
    for (const room of ROOMS) world.recorder.follow(name, this.sdk.room(room));
  }

  /** A room of its own. */
  room(name: string): Room {
    return this.sdk.room(name);
  }

  #sends(text: string): void {
    this.sent.push(text);
    const frame = JSON.parse(text) as { readonly type: string; readonly room?: string };
    if (frame.type !== 'subscribe' || frame.room === undefined) return;
    if (this.room(frame.room).state === 'subscribed') this.world.recorder.askedAgain += 1;
  }

  /** Breaks the link it has. */
  cut(): void {
    this.links.at(-1)?.cut();
  }

  /** Publishes into a room, and notes what comes of it. */
  publish(room: string): void {
    this.#published += 1;
    const { name } = this;
    this.world.recorder.publish(name, room, this.#published, async (payload) => {
      const { epoch, offset } = await this.room(room).publish('said', payload);
      return epoch === undefined || offset === undefined ? undefined : { epoch, offset };
    });
  }
}

/**
 * Clients, links, nodes and a store in one process and in virtual time. The scheduling decides what
 * happens next; everything that happens is recorded, for the checker to judge.
 */
export class Simulation {
  readonly clock = new ManualClock();
  readonly recorder = new Recorder();
  readonly observer = new RecordingObserver();
  readonly store: SharedStore;
  readonly nodes: RealtimeNode[] = [];
  readonly ways: StoreNode[] = [];
  readonly clients: SimulatedClient[] = [];
  readonly requests: SimulatedRequests;
  readonly #replies = new ReplyBook(this.clock);
  #accepted = 0;
  #published = 0;
  /** How many nodes wait for clients to leave. */
  #leaving = 0;

  constructor(
    readonly scheduling: Scheduling,
    private readonly options: SimulationOptions = {},
  ) {
    this.requests = new SimulatedRequests(scheduling);
    this.store = new SharedStore(scheduling, this.clock, new CountingRandom('epoch'));
    for (const n of [1, 2]) this.#addNode(n);
    for (const n of [1, 2]) this.clients.push(new SimulatedClient(`client-${String(n)}`, this));
  }

  /** A client's link has reached a node: each time the next one. */
  accept(
    client: SimulatedClient,
    transport: Parameters<RealtimeNode['accept']>[0],
  ): ReturnType<RealtimeNode['accept']> | undefined {
    this.#accepted += 1;
    const node = this.nodes[this.#accepted % this.nodes.length];
    const { frame } = this.options;
    if (frame !== undefined) {
      const { send } = transport;
      transport.send = (message) => {
        const text = typeof message === 'string' ? message : new TextDecoder().decode(message);
        send(frame(client, text));
      };
    }
    return node?.accept(transport, handshake());
  }

  /** A node publishes into a room, and what comes of it is noted. */
  publish(node: number, room: string): void {
    this.#published += 1;
    const publisher = this.nodes[node % this.nodes.length];
    const name = `server-${String(node % this.nodes.length)}`;
    this.recorder.publish(name, room, this.#published, async (payload) => {
      const receipt = await publisher?.publish(room, {
        event: 'said',
        payload: JSON.stringify(payload),
      });
      return receipt?.position;
    });
  }

  /** A client listens to a room's messages. */
  join(who: number, room: string): void {
    const client = this.clients[who % this.clients.length];
    if (client === undefined || client.listening.has(room)) return;
    client.listening.set(room, this.recorder.listen(client.name, client.room(room)));
  }

  /** A client listens no longer. */
  leave(who: number, room: string): void {
    const client = this.clients[who % this.clients.length];
    client?.listening.get(room)?.();
    client?.listening.delete(room);
    // At once: without this the SDK waits a moment whether another handler comes.
    client?.room(room).unsubscribe();
  }

  /** Whether nothing is left to wait for: every wish is fulfilled and everything has arrived. */
  get isSettled(): boolean {
    if (this.recorder.open > 0 || this.requests.open > 0 || this.#leaving > 0) return false;
    return this.clients.every(
      ({ sdk, listening }) =>
        sdk.state === 'connected' &&
        [...listening.keys()].every((room) => sdk.room(room).state === 'subscribed'),
    );
  }

  /** A node asks everyone who is connected to it to go elsewhere; the next connection may find it again. */
  empty(at: number): void {
    const { recorder } = this;
    recorder.note({
      type: 'fault',
      p: 'nemesis',
      kind: 'depart',
      target: `node ${String(at)}`,
      on: true,
    });
    this.#leaving += 1;
    this.nodes[at]
      ?.rebalance(1, DEPARTURE)
      .catch((error: unknown) => {
        recorder.failed(error);
      })
      .finally(() => (this.#leaving -= 1));
  }

  /** The store loses everything. */
  loseStore(): void {
    this.recorder.note({ type: 'fault', p: 'nemesis', kind: 'flush', target: 'store', on: true });
    this.store.lose();
  }

  /** Notes what the store holds in the end. */
  async recordFinal(): Promise<void> {
    for (const room of ROOMS) {
      const query = { direction: 'forwards', limit: 100, bytes: Infinity } as const;
      this.recorder.final(room, await this.store.broker.history(room, query));
    }
  }

  /** Ends everything. */
  close(): void {
    for (const { sdk } of this.clients) sdk.close();
  }

  #addNode(n: number): void {
    const way = this.store.connect();
    this.options.store?.(way);
    this.ways.push(way);
    const { history = HISTORY } = this.options;
    const directory = new FakeDirectory();
    directory.rights.history = history;
    directory.rights.presence = undefined;
    const node = new RealtimeNode({
      application: this.requests.application(),
      broker: way,
      replies: new MemoryReplyStore(this.#replies),
      presence: new MemoryPresenceStore(this.clock),
      verifier: new FakeVerifier(),
      directory,
      clock: this.clock,
      random: new CountingRandom(`node${String(n)}`),
      observer: this.observer,
      limits: DEFAULT_LIMITS,
      history,
      sessions: DEFAULT_SESSION_OPTIONS,
      heartbeat: { intervalMs: 30_000, timeoutMs: 45_000 },
      concurrency: 1,
    });
    this.nodes.push(node);
    void node.start();
  }
}
