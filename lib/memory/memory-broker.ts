import {
  RealtimeError,
  type Broker,
  type BrokerListener,
  type Clock,
  type ControlCommand,
  type NodeAnswer,
  type NodeQuestion,
  type Publication,
  type PublishReceipt,
  type Random,
} from '../core/index.js';
import { ErrorCode, type Position } from '../protocol/index.js';

/** What is kept of a room between messages. */
interface RoomMeta {
  readonly epoch: string;
  offset: number;
  usedAt: number;
}

/** How long positions are remembered, and of how many rooms. */
export interface MemoryBrokerOptions {
  /** Milliseconds after its last use until a room's position may be forgotten. Default 24 h. */
  readonly metaTtlMs?: number;
  /**
   * Rooms whose position is remembered. Default 100 000. Beyond it the room that was used longest ago
   * is forgotten and starts a new epoch: subscribers with an old position are told so.
   */
  readonly maxRooms?: number;
}

const DAY_MS = 86_400_000;

/**
 * The broker of a single node: everything in this process, gone with it. Messages reach the listener
 * inside `publish`, before its promise resolves; those that the listener publishes itself (a slow
 * reader is closed, its disconnect hook says so in the room) follow when it is done with the first,
 * else its second half of members would get the second message before the first.
 */
export class MemoryBroker implements Broker {
  /** In order of last use: the first is the next to be forgotten. */
  readonly #rooms = new Map<string, RoomMeta>();
  readonly #subscribed = new Set<string>();
  readonly #metaTtlMs: number;
  readonly #maxRooms: number;
  #listener: BrokerListener | undefined;
  readonly #deliveries: ((listener: BrokerListener) => void)[] = [];
  #delivering = false;

  constructor(
    private readonly clock: Clock,
    private readonly random: Random,
    options: MemoryBrokerOptions = {},
  ) {
    this.#metaTtlMs = options.metaTtlMs ?? DAY_MS;
    this.#maxRooms = options.maxRooms ?? 100_000;
  }

  /** Rooms whose position is remembered now. */
  get size(): number {
    return this.#rooms.size;
  }

  /** {@inheritDoc Broker.start} */
  async start(listener: BrokerListener): Promise<void> {
    this.#listener = listener;
  }

  /** {@inheritDoc Broker.publish} */
  async publish(room: string, publication: Publication): Promise<PublishReceipt> {
    this.#running();
    const meta = this.#use(room);
    meta.offset += 1;
    const position = { epoch: meta.epoch, offset: meta.offset };
    this.#deliver((listener) => {
      if (this.#subscribed.has(room)) listener.message(room, { ...publication, position });
    });
    return { position, durability: 'memory' };
  }

  /** {@inheritDoc Broker.subscribe} */
  async subscribe(room: string): Promise<Position> {
    this.#running();
    this.#subscribed.add(room);
    return this.top(room);
  }

  /** {@inheritDoc Broker.unsubscribe} */
  async unsubscribe(room: string): Promise<void> {
    this.#subscribed.delete(room);
  }

  /** {@inheritDoc Broker.top} */
  async top(room: string): Promise<Position> {
    this.#running();
    const { epoch, offset } = this.#use(room);
    return { epoch, offset };
  }

  /** {@inheritDoc Broker.ask} */
  async ask(question: NodeQuestion): Promise<NodeAnswer[]> {
    return [this.#running().answer(question)];
  }

  /** {@inheritDoc Broker.command} */
  async command(command: ControlCommand): Promise<void> {
    this.#running();
    this.#deliver((listener) => {
      listener.command(command);
    });
  }

  /** {@inheritDoc Broker.close} */
  async close(): Promise<void> {
    this.#listener = undefined;
    this.#subscribed.clear();
    this.#rooms.clear();
  }

  #running(): BrokerListener {
    if (this.#listener === undefined) {
      throw new RealtimeError(ErrorCode.Unavailable, 'broker: expected it to be started and open');
    }
    return this.#listener;
  }

  /** One delivery after the other, never one inside the other. */
  #deliver(delivery: (listener: BrokerListener) => void): void {
    this.#deliveries.push(delivery);
    if (this.#delivering) return;
    this.#delivering = true;
    try {
      for (const next of this.#deliveries) {
        if (this.#listener !== undefined) next(this.#listener);
      }
    } finally {
      this.#deliveries.length = 0;
      this.#delivering = false;
    }
  }

  /** The room's meta, moved to the end of the order of use. */
  #use(room: string): RoomMeta {
    const now = this.clock.now();
    const meta = this.#rooms.get(room) ?? { epoch: this.random.id(), offset: 0, usedAt: now };
    meta.usedAt = now;
    this.#rooms.delete(room);
    this.#rooms.set(room, meta);
    this.#forget(now, room);
    return meta;
  }

  /**
   * Forgets rooms from the oldest on: those past their time, and those beyond the number. A room with
   * subscribers on this node keeps its epoch, else they would be told of a change that never was.
   * The room in use is not forgotten either, even where all others have subscribers. Looks at a few
   * rooms a call only: as many as could have become due since the last one, and some.
   */
  #forget(now: number, inUse: string): void {
    let looks = 16;
    for (const [room, meta] of this.#rooms) {
      if (room === inUse) return;
      const isOld = now - meta.usedAt > this.#metaTtlMs;
      if ((!isOld && this.#rooms.size <= this.#maxRooms) || looks === 0) return;
      looks -= 1;
      this.#rooms.delete(room);
      if (this.#subscribed.has(room)) this.#rooms.set(room, { ...meta, usedAt: now });
    }
  }
}
