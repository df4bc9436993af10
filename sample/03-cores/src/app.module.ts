import { Module } from '@nestjs/common';
import { RealtimeModule } from 'nestjs-realtime';

import { HallGateway } from './hall.gateway.js';
import { HallRooms } from './hall.rooms.js';

const { REDIS_URL: url = 'redis://localhost:6379' } = process.env;

@Module({
  imports: [
    RealtimeModule.forRoot({
      // The token is the name: a stand-in for one that every process can verify, as `auth.jwt` does.
      auth: { verify: (name) => (/^\w{1,24}$/.test(name) ? { id: name } : undefined) },
      // What makes one server of several processes.
      redis: { url },
    }),
  ],
  providers: [HallGateway, HallRooms],
})
export class AppModule {}
