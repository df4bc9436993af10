import {
  RealtimeError,
  type Broker,
  type BrokerListener,
  type Clock,
  type ControlCommand,
  type DeliveredPublication,
  type HistoryPage,
  type HistoryPolicy,
  type HistoryQuery,
  type NodeAnswer,
  type NodeQuestion,
  type Publication,
  type PublishOptions,
  type PublishReceipt,
  type Random,
  type StoredPublication,
} from '../core/index.js';
import { ErrorCode, type Position } from '../protocol/index.js';
import { OperationWindow, type OperationWindowOptions } from './operation-window.js';
import { RoomStream } from './room-stream.js';

/** What is kept of a room between messages. */
interface RoomMeta {
  readonly stream: RoomStream;
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
  /**
   * Bytes of all rooms' histories together. Default 64 MiB. Beyond it the room that was published to
   * longest ago loses its history, not its position.
   */
  readonly maxHistoryBytes?: number;
  /** How long publishes are remembered that may be repeated. */
  readonly operations?: OperationWindowOptions;
}

const DAY_MS = 86_400_000;
/** 64 MiB. */
const MAX_HISTORY_BYTES = 67_108_864;

/**
 * The broker of a single node: everything in this process, gone with it. Messages reach the listener
 * inside `publish`, before its promise resolves; those that the listener publishes itself (a slow
 * reader is closed, its disconnect hook says so in the room) follow when it is done with the first,
 * else its second half of members would get the second message before the first.
 */
export class MemoryBroker implements Broker {
  /** In order of last use: the first is the next to be forgotten. */
  readonly #rooms = new Map<string, RoomMeta>();
  /** Rooms that hold messages, in order of the last publish. */
  readonly #holding = new Map<string, RoomStream>();
  /** Goes round {@link #holding}, a few rooms a publish, to drop what is past its time. */
  #round = this.#holding.entries();
  #heldBytes = 0;
  readonly #operations: OperationWindow<PublishReceipt>;
  readonly #subscribed = new Set<string>();
  readonly #metaTtlMs: number;
  readonly #maxRooms: number;
  readonly #maxHistoryBytes: number;
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
    this.#maxHistoryBytes = options.maxHistoryBytes ?? MAX_HISTORY_BYTES;
    this.#operations = new OperationWindow(clock, options.operations);
  }

  /** Rooms whose position is remembered now. */
  get size(): number {
    return this.#rooms.size;
  }

  /** {@inheritDoc Broker.start} */
  async start(listener: BrokerListener): Promise<void> {
    this.#listener = listener;
  }

  /** Bytes of all histories together. */
  get historyBytes(): number {
    return this.#heldBytes;
  }

  /** {@inheritDoc Broker.publish} */
  async publish(
    room: string,
    publication: Publication,
    { history, operation }: PublishOptions,
  ): Promise<PublishReceipt> {
    this.#running();
    const earlier = operation && this.#operations.get(operation);
    if (earlier !== undefined) return earlier;
    const { id } = publication;
    const message: DeliveredPublication =
      history === 'volatile' ? publication : this.#append(room, publication, history);
    const receipt: PublishReceipt =
      message.position === undefined
        ? { id, durability: 'none' }
        : { id, position: message.position, durability: 'memory' };
    // Before the delivery: whoever hears the message may repeat the publish at once.
    if (operation !== undefined) this.#operations.set(operation, receipt);
    this.#deliver((listener) => {
      if (this.#subscribed.has(room)) listener.message(room, message);
    });
    return receipt;
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
    return this.#use(room).stream.top;
  }

  /** {@inheritDoc Broker.history} */
  async history(room: string, query: HistoryQuery): Promise<HistoryPage> {
    this.#running();
    const { stream } = this.#use(room);
    this.#change(stream, () => {
      stream.expire(this.clock.now());
    });
    return stream.page(query);
  }

  /** {@inheritDoc Broker.ask} */
  async ask(question: NodeQuestion): Promise<NodeAnswer[]> {
    return [await this.#running().answer(question)];
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
    this.#holding.clear();
    this.#heldBytes = 0;
    this.#operations.clear();
  }

  #running(): BrokerListener {
    if (this.#listener === undefined) {
      throw new RealtimeError(ErrorCode.Unavailable, 'broker: expected it to be started and open');
    }
    return this.#listener;
  }

  #append(room: string, publication: Publication, history: HistoryPolicy): StoredPublication {
    const { stream } = this.#use(room);
    const message = this.#change(stream, () =>
      stream.append(publication, history, this.clock.now()),
    );
    this.#holding.delete(room);
    if (stream.bytes > 0) this.#holding.set(room, stream);
    this.#evict();
    this.#expireSome();
    return message;
  }

  /** Keeps count of the bytes that are held. */
  #change<T>(stream: RoomStream, change: () => T): T {
    const before = stream.bytes;
    const result = change();
    this.#heldBytes += stream.bytes - before;
    return result;
  }

  /** Beyond the bound, drops what the rooms hold that were published to longest ago. */
  #evict(): void {
    for (const [room, stream] of this.#holding) {
      if (this.#heldBytes <= this.#maxHistoryBytes) return;
      this.#release(room, stream);
    }
  }

  /** Drops messages past their time of rooms nobody publishes to any more. Looks at a few rooms a call. */
  #expireSome(): void {
    const now = this.clock.now();
    for (let looks = 0; looks < 4; looks += 1) {
      const next = this.#round.next();
      if (next.done === true) {
        this.#round = this.#holding.entries();
        return;
      }
      const [room, stream] = next.value;
      this.#change(stream, () => {
        stream.expire(now);
      });
      if (stream.bytes === 0) this.#holding.delete(room);
    }
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
    const known = this.#rooms.get(room);
    const meta = known ?? { stream: new RoomStream(this.random.id()), usedAt: now };
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
      else this.#release(room, meta.stream);
    }
  }

  /** Lets a room's messages go. */
  #release(room: string, stream: RoomStream): void {
    this.#change(stream, () => {
      stream.drop();
    });
    this.#holding.delete(room);
  }
}
