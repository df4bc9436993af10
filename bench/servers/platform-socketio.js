/** `@nestjs/platform-socket.io` as Nest users write it: a gateway, rooms, acknowledgements. */
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
} from '@nestjs/websockets';

import { decorate } from './decorate.js';
import { listen } from './listen.js';
import { verifyToken } from './token.js';

class BenchGateway {
  afterInit(server) {
    server.use(async (socket, next) => {
      try {
        socket.data.user = await verifyToken(socket.handshake.auth.token);
        next();
      } catch {
        next(new Error('unauthorized'));
      }
    });
  }

  async join(client, { rooms }) {
    await client.join(rooms);
    return {};
  }

  echo(payload) {
    return payload;
  }

  publish(room, payload) {
    this.server.to(room).emit('message', payload);
  }
}
decorate(BenchGateway, 'join', {
  method: [SubscribeMessage('join')],
  parameters: [ConnectedSocket(), MessageBody()],
  types: [Object, Object],
});
decorate(BenchGateway, 'echo', {
  method: [SubscribeMessage('echo')],
  parameters: [MessageBody()],
  types: [Object],
});
WebSocketServer()(BenchGateway.prototype, 'server');
WebSocketGateway({ transports: ['websocket'] })(BenchGateway);

class BenchModule {}
Module({ providers: [BenchGateway] })(BenchModule);

/** Starts the server. Without another adapter Nest takes that of Socket.IO. */
export async function start() {
  const app = await NestFactory.create(BenchModule, { logger: ['error', 'fatal'] });
  await app.init();
  const port = await listen(app.getHttpServer());
  const gateway = app.get(BenchGateway);
  return {
    port,
    publish: (room, payload) => gateway.publish(room, payload),
  };
}
