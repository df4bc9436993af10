import type { Connection } from './connection.js';

const NONE: ReadonlySet<Connection> = new Set();

/** Connections of this node, by id and by user. Joining and leaving cost the same however many there are. */
export class Hub {
  readonly #connections = new Map<string, Connection>();
  readonly #users = new Map<string, Set<Connection>>();

  /** How many connections there are. */
  get size(): number {
    return this.#connections.size;
  }

  /** How many users have a connection. */
  get userCount(): number {
    return this.#users.size;
  }

  /** Every connection. */
  get connections(): Iterable<Connection> {
    return this.#connections.values();
  }

  /** Every connection whose client was told that it is connected. */
  get opened(): Connection[] {
    return Array.from(this.#connections.values()).filter(({ wasOpen }) => wasOpen);
  }

  /** A connection by its id. */
  get(id: string): Connection | undefined {
    return this.#connections.get(id);
  }

  /** The connections of a user on this node. */
  ofUser(userId: string): ReadonlySet<Connection> {
    return this.#users.get(userId) ?? NONE;
  }

  /** Adds a connection whose user is not known yet. */
  add(connection: Connection): void {
    this.#connections.set(connection.id, connection);
  }

  /** Lists a connection under its user. */
  addUser(connection: Connection, userId: string): void {
    const devices = this.#users.get(userId);
    if (devices === undefined) this.#users.set(userId, new Set([connection]));
    else devices.add(connection);
  }

  /** Forgets a connection. */
  delete(connection: Connection): void {
    this.#connections.delete(connection.id);
    const userId = connection.user?.id;
    if (userId === undefined) return;
    const devices = this.#users.get(userId);
    if (devices?.delete(connection) === true && devices.size === 0) this.#users.delete(userId);
  }
}
