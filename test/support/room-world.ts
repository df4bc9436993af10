/**
 * The room core with nothing around it: rooms of one node, members of them, and a broker whose answers
 * and deliveries come when a test lets them. Its store is ahead of what it has delivered, as one behind
 * a network is.
 */
import type {
  Broker,
  Clock,
  DeliveredPublication,
  HistoryPage,
  HistoryPolicy,
  HistoryQuery,
  Publication,
  RoomSnapshot,
} from '../../lib/core/index.js';
import { Outbox } from '../../lib/core/outbox.js';
import { entryFrame, isStale, planEntry } from '../../lib/core/room-entry.js';
import { Rooms } from '../../lib/core/rooms.js';
import type { LocalRoom, Member } from '../../lib/core/local-room.js';
import { Turns } from '../../lib/core/turns.js';
import { RoomStream } from '../../lib/memory/room-stream.js';
import type { Position } from '../../lib/protocol/index.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import { publication, RecordingObserver } from './fakes.js';
import { MemoryLink } from './memory-link.js';
import { StreamReader } from './stream-reader.js';
import { turn } from './turns.js';

/** A connection of a client, who reads what comes with a reader that outlives the connection. */
export class FakeMember implements Member {
  readonly rooms = new Map<string, LocalRoom>();
  readonly link = new MemoryLink();
  readonly outbox: Outbox;
  readonly replays = new Turns();
  readonly user = { id: 'ada' };
  isLive = true;
  /** Why it ended. */
  hasOverflown = false;
  /** Called when more waits for it than its outbox takes. */
  onOverflow: () => void = () => undefined;

  constructor(
    readonly id: string,
    readonly reader = new StreamReader(),
    outboxBytes = 1_048_576,
  ) {
    this.outbox = new Outbox(this.link, outboxBytes, () => {
      this.hasOverflown = true;
      this.isLive = false;
      this.onOverflow();
    });
    this.outbox.open({
      type: 'connected',
      connectionId: id,
      user: { id },
      heartbeat: { intervalMs: 1, timeoutMs: 2 },
      limits: { frameBytes: 1, rooms: 1 },
    });
    this.link.frames();
    this.link.attach({
      message: () => undefined,
      drained: () => {
        this.outbox.drained();
      },
      silent: () => undefined,
      stuck: () => undefined,
      closed: () => {
        this.outbox.close();
      },
    });
  }

  /** Gives what came to the reader. */
  read(): void {
    this.reader.read(this.link.frames());
  }
}

/** What a store and the way to it do. */
export class LaggingBroker implements Pick<Broker, 'history' | 'subscribe' | 'unsubscribe'> {
  readonly subscribed = new Set<string>();
  readonly calls: string[] = [];
  /** Every message that was given a position, by position. */
  readonly stored = new Map<string, string>();
  policy: HistoryPolicy = { size: 100_000, ttlMs: 1_000_000, bytes: 1e9 };
  /** Waited for before each answer and delivery. Absent: deliveries come inside `publish`. */
  gate: ((what: string) => Promise<unknown>) | undefined;
  /** What the next call of a method rejects with. */
  readonly failures = new Map<string, Error>();
  /** Deliveries that get lost. */
  toLose = 0;
  listener: (room: string, message: DeliveredPublication) => void = () => undefined;
  readonly #streams = new Map<string, RoomStream>();
  readonly #queue: { readonly room: string; readonly message: DeliveredPublication }[] = [];
  #epochs = 0;

  constructor(private readonly clock: Clock) {}

  top(room: string): Position {
    return this.#stream(room).top;
  }

  publish(room: string, message: string | Publication): Position {
    const said = typeof message === 'string' ? publication(message) : message;
    const stored = this.#stream(room).append(said, this.policy, this.clock.now());
    this.stored.set(keyOf(room, stored.position), said.id);
    this.#send(room, stored);
    return stored.position;
  }

  publishVolatile(room: string, id: string): void {
    this.#send(room, publication(id));
  }

  /** The store loses the room: what comes next is of another epoch. */
  forget(room: string): void {
    this.#streams.delete(room);
  }

  /** The store loses the room's messages. */
  trim(room: string): void {
    this.#stream(room).drop();
  }

  async subscribe(room: string): Promise<Position> {
    this.calls.push(`subscribe ${room}`);
    this.subscribed.add(room);
    const top = this.top(room);
    await this.gate?.(`subscribed ${room}`);
    this.#fail('subscribe');
    return top;
  }

