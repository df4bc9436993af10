import { ValidationPipe } from '@nestjs/common';
import { MessageBody, SubscribeMessage } from '@nestjs/websockets';
import {
  CurrentUser,
  Idempotent,
  RealtimeGateway,
  RoomService,
  type RealtimeUser,
} from 'nestjs-realtime';

import type { Place, Said } from './hall.contract.js';
import { SayDto } from './say.dto.js';

@RealtimeGateway()
export class HallGateway {
  constructor(private readonly rooms: RoomService) {}

  /** Tells clients which process has their connection. */
  @SubscribeMessage('hall.where')
  where(): Place {
    return { pid: process.pid };
  }

  /** Hands a text to everyone in a hall, whichever process has their connection. */
  @SubscribeMessage('hall.say')
  // Asked again through another process, because this one died before it answered: said once.
  @Idempotent()
  async say(
    @MessageBody(new ValidationPipe()) { hall, text }: SayDto,
    @CurrentUser() { id }: RealtimeUser,
  ): Promise<Place> {
    const said: Said = { text, from: id, pid: process.pid };
    await this.rooms.publish(`hall/${hall}`, 'said', said);
    return this.where();
  }
}
