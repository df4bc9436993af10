/**
 * One node of the deploy, in a process of its own: this package as its users set it up, on Redis. Tells
 * the process that started it its port, and ends by SIGTERM as on any platform.
 */
import 'reflect-metadata';

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { SubscribeMessage } from '@nestjs/websockets';

/** Milliseconds that the handler takes. */
const WORK_MS = 50;
/** All load comes from one address. */
const LIMITS = {
  connectionsPerIp: 1_000_000,
  attemptsPerSecond: 1_000_000,
  attemptBurst: 1_000_000,
};

const { BENCH_PACKAGE: folder, BENCH_REDIS: url } = process.env;
// By its name, from inside its folder: what `exports` lists and nothing else.
const door = createRequire(join(folder, 'package.json')).resolve('nestjs-realtime');
const { RealtimeGateway, RealtimeModule, RealtimeRoom } = await import(pathToFileURL(door).href);

class HallRooms {
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
RealtimeRoom('hall/:name', { events: { said: true }, history: { size: 10_000 }, presence: true })(
  HallRooms,
);

class WorkGateway {
  async work() {
    await new Promise((resolve) => setTimeout(resolve, WORK_MS));
    return 'done';
  }
}
RealtimeGateway()(WorkGateway);
const work = Object.getOwnPropertyDescriptor(WorkGateway.prototype, 'work');
SubscribeMessage('work')(WorkGateway.prototype, 'work', work);

class DeployModule {}
const auth = { verify: (token) => ({ id: token }) };
Module({
  imports: [RealtimeModule.forRoot({ auth, limits: LIMITS, redis: { url } })],
  providers: [HallRooms, WorkGateway],
})(DeployModule);

const app = await NestFactory.create(DeployModule, { logger: ['error', 'fatal'] });
app.enableShutdownHooks(['SIGTERM'], { useProcessExit: true });
await app.listen(0, '127.0.0.1');
process.send({ port: app.getHttpServer().address().port });
// Whoever started it is gone: nothing must be left behind.
process.on('disconnect', () => process.exit(1));
