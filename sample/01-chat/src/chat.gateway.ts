import { MessageBody, SubscribeMessage } from '@nestjs/websockets';
import { CurrentUser, Idempotent, RealtimeGateway, RoomService } from 'nestjs-realtime';

import type { ChatMessage, ChatUser, SentMessage } from './chat.contract.js';
import { SendMessageDto } from './send-message.dto.js';

@RealtimeGateway()
export class ChatGateway {
  constructor(private readonly rooms: RoomService) {}

  /** Takes a message and hands it to everyone in the room, its sender included. */
  @SubscribeMessage('chat.send')
  // If the connection breaks before the answer, the client asks again: the message is sent once.
  @Idempotent()
  async send(
    @MessageBody() { room, text }: SendMessageDto,
    @CurrentUser() { id, name }: ChatUser,
  ): Promise<SentMessage> {
    // The sender is what the session says, never what the message says.
    const message: ChatMessage = { text, from: { id, name } };
    const published = await this.rooms.publish(`chat/${room}`, 'chat.message', message);
    // What a handler returns is the client's answer; what it throws would be, too.
    return { id: published.id };
  }
}
