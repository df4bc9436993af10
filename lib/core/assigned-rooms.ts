/** Rooms that the server has put connections into; their clients' rights do not matter there. */
export class AssignedRooms {
  /** Weak, and a set only where there is one: most connections choose their rooms themselves. */
  readonly #rooms = new WeakMap<object, Set<string>>();

  /** Whether the server has put a connection into a room. */
  has(connection: object, room: string): boolean {
    return this.#rooms.get(connection)?.has(room) === true;
  }

  /** Notes that the server puts a connection into a room. */
  add(connection: object, room: string): void {
    const rooms = this.#rooms.get(connection);
    if (rooms === undefined) this.#rooms.set(connection, new Set([room]));
    else rooms.add(room);
  }

  /** Takes that back. */
  delete(connection: object, room: string): void {
    this.#rooms.get(connection)?.delete(room);
  }
}
