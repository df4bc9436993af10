/**
 * A worker: the module of a server, started without HTTP. Takes the options of Redis as a JSON text from
 * the command line, and calls of `RoomService` as lines of JSON on its standard input: name of the method
 * and arguments. Says what came of each, and whether anything ever listened. Ends by itself once closed.
 */
import 'reflect-metadata';

import { Server } from 'node:net';
import { createInterface } from 'node:readline';

import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { SubscribeMessage } from '@nestjs/websockets';

import { RealtimeGateway, RealtimeModule, RealtimeRoom, RoomService } from '../../dist/index.js';

let listened = 0;
const { listen } = Server.prototype;
Server.prototype.listen = function (...args) {
  listened += 1;
  return listen.apply(this, args);
};

class Typing {}

// Decorators applied by hand: this is run as it stands, without a compiler.
class TeamRooms {
  canSubscribe() {
    return true;
  }
}
RealtimeRoom('team/:name', {
  history: { size: 3 },
  events: { typing: Typing },
  volatile: ['typing'],
})(TeamRooms);

class EchoGateway {
  echo(client, payload) {
    return payload;
  }
}
SubscribeMessage('echo')(
  EchoGateway.prototype,
  'echo',
  Object.getOwnPropertyDescriptor(EchoGateway.prototype, 'echo'),
);
RealtimeGateway()(EchoGateway);

class AppModule {}
const redis = JSON.parse(process.argv[2]);
Module({
  imports: [RealtimeModule.forRoot({ redis, auth: { verify: () => undefined } })],
  providers: [TeamRooms, EchoGateway],
})(AppModule);

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error'] });
const rooms = app.get(RoomService);
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
say({ ready: true });
const lines = createInterface({ input: process.stdin });
for await (const line of lines) {
  const [method, ...args] = JSON.parse(line);
  if (method === 'close') break;
  say({ result: (await rooms[method](...args)) ?? null });
}
lines.close();
process.stdin.destroy();
await app.close();
say({ listened });
