import type { Position } from '../protocol/index.js';
import { CatchUp, type CatchUpDependencies } from './catch-up.js';
import type { Delays } from './delays.js';
import { HistoryReads } from './history-reads.js';
import { LocalRoom, type Member } from './local-room.js';
import type { Broker, DeliveredPublication, HistoryPage } from './ports/index.js';

/** How a connection begins in a room. */
export interface RoomEntry {
  /** The position after which it gets every message. Absent: that of the room at this moment. */
  readonly from?: Position;
  /** What history holds after that position, if it was read already. */
  readonly page?: HistoryPage;
  /**
   * Called in the turn in which the connection becomes a member: tells its client so. May still say no.
   */
  admit(): boolean;
}

/** What rooms need. */
export interface RoomsDependencies extends Omit<CatchUpDependencies, 'reads'> {
  readonly broker: Pick<Broker, 'history' | 'subscribe' | 'unsubscribe'>;
  /** Tells whoever comes into a room that its messages are late. Absent: they never are. */
  readonly delays?: Pick<Delays, 'moved'>;
}

/**
 * The rooms that have members on this node. The first member subscribes the node at the broker, the
 * last one unsubscribes it; nothing is kept for a room nobody is in.
 */
export class Rooms {
  /** What missed messages are read by. */
  readonly reads: HistoryReads;
  readonly #replaying: CatchUpDependencies;
  readonly #rooms = new Map<string, LocalRoom>();

  constructor(private readonly deps: RoomsDependencies) {
    const { broker, observer, clock } = deps;
    this.reads = new HistoryReads(broker);
    this.#replaying = { reads: this.reads, observer, clock };
  }

  /** Rooms with members on this node. */
  get size(): number {
    return this.#rooms.size;
  }

  /** A room, if it has members on this node. */
  get(name: string): LocalRoom | undefined {
    return this.#rooms.get(name);
  }

  /**
   * Puts a connection into a room, or lets one that is in it begin anew. None of the messages after
   * the entry's position is missed or doubled.
   *
   * @param prepare finds out how it begins; the room is ready and its latest messages are kept meanwhile.
   * @returns whether it is a member: false if `admit` said no or the connection ended meanwhile.
   * @throws what the broker's `subscribe` or `prepare` rejects with.
   */
  async join(
    connection: Member,
    name: string,
    prepare: (room: LocalRoom) => RoomEntry | Promise<RoomEntry>,
  ): Promise<boolean> {
    const room = this.#rooms.get(name) ?? this.#openRoom(name);
    room.joining += 1;
    try {
      await room.ready;
      const prepared = prepare(room);
      const entry = prepared instanceof Promise ? await prepared : prepared;
      return connection.isLive && this.#enter(connection, room, entry);
    } finally {
      room.joining -= 1;
      room.forgetTail();
      this.#releaseIfUnused(room);
    }
  }

  /** Takes a connection out of a room. Returns false if it was not in it. */
  leave(connection: Member, name: string): boolean {
    const room = connection.rooms.get(name);
    if (room === undefined) return false;
    connection.rooms.delete(name);
    room.exit(connection);
    this.#releaseIfUnused(room);
    this.deps.delays?.moved(connection);
    return true;
  }

  /** Takes a connection out of every room. */
  leaveAll(connection: Member): void {
    for (const name of [...connection.rooms.keys()]) this.leave(connection, name);
  }

  /** Gives a message to every member. */
  deliver(name: string, publication: DeliveredPublication): void {
    const room = this.#rooms.get(name);
    if (room === undefined) this.deps.observer.ignored('message-for-unknown-room');
    else room.deliver(publication);
  }

  /** A room's stream goes on behind this position; what lay between is lost. */
  moved(name: string, position: Position): void {
    this.#rooms.get(name)?.moveTo(position);
  }

  /** Runs in one turn: no message comes between the answer and the membership. */
  #enter(connection: Member, room: LocalRoom, entry: RoomEntry): boolean {
    const from = entry.from ?? room.position;
    // What `admit` sends may be what ends a connection that reads too slowly.
    if (!entry.admit() || !isLive(connection)) return false;
    room.exit(connection);
    connection.rooms.set(room.name, room);
    const replay = new CatchUp(this.#replaying, room, connection, from);
    room.replays.set(connection, replay);
    if (!replay.goLive()) void replay.run(entry.page);
    this.deps.delays?.moved(connection);
    return true;
  }

  #openRoom(name: string): LocalRoom {
    const room = new LocalRoom(name, this.deps.broker.subscribe(name));
    this.#rooms.set(name, room);
    return room;
  }

  #releaseIfUnused(room: LocalRoom): void {
    if (!room.isUnused || this.#rooms.get(room.name) !== room) return;
    this.#rooms.delete(room.name);
    this.deps.broker.unsubscribe(room.name).catch((error: unknown) => {
      this.deps.observer.failed('unsubscribe at the broker', error);
    });
  }
}

function isLive(connection: Member): boolean {
  return connection.isLive;
}
