/**
 * The server that is fuzzed, in a process of its own: a crash is seen, and its memory is only its
 * own. Run by `scripts/fuzz.js` with `--expose-gc`; answers `report` with its memory and connections.
 */
import 'reflect-metadata';

import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { SubscribeMessage } from '@nestjs/websockets';

const { REALTIME_OBSERVER, RealtimeGateway, RealtimeModule, RealtimeRoom, RoomService } =
  await import(new URL('index.js', process.argv[2]));

class EchoGateway {
  echo(_client, payload) {
    return payload;
  }
}
RealtimeGateway()(EchoGateway);
SubscribeMessage('echo')(
  EchoGateway.prototype,
  'echo',
  Object.getOwnPropertyDescriptor(EchoGateway.prototype, 'echo'),
);

class OpenRooms {
  canSubscribe() {
    return true;
  }

  canPublish() {
    return true;
  }
}
RealtimeRoom('*', { events: { typing: true, note: true, 'chat.message': true } })(OpenRooms);

class FuzzModule {}
const unbounded = 1_000_000_000;
Module({
  imports: [
    RealtimeModule.forRoot({
      auth: { verify: (token) => ({ id: token }) },
      limits: {
        attemptsPerSecond: unbounded,
        attemptBurst: unbounded,
        connectionsPerIp: unbounded,
        connectionsPerUser: unbounded,
      },
    }),
  ],
  providers: [EchoGateway, OpenRooms],
})(FuzzModule);

const app = await NestFactory.create(FuzzModule, { logger: ['warn', 'error', 'fatal'] });
// Whatever the server finds worth a line in the log is worth one here.
const failures = [];
const observer = app.get(REALTIME_OBSERVER, { strict: false });
const report = observer.failed.bind(observer);
observer.failed = (where, error) => {
  failures.push(where);
  report(where, error);
};
await app.listen(0, '127.0.0.1');
process.send({ port: app.getHttpServer().address().port });

process.on('message', async (message) => {
  if (message === 'stop') {
    await app.close();
    process.disconnect();
    return;
  }
  const rooms = app.get(RoomService);
  globalThis.gc();
  globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  process.send({
    connections: await rooms.connectionCount(),
    usedBytes: heapUsed + external,
    failures: failures.length,
  });
});

// Nobody is left to answer to.
process.on('disconnect', () => process.exit());
