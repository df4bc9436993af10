import { RealtimeRoom, type RoomPolicy } from 'nestjs-realtime';

import type { ChatRoom, ChatUser } from './chat.contract.js';

/** The rooms of this chat. */
export const ROOMS: readonly ChatRoom[] = [
  { name: 'general', topic: 'Whatever is on your mind' },
  { name: 'random', topic: 'Off topic is on topic' },
  { name: 'support', topic: 'Ask, and somebody may know' },
];

export const ROOM_NAMES = ROOMS.map(({ name }) => name);

/** Says which rooms clients may listen to. A room that no class declares is closed to them. */
@RealtimeRoom('chat/:room')
export class ChatRooms implements RoomPolicy<ChatUser, { room: string }> {
  canSubscribe(_user: ChatUser, { room }: { room: string }): boolean {
    return ROOM_NAMES.includes(room);
  }

  // No canPublish: messages go through the gateway, which puts the sender's name on them.
}
