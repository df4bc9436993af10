/** This package as its users set it up: packed, default limits and heartbeat, JWT, rooms with history. */
import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

import { listen } from './listen.js';
import { makeGateway } from './ours-gateway.js';
import { SECRET } from './token.js';
import { countTraffic } from './traffic.js';

/**
 * All load comes from one address, and at once: how many a second are admitted is what is measured.
 * Nothing else is raised where there is one process.
 */
const LIMITS = {
  connectionsPerIp: 1_000_000,
  attemptsPerSecond: 1_000_000,
  attemptBurst: 1_000_000,
  upgradesPerSecond: 0,
};

/** Redis, where there are several processes; without, everything is in memory. */
const { BENCH_REDIS: url } = process.env;
const SHARED = url === undefined ? {} : { redis: { url } };
/**
 * A process that got few of 100 connections answers more than 2,000 requests a second on each of them,
 * which is what a connection may send. Still counted, never reached.
 */
const LIMITS_SHARED = url === undefined ? LIMITS : { ...LIMITS, messagesPerSecond: 1_000_000 };

/** Starts the server. `BENCH_PACKAGE` is the folder of the unpacked package. @param {object} [extra] more options. */
export async function start(extra = {}) {
  const folder = process.env.BENCH_PACKAGE;
  // By its name, from inside its folder: what `exports` lists and nothing else.
  const door = createRequire(join(folder, 'package.json')).resolve('nestjs-realtime');
  const realtime = await import(pathToFileURL(door).href);
  const { RealtimeModule, RealtimeRoom, RealtimeGateway, RoomService } = realtime;
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
        ...extra,
      }),
    ],
    providers: [BenchRooms, gateway, ...providers],
  })(BenchModule);
  const app = await NestFactory.create(BenchModule, { logger: ['error', 'fatal'] });
  const traffic = url === undefined ? undefined : countTraffic(app, realtime);
  await app.init();
  const port = await listen(app.getHttpServer());
  const rooms = app.get(RoomService);
  const publishNamed = namedPublish(app, realtime);
  return {
    port,
    traffic,
    connections: () => promisify((done) => app.getHttpServer().getConnections(done))(),
    acknowledged: (room, payload) => rooms.publish(room, 'message', payload),
    publish: (room, payload, id) => {
      const published =
        id === undefined
          ? rooms.publish(room, 'message', payload)
          : publishNamed(room, 'message', payload, id);
      published.catch(fail);
    },
  };
}

/** Publishes as for a client that names what it publishes, so that it takes effect once. */
function namedPublish(app, { REALTIME_BROKER, REALTIME_OPTIONS }) {
  const broker = app.get(REALTIME_BROKER);
  const { history } = app.get(REALTIME_OPTIONS).rooms;
  return (room, event, payload, id) => {
    const head = { id: randomUUID(), event, timestamp: Date.now() };
    const operation = { client: 'bench', id };
    return broker.publish(
      room,
      { ...head, payload: JSON.stringify(payload) },
      { history, operation },
    );
  };
}

/** A figure of a server that lost messages would be worth nothing. */
function fail(error) {
  console.error(error);
  process.exit(1);
}
