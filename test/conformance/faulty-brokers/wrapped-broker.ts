import type {
  Broker,
  BrokerListener,
  ControlCommand,
  DeliveredPublication,
  HistoryPage,
  HistoryQuery,
  NodeAnswer,
  NodeQuestion,
  Publication,
  PublishOptions,
  PublishReceipt,
} from '../../../lib/core/index.js';
import { MemoryBroker, type MemoryBrokerOptions } from '../../../lib/memory/index.js';
import type { Position } from '../../../lib/protocol/index.js';
import type { ManualClock } from '../../../lib/testing/manual-clock.js';
import { CountingRandom } from '../../support/fakes.js';

/** How long the wrapped broker remembers an unused position. */
export const META_TTL_MS = 3_600_000;

/** How long it remembers operations. */
export const OPERATIONS = { windowMs: 120_000, perClient: 50 };

/** A broker that works; a fault is one method of it done wrong. */
export class WrappedBroker implements Broker {
  protected readonly inner: Broker;
  protected listener: BrokerListener | undefined;

  constructor(
    protected readonly clock: ManualClock,
    options: MemoryBrokerOptions = {},
  ) {
    const all = { metaTtlMs: META_TTL_MS, operations: OPERATIONS, ...options };
    this.inner = new MemoryBroker(clock, new CountingRandom('epoch'), all);
  }

  start(listener: BrokerListener): Promise<void> {
    this.listener = listener;
    return this.inner.start({
      message: (room, message) => {
        this.hear(listener, room, message);
      },
      command: (command) => {
        listener.command(command);
      },
      answer: (question) => listener.answer(question),
    });
  }

  publish(room: string, message: Publication, options: PublishOptions): Promise<PublishReceipt> {
    return this.inner.publish(room, message, options);
  }

  subscribe(room: string): Promise<Position> {
    return this.inner.subscribe(room);
  }

  unsubscribe(room: string): Promise<void> {
    return this.inner.unsubscribe(room);
  }

  top(room: string): Promise<Position> {
    return this.inner.top(room);
  }

  history(room: string, query: HistoryQuery): Promise<HistoryPage> {
    return this.inner.history(room, query);
  }

  command(command: ControlCommand): Promise<void> {
    return this.inner.command(command);
  }

  ask(question: NodeQuestion): Promise<NodeAnswer[]> {
    return this.inner.ask(question);
  }

  close(): Promise<void> {
    return this.inner.close();
  }

  protected hear(listener: BrokerListener, room: string, message: DeliveredPublication): void {
    listener.message(room, message);
  }
}
