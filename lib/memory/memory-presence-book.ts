import type {
  PresenceChange,
  PresenceListener,
  PresenceRecord,
  PresenceScope,
  PresenceSnapshot,
} from '../core/index.js';
import {
  PresenceRoom,
  type HeldRecord,
  type PresenceEffect,
  type RecordKey,
} from './memory-presence-room.js';

/** One node, as the book knows it. */
export interface BookNode {
  readonly listener: PresenceListener;
  /** When its records may be removed, in the clock's milliseconds. */
  expiresAt: number;
  readonly records: Set<HeldRecord<BookNode>>;
  readonly watched: Set<string>;
}

/** A room, and who wants to hear of it. */
interface BookRoom {
  readonly presence: PresenceRoom<BookNode>;
  readonly watchers: Set<BookNode>;
}

/**
 * The presence of every room, for the stores of one process. Stores that share a book see each other
 * as the nodes of a deployment do: each has a lease in it, and each removes the records of those whose
 * lease is over.
 */
export class MemoryPresenceBook {
  readonly #rooms = new Map<string, BookRoom>();
  readonly #nodes = new Set<BookNode>();
  readonly #news: (() => void)[] = [];
  #isTelling = false;

  /** Rooms that somebody is in or watches. */
  get size(): number {
    return this.#rooms.size;
  }

  /** Enters a node: a new one, or one whose records were removed. @internal */
  enter(node: BookNode): void {
    this.#nodes.add(node);
  }

  /** Whether nobody has removed the node's records. @internal */
  has(node: BookNode): boolean {
    return this.#nodes.has(node);
  }

  /** Puts a record of a node. @internal */
  put(owner: BookNode, name: string, record: PresenceRecord): void {
    const room = this.#open(name);
    const held = { room: room.presence, owner, record };
    owner.records.add(held);
    this.#settle(room, room.presence.put(held));
  }

  /** Removes a record, of whichever node. @internal */
  remove(name: string, key: RecordKey, scope: PresenceScope): void {
    const room = this.#rooms.get(name);
    if (room !== undefined) this.#settle(room, room.presence.remove(key, scope));
  }

  /** Who is in a room. @internal */
  read(name: string, maxMembers: number): PresenceSnapshot {
    const room = this.#rooms.get(name);
    return room?.presence.snapshot(maxMembers) ?? { version: 0, total: 0, members: [] };
  }

  /** Has a node hear of a room. @internal */
  watch(node: BookNode, name: string): void {
    this.#open(name).watchers.add(node);
    node.watched.add(name);
  }

  /** Has a node hear of a room no longer. @internal */
  unwatch(node: BookNode, name: string): void {
    node.watched.delete(name);
    const room = this.#rooms.get(name);
    room?.watchers.delete(node);
    if (room !== undefined) this.#releaseIfUnused(room);
  }

  /** Removes the records of nodes whose lease is over. @internal */
  sweep(now: number): void {
    for (const node of this.#nodes) {
      if (node.expiresAt > now) continue;
      this.#nodes.delete(node);
      for (const { room, record } of node.records) this.remove(room.name, record, 'connection');
    }
  }

  /** When the first lease of a node is over; never: `Infinity`. @internal */
  nextExpiry(): number {
    let next = Infinity;
    for (const { expiresAt } of this.#nodes) next = Math.min(next, expiresAt);
    return next;
  }

  #open(name: string): BookRoom {
    const known = this.#rooms.get(name);
    if (known !== undefined) return known;
    const room = { presence: new PresenceRoom<BookNode>(name), watchers: new Set<BookNode>() };
    this.#rooms.set(name, room);
    return room;
  }

  #settle(room: BookRoom, { gone, change }: PresenceEffect<BookNode>): void {
    for (const held of gone) held.owner.records.delete(held);
    if (change !== undefined) this.#tell(room, change);
    this.#releaseIfUnused(room);
  }

  /**
   * One change after the other, never one inside the other: a listener that puts something itself
   * would else tell those behind it of the second change before the first.
   */
  #tell({ presence, watchers }: BookRoom, change: PresenceChange): void {
    this.#news.push(() => {
      for (const { listener } of watchers) listener.changed(presence.name, change);
    });
    if (this.#isTelling) return;
    this.#isTelling = true;
    try {
      for (const tell of this.#news) tell();
    } finally {
      this.#news.length = 0;
      this.#isTelling = false;
    }
  }

  #releaseIfUnused({ presence, watchers }: BookRoom): void {
    if (presence.isEmpty && watchers.size === 0) this.#rooms.delete(presence.name);
  }
}
