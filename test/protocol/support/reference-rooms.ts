/** The room classes of the reference application, see `../vectors/README.md`. */
import { Injectable } from '@nestjs/common';
import { IsBoolean } from 'class-validator';

import { RealtimeRoom, type RoomPolicy } from '../../../lib/nest/index.js';
import { Credentials, type ReferenceUser } from './reference-credentials.js';

class Typing {
  @IsBoolean() on!: boolean;
}

/** What was drawn on the boards. */
@Injectable()
export class Boards {
  readonly #strokes = new Map<string, number>();

  /** Notes a message in a room, if it is a board's. */
  note(room: string, event: string): void {
    if (event === 'stroke') this.#strokes.set(room, this.strokesOf(room) + 1);
  }

  /** How many strokes there are. */
  strokesOf(room: string): number {
    return this.#strokes.get(room) ?? 0;
  }
}

/** Rooms with everything but a state. */
@RealtimeRoom('chat/:room', { events: { typing: Typing } })
export class ChatRooms implements RoomPolicy<ReferenceUser, { room: string }> {
  constructor(private readonly credentials: Credentials) {}

  canSubscribe(user: ReferenceUser, { room }: { room: string }): boolean {
    return this.credentials.allows(user, `chat/${room}`);
  }

  canSeePresence(user: ReferenceUser, { room }: { room: string }): boolean {
    return this.credentials.allows(user, `chat/${room}`);
  }

  canReadHistory(user: ReferenceUser, { room }: { room: string }): boolean {
    return this.credentials.allows(user, `chat/${room}`);
  }

  presenceInfo({ id }: ReferenceUser): unknown {
    return { name: id };
  }

  canPublish(): boolean {
    return true;
  }
}

/** Rooms with a state, a short memory and no presence. */
@RealtimeRoom('board/:board', {
  events: { stroke: true, cursor: true },
  volatile: ['cursor'],
  history: { size: 2 },
  presence: false,
})
export class BoardRooms implements RoomPolicy<ReferenceUser, { board: string }> {
  constructor(private readonly boards: Boards) {}

  canSubscribe(): boolean {
    return true;
  }

  canSeePresence(): boolean {
    return true;
  }

  canReadHistory(): boolean {
    return true;
  }

  canPublish(): boolean {
    return true;
  }

  snapshot({ board }: { board: string }): unknown {
    return { strokes: this.boards.strokesOf(`board/${board}`) };
  }
}

/** Rooms that tell only how many are there. */
@RealtimeRoom('crowd/:crowd', { presence: { countsOnly: true } })
export class CrowdRooms implements RoomPolicy {
  canSubscribe(): boolean {
    return true;
  }

  canSeePresence(): boolean {
    return true;
  }
}
