import { Module, ValidationPipe } from '@nestjs/common';
import { APP_PIPE } from '@nestjs/core';
import { RealtimeModule } from 'nestjs-realtime';

import { ChatGateway } from '../../01-chat/src/chat.gateway.js';
import { ChatRooms } from '../../01-chat/src/chat.rooms.js';
import { RoomsController } from '../../01-chat/src/rooms.controller.js';
import { NodeController } from './node.controller.js';
import { NodeGateway } from './node.gateway.js';
import { settings } from './settings.js';
import { SignInController } from './sign-in.controller.js';
import { TickRooms } from './tick.rooms.js';

const { redisUrl: url, secret } = settings;

@Module({
  imports: [
    RealtimeModule.forRoot({
      auth: {
        jwt: {
          secret,
          user: ({ sub, name }) => (sub === undefined ? undefined : { id: sub, name }),
        },
      },
      // What makes one server of three nodes.
      redis: { url },
      // The proxy runs on this machine. It says whom it speaks for; nobody else is believed.
      trustProxy: 'loopback',
    }),
  ],
  controllers: [SignInController, RoomsController, NodeController],
  providers: [
    // The chat of 01-chat, as it is: nothing in it is about nodes.
    ChatGateway,
    ChatRooms,
    NodeGateway,
    TickRooms,
    { provide: APP_PIPE, useValue: new ValidationPipe({ whitelist: true, transform: true }) },
  ],
})
export class AppModule {}
