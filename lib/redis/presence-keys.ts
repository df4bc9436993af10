import { DEFAULT_PREFIX, hashTag } from './redis-keys.js';

/** Keys and channel of one room's presence. */
export interface RoomPresenceKeys {
  /** Hash: who is there, by which records. */
  readonly users: string;
  /** String: the version of the last change. */
  readonly version: string;
  /** Sorted set: which lease has records of whom. */
  readonly owners: string;
  /** Sorted set: leases whose records are being removed. */
  readonly dead: string;
  /** Where changes are published. */
  readonly channel: string;
}

/**
 * The names of everything about presence in Redis. Those of one room have the room's hash tag; those
 * of the nodes' leases have one of their own, so that a lease and the rooms it has records in are read
 * and written together.
 */
export class PresenceKeys {
  /** Sorted set: leases by the time they are over. */
  readonly leases: string;
  /** Sorted set: leases that are over and have records yet. */
  readonly reaping: string;
  /** String: names what Redis remembers; with another name it has forgotten. */
  readonly book: string;

  /** @param prefix what every key begins with. */
  constructor(private readonly prefix: string = DEFAULT_PREFIX) {
    this.leases = this.#ofNodes('leases');
    this.reaping = this.#ofNodes('reaping');
    this.book = this.#ofNodes('book');
  }

  /** Set: the rooms in which a lease may have records. */
  rooms(lease: string): string {
    return this.#ofNodes(`rooms:${lease}`);
  }

  /** Of one room. */
  room(name: string): RoomPresenceKeys {
    const base = `${this.prefix}:presence:${hashTag(name)}`;
    return {
      users: `${base}:users`,
      version: `${base}:version`,
      owners: `${base}:owners`,
      dead: `${base}:dead`,
      channel: `${base}:changes`,
    };
  }

  #ofNodes(what: string): string {
    return `${this.prefix}:presence-nodes:{presence-nodes}:${what}`;
  }
}
