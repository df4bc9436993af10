import { encodeServerFrame, type Position } from '../protocol/index.js';
import type { Outbox } from './outbox.js';
import type { Broker, Observer, Publication, RealtimeUser, StoredPublication } from './ports.js';

/** A connection, as far as a room needs to know it. */
export interface Member {
  readonly id: string;
  readonly isLive: boolean;
  /** Who it is. Known for every member. */
  readonly user: RealtimeUser | undefined;
  readonly outbox: Outbox;
  /** Rooms it is in. Kept by {@link Rooms}. */
  readonly rooms: Map<string, LocalRoom>;
}

/** One room as this node sees it. */
export interface LocalRoom {
  readonly name: string;
  /** Connections of this node that are in it. */
  readonly members: Set<Member>;
  /** Joins that have begun and not ended; they keep the room as members do. */
  joining: number;
  /** Position of the last message this node has delivered; what a joining member starts from. */
  position: Position | undefined;
  /** Settles when the broker delivers this room's messages to this node. */
  readonly ready: Promise<void>;
}

const encoder = new TextEncoder();

/**
 * The rooms that have members on this node. The first member subscribes the node at the broker, the
 * last one unsubscribes it; nothing is kept for a room nobody is in.
 */
export class Rooms {
  readonly #rooms = new Map<string, LocalRoom>();

  constructor(
    private readonly broker: Broker,
    private readonly observer: Observer,
  ) {}

  /** Rooms with members on this node. */
  get size(): number {
    return this.#rooms.size;
  }

  /** A room, if it has members on this node. */
  get(name: string): LocalRoom | undefined {
    return this.#rooms.get(name);
  }

  /**
   * Puts a connection into a room. `admit` is called in the same turn in which the connection becomes
   * a member, with the position after which it gets every message: none is missed or doubled. It may
   * still say no.
   *
   * @returns whether it became a member: false if `admit` said no or the connection ended meanwhile.
   * @throws what the broker's `subscribe` rejects with.
   */
  async join(
    connection: Member,
    name: string,
    admit: (position: Position) => boolean,
  ): Promise<boolean> {
    const room = this.#rooms.get(name) ?? this.#openRoom(name);
    room.joining += 1;
    try {
      await room.ready;
    } catch (error) {
      room.joining -= 1;
      this.#releaseIfUnused(room);
      throw error;
    }
    room.joining -= 1;
    const { position } = room;
    const isAdmitted = connection.isLive && position !== undefined && admit(position);
    // Looked at again: what `admit` sends may be what ends a connection that reads too slowly.
    if (isAdmitted && isLive(connection)) {
      room.members.add(connection);
      connection.rooms.set(name, room);
      return true;
    }
    this.#releaseIfUnused(room);
    return false;
  }

  /** Takes a connection out of a room. Returns false if it was not in it. */
  leave(connection: Member, name: string): boolean {
    const room = connection.rooms.get(name);
    if (room === undefined) return false;
    connection.rooms.delete(name);
    room.members.delete(connection);
    this.#releaseIfUnused(room);
    return true;
  }

  /** Takes a connection out of every room. */
  leaveAll(connection: Member): void {
    for (const name of [...connection.rooms.keys()]) this.leave(connection, name);
  }

  /** Gives a message to every member. Encoded once, however many they are. */
  deliver(name: string, publication: StoredPublication): void {
    const room = this.#rooms.get(name);
    if (room === undefined) {
      this.observer.ignored('message-for-unknown-room');
      return;
    }
    room.position = publication.position;
    if (room.members.size === 0) return;
    const message = encoder.encode(encodeMessage(name, publication));
    const except = publication.except ?? [];
    for (const member of room.members) {
      if (except.length > 0 && except.includes(member.id)) skip(member, name, publication);
      else member.outbox.sendEncoded(message, message.byteLength);
    }
  }

  #openRoom(name: string): LocalRoom {
    const subscribed = this.broker.subscribe(name);
    const room: LocalRoom = {
      name,
      members: new Set(),
      joining: 0,
      position: undefined,
      ready: subscribed.then((top) => {
        // Messages may have come before this answer; then the answer is the older news.
        const seen = room.position;
        if (seen?.epoch !== top.epoch || seen.offset < top.offset) room.position = top;
      }),
    };
    this.#rooms.set(name, room);
    return room;
  }

  #releaseIfUnused(room: LocalRoom): void {
    if (room.joining > 0 || room.members.size > 0) return;
    if (this.#rooms.get(room.name) !== room) return;
    this.#rooms.delete(room.name);
    this.broker.unsubscribe(room.name).catch((error: unknown) => {
      this.observer.failed('unsubscribe at the broker', error);
    });
  }
}

function isLive(connection: Member): boolean {
  return connection.isLive;
}

/** Lets a member that does not get a message know that it lost none. */
function skip(member: Member, room: string, { position }: StoredPublication): void {
  member.outbox.send({ type: 'position', room, ...position });
}

/** The text of a message frame. */
export function encodeMessage(
  room: string | undefined,
  publication: Publication | StoredPublication,
): string {
  const { id, event, timestamp, payload } = publication;
  return encodeServerFrame({
    type: 'message',
    ...(room === undefined ? {} : { room }),
    event,
    id,
    timestamp,
    ...('position' in publication ? publication.position : {}),
    ...(payload === undefined ? {} : { payload: { text: payload } }),
  });
}
