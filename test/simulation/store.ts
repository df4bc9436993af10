import type {
  Broker,
  BrokerListener,
  Clock,
  ControlCommand,
  DeliveredPublication,
  HistoryPage,
  HistoryQuery,
  NodeAnswer,
  NodeQuestion,
  Publication,
  PublishOptions,
  PublishReceipt,
  Random,
} from '../../lib/core/index.js';
import { MemoryBroker } from '../../lib/memory/index.js';
import type { Position } from '../../lib/protocol/index.js';
import { Lane, type Scheduling } from './scheduling.js';

/** What one node is told of a room. */
interface Delivery {
  readonly room: string;
  readonly publication: DeliveredPublication;
}

/**
 * The store that all nodes share, as Redis is: calls travel to it and their answers back, in order;
 * messages travel to each node on a connection of their own, so that they may come before or after
 * the answers.
 */
export class SharedStore {
  readonly nodes: StoreNode[] = [];
  #broker: MemoryBroker;

  constructor(
    readonly scheduling: Scheduling,
    private readonly clock: Clock,
    private readonly random: Random,
  ) {
    this.#broker = this.#make();
  }

  /** What holds positions and histories. */
  get broker(): Broker {
    return this.#broker;
  }

  /** A node's way to the store. */
  connect(): StoreNode {
    const node = new StoreNode(this, `node ${String(this.nodes.length + 1)}`);
    this.nodes.push(node);
    return node;
  }

  /** Wants a room's messages for at least one node. */
  watch(room: string): Promise<Position> {
    return this.#broker.subscribe(room);
  }

  /** Loses everything, as a store that was flushed. Whoever is subscribed stays so. */
  lose(): void {
    this.#broker = this.#make();
    for (const room of new Set(this.nodes.flatMap(({ rooms }) => [...rooms]))) {
      void this.#broker.subscribe(room);
    }
  }

  #make(): MemoryBroker {
    // Virtual time passes by minutes while a repeat is on its way. A network that is as slow as that
    // is beyond any window, and so beyond what is promised.
    const broker = new MemoryBroker(this.clock, this.random, {
      operations: { windowMs: 3_600_000 },
    });
    void broker.start({
      message: (room, publication) => {
        for (const node of this.nodes) node.offer({ room, publication });
      },
      command: () => undefined,
      answer: () => Promise.resolve({ kind: 'sessions', sessions: [] }),
    });
    return broker;
  }
}

/** One node's way to the shared store. */
export class StoreNode implements Broker {
  readonly rooms = new Set<string>();
  readonly #calls: Lane<() => void>;
  readonly #answers: Lane<() => void>;
  readonly #deliveries: Lane<Delivery>;
  #listener: BrokerListener | undefined;

  constructor(
    private readonly store: SharedStore,
    name: string,
  ) {
    const run = (step: () => void): void => {
      step();
    };
    this.#calls = new Lane(store.scheduling, `${name} calls the store`, run);
    this.#answers = new Lane(store.scheduling, `the store answers ${name}`, run);
    this.#deliveries = new Lane(store.scheduling, `${name} hears`, ({ room, publication }) => {
      this.#listener?.message(room, publication);
    });
  }

  /** A message is there for whoever is subscribed. */
  offer(delivery: Delivery): void {
    if (this.rooms.has(delivery.room)) this.#deliveries.push(delivery);
  }

  /** The last message on its way to this node does not arrive. */
  loseDelivery(): void {
    this.#deliveries.loseLast();
  }

  start(listener: BrokerListener): Promise<void> {
    this.#listener = listener;
    return Promise.resolve();
  }

  publish(
    room: string,
    publication: Publication,
    options: PublishOptions,
  ): Promise<PublishReceipt> {
    return this.#call((broker) => broker.publish(room, publication, options));
  }

  subscribe(room: string): Promise<Position> {
    return this.#call(() => {
      this.rooms.add(room);
      return this.store.watch(room);
    });
  }

  unsubscribe(room: string): Promise<void> {
    return this.#call(() => {
      this.rooms.delete(room);
      return Promise.resolve();
    });
  }

  top(room: string): Promise<Position> {
    return this.#call((broker) => broker.top(room));
  }

  history(room: string, query: HistoryQuery): Promise<HistoryPage> {
    return this.#call((broker) => broker.history(room, query));
  }

  command(command: ControlCommand): Promise<void> {
    return this.#call(() => {
      for (const node of this.store.nodes) node.#listener?.command(command);
      return Promise.resolve();
    });
  }

  ask(question: NodeQuestion): Promise<NodeAnswer[]> {
    return Promise.all(this.store.nodes.flatMap((node) => node.#listener?.answer(question) ?? []));
  }

  close(): Promise<void> {
    this.#listener = undefined;
    return Promise.resolve();
  }

  /** The call travels there, takes effect at once, and its answer travels back. */
  #call<T>(call: (broker: Broker) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#calls.push(() => {
        const answer = call(this.store.broker);
        this.#answers.push(() => {
          answer.then(resolve, reject);
        });
      });
    });
  }
}
