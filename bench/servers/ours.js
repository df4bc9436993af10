/** This package as its users set it up: packed, default limits and heartbeat, JWT, rooms with history. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

import { listen } from './listen.js';
import { makeGateway } from './ours-gateway.js';
import { SECRET } from './token.js';

/** All load comes from one address. Nothing else is raised where there is one process. */
const LIMITS = {
  connectionsPerIp: 1_000_000,
  attemptsPerSecond: 1_000_000,
  attemptBurst: 1_000_000,
};

/** Redis, where there are several processes; without, everything is in memory. */
const { BENCH_REDIS: url } = process.env;
const SHARED = url === undefined ? {} : { redis: { url } };
/**
 * A process that got few of 100 connections answers more than 2,000 requests a second on each of them,
 * which is what a connection may send. Still counted, never reached.
 */
const LIMITS_SHARED = url === undefined ? LIMITS : { ...LIMITS, messagesPerSecond: 1_000_000 };

/** Starts the server. `BENCH_PACKAGE` is the folder of the unpacked package. */
export async function start() {
  const folder = process.env.BENCH_PACKAGE;
  // By its name, from inside its folder: what `exports` lists and nothing else.
  const door = createRequire(join(folder, 'package.json')).resolve('nestjs-realtime');
  const { RealtimeModule, RealtimeRoom, RealtimeGateway, RoomService } = await import(
    pathToFileURL(door).href
  );
  class BenchRooms {
    canSubscribe() {
      return true;
    }
  }
  RealtimeRoom('bench/:room')(BenchRooms);
  const { gateway, providers } = makeGateway(RealtimeGateway);
  class BenchModule {}
  Module({
    imports: [
      RealtimeModule.forRoot({
        auth: { jwt: { secret: SECRET } },
        limits: LIMITS_SHARED,
        ...SHARED,
      }),
    ],
    providers: [BenchRooms, gateway, ...providers],
  })(BenchModule);
  const app = await NestFactory.create(BenchModule, { logger: ['error', 'fatal'] });
  await app.init();
  const port = await listen(app.getHttpServer());
  const rooms = app.get(RoomService);
  return {
    port,
    connections: () => promisify((done) => app.getHttpServer().getConnections(done))(),
    publish: (room, payload) => {
      rooms.publish(room, 'message', payload).catch(fail);
    },
  };
}

/** A figure of a server that lost messages would be worth nothing. */
function fail(error) {
  console.error(error);
  process.exit(1);
}
