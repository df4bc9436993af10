/**
 * One application in a process of its own, to be stopped and killed: rooms `chat/…` that everyone may
 * publish into, on Redis. Takes the options of `realtime.redis` from the command line as a JSON text.
 * Says where it listens, once it does.
 */
import 'reflect-metadata';

import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

import { RealtimeModule, RealtimeRoom } from '../../dist/index.js';

const redis = JSON.parse(process.argv[2]);

class ChatRooms {
  canSubscribe() {
    return true;
  }

  canPublish() {
    return true;
  }

  canSeePresence() {
    return true;
  }
}
RealtimeRoom('chat/:room', {
  events: { said: true },
  history: { size: 100_000, ttlMs: 600_000, bytes: 100_000_000 },
  presence: { graceMs: 500 },
})(ChatRooms);

class AppModule {}
const auth = { verify: (token) => ({ id: token.replace('token-', '') }) };
Module({
  imports: [RealtimeModule.forRoot({ auth, redis })],
  providers: [ChatRooms],
})(AppModule);

const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
await app.listen(0, '127.0.0.1');
process.stdout.write(`listening ${app.getHttpServer().address().port}\n`);
