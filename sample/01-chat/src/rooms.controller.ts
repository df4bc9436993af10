import { Controller, Get } from '@nestjs/common';

import type { ChatRoom } from './chat.contract.js';
import { ROOMS } from './chat.rooms.js';

@Controller('rooms')
export class RoomsController {
  @Get()
  list(): readonly ChatRoom[] {
    return ROOMS;
  }
}
