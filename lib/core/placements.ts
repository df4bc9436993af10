import type { AssignedRooms } from './assigned-rooms.js';
import type { Connection } from './connection.js';
import type { RoomDirectory } from './ports/index.js';
import type { PresenceTracker } from './presence.js';
import type { Rooms } from './rooms.js';

/** What placing connections needs. */
export interface PlacementDependencies {
  readonly rooms: Rooms;
  readonly assigned: AssignedRooms;
  readonly presence: PresenceTracker;
  readonly directory: RoomDirectory;
}

/** Puts connections into rooms, and takes them out, by the server's will. */
export class Placements {
  constructor(private readonly deps: PlacementDependencies) {}

  /** Puts a connection into a room; the client is told by `subscribed`. */
  async join(connection: Connection, room: string): Promise<void> {
    const { rooms, assigned, presence, directory } = this.deps;
    assigned.add(connection, room);
    if (connection.rooms.has(room)) return;
    const admitted = await rooms.join(connection, room, ({ position }) => ({
      admit: () => {
        // Taken out again while the broker was asked: the last intent counts. Another join may have
        // been quicker; then the client knows.
        if (!assigned.has(connection, room) || connection.rooms.has(room)) return false;
        connection.outbox.send({ type: 'subscribed', room, ...position });
        return true;
      },
    }));
    if (admitted) presence.enter(connection, room, directory.find(room)?.presence);
  }

  /** Takes a connection out of a room; the client is told by `unsubscribed`. */
  leave(connection: Connection, room: string, reason?: string): void {
    const { rooms, assigned, presence } = this.deps;
    assigned.delete(connection, room);
    if (!rooms.leave(connection, room)) return;
    presence.leave(connection, room);
    const told = reason === undefined ? {} : { reason };
    connection.outbox.send({ type: 'unsubscribed', room, ...told });
  }
}