  async unsubscribe(room: string): Promise<void> {
    this.calls.push(`unsubscribe ${room}`);
    this.subscribed.delete(room);
    await this.gate?.(`unsubscribed ${room}`);
    if (this.subscribed.has(room)) return;
    for (const entry of [...this.#queue]) {
      if (entry.room === room) this.#queue.splice(this.#queue.indexOf(entry), 1);
    }
    this.#fail('unsubscribe');
  }

  async history(room: string, query: HistoryQuery): Promise<HistoryPage> {
    this.calls.push(`history ${room}`);
    await this.gate?.(`read ${room}`);
    this.#fail('history');
    const stream = this.#stream(room);
    stream.expire(this.clock.now());
    const page = stream.page(query);
    await this.gate?.(`page of ${room}`);
    return page;
  }

  #send(room: string, message: DeliveredPublication): void {
    if (!this.subscribed.has(room)) return;
    if (this.gate === undefined) {
      this.#deliver({ room, message });
      return;
    }
    this.#queue.push({ room, message });
    void this.gate(`message of ${room}`).then(() => {
      const next = this.#queue.shift();
      if (next !== undefined) this.#deliver(next);
    });
  }

  #deliver({ room, message }: { room: string; message: DeliveredPublication }): void {
    if (this.toLose > 0) this.toLose -= 1;
    else this.listener(room, message);
  }

  #fail(method: string): void {
    const failure = this.failures.get(method);
    this.failures.delete(method);
    if (failure !== undefined) throw failure;
  }

  #stream(room: string): RoomStream {
    const known = this.#streams.get(room);
    if (known !== undefined) return known;
    this.#epochs += 1;
    const stream = new RoomStream(`e${String(this.#epochs)}`);
    this.#streams.set(room, stream);
    return stream;
  }
}

/** Where a message is, as a key. */
export function keyOf(room: string, { epoch, offset }: Position): string {
  return `${room} ${epoch} ${String(offset)}`;
}

/** What a client of a {@link RoomWorld} wants. */
export interface Wish {
  readonly room?: string;
  readonly from?: Partial<Position>;
  readonly snapshot?: () => Promise<RoomSnapshot>;
  readonly maxReplay?: number;
}

/** Rooms, a broker and time. */
export class RoomWorld {
  readonly observer = new RecordingObserver();
  readonly broker: LaggingBroker;
  readonly rooms: Rooms;
  #wishes = 0;

  constructor(readonly clock: Clock = new ManualClock()) {
    this.broker = new LaggingBroker(clock);
    this.rooms = new Rooms({ broker: this.broker, observer: this.observer, clock });
    this.broker.listener = (room, message) => {
      this.rooms.deliver(room, message);
    };
  }

  /** Puts a member into a room, as a subscribe of its client does. Resolves with whether it is in. */
  enter(member: FakeMember, { room: name = 'r', from = {}, ...wish }: Wish = {}): Promise<boolean> {
    this.#wishes += 1;
    const id = String(this.#wishes);
    member.reader.claim(id, from);
    const { reads } = this.rooms;
    const deps = { reads, maxReplay: wish.maxReplay ?? 10_000, snapshot: wish.snapshot };
    return this.rooms.join(member, name, async (room) => {
      const plan = await planEntry(deps, room, { type: 'subscribe', id, room: name, ...from });
      const admit = (): boolean => {
        if (isStale(plan, room)) return false;
        member.outbox.send({ ...entryFrame(room, plan), id });
        return true;
      };
      return { ...plan, admit };
    });
  }

  /** Takes a member out of a room, as an unsubscribe of its client does. */
  leave(member: FakeMember, room = 'r'): void {
    this.rooms.leave(member, room);
    member.outbox.send({ type: 'unsubscribed', room });
  }

  /** Ends a member's connection: what it has not read is lost. */
  end(member: FakeMember): void {
    member.read();
    member.isLive = false;
    member.link.breakOff();
    this.rooms.leaveAll(member);
  }

  /** Lets everything run that waits for promises and for the next moment. */
  async settle(): Promise<void> {
    for (let rounds = 0; rounds < 1_000; rounds += 1) {
      await turn();
      if (!(this.clock instanceof ManualClock) || this.clock.waiting === 0) return;
      this.clock.advance(0);
    }
    throw new Error('settle: it never comes to rest');
  }
}
