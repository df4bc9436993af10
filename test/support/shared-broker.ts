import {
  RealtimeError,
  type Broker,
  type BrokerListener,
  type Clock,
} from '../../lib/core/index.js';
import { MemoryBroker, type MemoryBrokerOptions } from '../../lib/memory/index.js';
import { SystemClock, SystemRandom } from '../../lib/transport/index.js';

interface Node {
  readonly listener: BrokerListener;
  readonly rooms: Set<string>;
}

/** One broker for several nodes in this process, as a store that they share would be. */
export class SharedBroker {
  readonly #broker: MemoryBroker;
  readonly #nodes = new Set<Node>();
  readonly #started: Promise<void>;

  constructor(clock: Clock = new SystemClock(), options: MemoryBrokerOptions = {}) {
    this.#broker = new MemoryBroker(clock, new SystemRandom(), options);
    this.#started = this.#broker.start({
      message: (room, publication) => {
        for (const { listener, rooms } of this.#nodes) {
          if (rooms.has(room)) listener.message(room, publication);
        }
      },
      command: (command) => {
        for (const { listener } of this.#nodes) listener.command(command);
      },
      answer: () => Promise.reject(new Error('expected the nodes to be asked')),
    });
  }

  /** The broker as one node sees it. */
  forNode(): Broker {
    const broker = this.#broker;
    const nodes = this.#nodes;
    let node: Node | undefined;
    return {
      start: async (listener) => {
        node = { listener, rooms: new Set() };
        nodes.add(node);
        await this.#started;
      },
      publish: async (...args) => {
        if (node === undefined || !nodes.has(node)) {
          throw new RealtimeError('unavailable', 'broker: expected it to be started and open');
        }
        return broker.publish(...args);
      },
      subscribe: (room) => {
        node?.rooms.add(room);
        return broker.subscribe(room);
      },
      unsubscribe: async (room) => {
        node?.rooms.delete(room);
        if (![...nodes].some(({ rooms }) => rooms.has(room))) await broker.unsubscribe(room);
      },
      top: (room) => broker.top(room),
      history: (...args) => broker.history(...args),
      command: (command) => broker.command(command),
      ask: (question) => Promise.all([...nodes].map(({ listener }) => listener.answer(question))),
      close: async () => {
        if (node !== undefined) nodes.delete(node);
        if (nodes.size === 0) await broker.close();
      },
    };
  }
}
