import { RealtimeRoom, type RoomPolicy } from 'nestjs-realtime';

import { TickDto } from './tick.dto.js';

/** Rooms in which clients count aloud. They publish by themselves, through whichever node they are on. */
@RealtimeRoom('ticks/:name', {
  events: { tick: TickDto },
  history: { size: 10_000, ttlMs: 600_000, bytes: 4_194_304 },
})
export class TickRooms implements RoomPolicy {
  canSubscribe(): boolean {
    return true;
  }

  canPublish(): boolean {
    return true;
  }

  canReadHistory(): boolean {
    return true;
  }
}
