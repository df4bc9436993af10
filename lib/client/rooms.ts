import { isRoomName, MAX_HELLO_ROOMS, type ErrorFrame, type HelloRoom } from '../protocol/index.js';
import { ClientRoom } from './client-room.js';
import { clientError } from './errors.js';
import type { RoomFrame, RoomHost } from './room-host.js';

/** The rooms that the application has asked for. They are kept for the life of the client. */
export class Rooms {
  // A Map: `constructor` is a room name like any other.
  readonly #byName = new Map<string, ClientRoom>();
  readonly #host: RoomHost;

  constructor(host: RoomHost) {
    this.#host = host;
  }

  /** @throws RealtimeClientError with code `invalid-room`. */
  get(name: string): ClientRoom {
    let room = this.#byName.get(name);
    if (room === undefined) {
      if (!isRoomName(name)) throw clientError('invalid-room');
      room = new ClientRoom(name, this.#host);
      this.#byName.set(name, room);
    }
    return room;
  }

  /** The wanted rooms, as many as a hello may carry. The others are asked for once connected. */
  hello(): HelloRoom[] {
    const wanted: HelloRoom[] = [];
    this.each((room) => {
      const hello = wanted.length < MAX_HELLO_ROOMS ? room.hello() : undefined;
      if (hello !== undefined) wanted.push(hello);
    });
    return wanted;
  }

  /** Takes a step with every room. */
  each(step: (room: ClientRoom) => void): void {
    this.#byName.forEach(step);
  }

  /** Frames of rooms that the application never asked for concern nobody. */
  receive(name: string, frame: RoomFrame): void {
    this.#byName.get(name)?.receive(frame);
  }

  /** Gives an error to the room that asked. Returns whether there is one. */
  refuse(frame: ErrorFrame): boolean {
    for (const room of this.#byName.values()) if (room.refuse(frame)) return true;
    return false;
  }
}
