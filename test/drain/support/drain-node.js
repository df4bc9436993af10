/**
 * One application in a process of its own, to be ended by signals: what a deploy does to it. Takes a JSON
 * text from the command line: `realtime`, options of the module, and `isSlow`, whether its start waits
 * until it is told `start` on its standard input. Says what it does.
 */
import 'reflect-metadata';

import { once } from 'node:events';

import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { SubscribeMessage } from '@nestjs/websockets';

import { RealtimeGateway, RealtimeModule, RealtimeRoom } from '../../../dist/index.js';

const { realtime, isSlow = false } = JSON.parse(process.argv[2]);
const say = (text) => process.stdout.write(`${text}\n`);

class ChatRooms {
  canSubscribe() {
    return true;
  }

  canPublish() {
    return true;
  }

  canReadHistory() {
    return true;
  }
}
RealtimeRoom('chat/:room', {
  events: { said: true },
  history: { size: 10_000, ttlMs: 600_000, bytes: 10_000_000 },
})(ChatRooms);

class WorkGateway {
  /** Takes as long as it is told. */
  async work(_client, milliseconds) {
    say('works');
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    return 'done';
  }

  /** Lets nothing else run for so long. */
  spin(_client, milliseconds) {
    const end = performance.now() + milliseconds;
    while (performance.now() < end);
    return 'awake';
  }

  throws() {
    throw new Error('a bug');
  }

  rejects() {
    return Promise.reject(new Error('a bug, later'));
  }
}
RealtimeGateway()(WorkGateway);
for (const name of ['work', 'spin', 'throws', 'rejects']) {
  const descriptor = Object.getOwnPropertyDescriptor(WorkGateway.prototype, name);
  SubscribeMessage(name)(WorkGateway.prototype, name, descriptor);
}

class SlowStart {
  async onModuleInit() {
    if (!isSlow) return;
    say('starts');
    await once(process.stdin, 'data');
  }
}

class AppModule {}
const auth = { verify: (token) => ({ id: token.replace('token-', '') }) };
Module({
  imports: [RealtimeModule.forRoot({ auth, ...realtime })],
  providers: [ChatRooms, WorkGateway, SlowStart],
})(AppModule);

const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
app.enableShutdownHooks(['SIGTERM'], { useProcessExit: true });
await app.listen(0, '127.0.0.1');
say(`listening ${app.getHttpServer().address().port}`);
