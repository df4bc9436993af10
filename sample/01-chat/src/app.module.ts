import { Module, ValidationPipe } from '@nestjs/common';
import { APP_PIPE } from '@nestjs/core';
import { RealtimeModule } from 'nestjs-realtime';

import { ChatGateway } from './chat.gateway.js';
import { ChatRooms } from './chat.rooms.js';
import { RoomsController } from './rooms.controller.js';
import { SessionModule } from './session.module.js';
import { SessionStore } from './session.store.js';

@Module({
  imports: [
    SessionModule,
    RealtimeModule.forRootAsync({
      imports: [SessionModule],
      inject: [SessionStore],
      useFactory: (sessions: SessionStore) => ({
        // Asked before the first message: without a user there is no connection.
        auth: { verify: (token) => sessions.find(token) },
      }),
    }),
  ],
  controllers: [RoomsController],
  providers: [
    ChatGateway,
    ChatRooms,
    // One pipe for both doors: HTTP bodies and messages are checked against their DTOs alike.
    { provide: APP_PIPE, useValue: new ValidationPipe({ whitelist: true, transform: true }) },
  ],
})
export class AppModule {}
