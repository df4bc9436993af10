import { RealtimeRoom, type RoomPolicy } from 'nestjs-realtime';

/** Rooms for everyone who is signed in. What is kept of their messages lies in Redis. */
@RealtimeRoom('hall/:hall')
export class HallRooms implements RoomPolicy {
  canSubscribe(): boolean {
    return true;
  }

  /** Who is there, over all processes. */
  canSeePresence(): boolean {
    return true;
  }
}
