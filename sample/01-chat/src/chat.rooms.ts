import { ExactSnapshot, RealtimeRoom, RoomService, type RoomPolicy } from 'nestjs-realtime';

import type { ChatLine, ChatMessage, ChatRoom, ChatState, ChatUser } from './chat.contract.js';

/** The rooms of this chat. */
export const ROOMS: readonly ChatRoom[] = [
  { name: 'general', topic: 'Whatever is on your mind' },
  { name: 'random', topic: 'Off topic is on topic' },
  { name: 'support', topic: 'Ask, and somebody may know' },
];

export const ROOM_NAMES = ROOMS.map(({ name }) => name);

/** Most messages that somebody who comes in is shown. */
const MAX_LINES = 1_000;

interface Params extends Record<string, string> {
  readonly room: string;
}

/** Says what clients may do in rooms. A room that no class declares is closed to them. */
@RealtimeRoom('chat/:room', {
  history: { size: MAX_LINES, ttlMs: 3_600_000 },
  // Long enough for a reload, short enough that who closes the window is soon gone.
  presence: { graceMs: 1_500 },
})
export class ChatRooms implements RoomPolicy<ChatUser, Params> {
  constructor(private readonly rooms: RoomService) {}

  canSubscribe(_user: ChatUser, { room }: Params): boolean {
    return ROOM_NAMES.includes(room);
  }

  /** Whoever is in a room may see who else is. */
  canSeePresence(user: ChatUser, params: Params): boolean {
    return this.canSubscribe(user, params);
  }

  presenceInfo({ name }: ChatUser): { readonly name: string } {
    return { name };
  }

  /** What was said lately, for those who come in and for those who were away for too long. */
  async snapshot({ room }: Params): Promise<ExactSnapshot> {
    const { messages, position } = await this.rooms.history(`chat/${room}`, {
      direction: 'backwards',
      limit: MAX_LINES,
    });
    const lines = messages.map(({ id, timestamp, payload }): ChatLine => {
      return { id, timestamp, message: payload as ChatMessage };
    });
    const state: ChatState = { lines: lines.reverse() };
    // The place in the stream that the state belongs to: what follows is neither missed nor doubled.
    return new ExactSnapshot(state, messages[0]?.position ?? position);
  }

  // No canPublish: messages go through the gateway, which puts the sender's name on them.
}
