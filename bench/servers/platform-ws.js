/** `@nestjs/platform-ws` as Nest users write it: a gateway that keeps its rooms and loops over clients. */
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WsAdapter } from '@nestjs/platform-ws';
import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
} from '@nestjs/websockets';
import { WebSocket } from 'ws';

import { decorate } from './decorate.js';
import { listen } from './listen.js';
import { bearerOf, verifyToken } from './token.js';

class BenchGateway {
  rooms = new Map();

  async handleConnection(client, request) {
    try {
      client.user = await verifyToken(bearerOf(request.headers.authorization));
      client.send(JSON.stringify({ event: 'ready' }));
    } catch {
      client.close(4401, 'unauthorized');
    }
  }

  handleDisconnect(client) {
    for (const members of this.rooms.values()) members.delete(client);
  }

  join(client, { rooms }) {
    for (const room of client.user === undefined ? [] : rooms) {
      const members = this.rooms.get(room) ?? new Set();
      this.rooms.set(room, members.add(client));
    }
    return { event: 'joined' };
  }

  echo(payload) {
    return { event: 'echo', data: payload };
  }

  publish(room, payload) {
    const text = JSON.stringify({ event: 'message', data: payload });
    for (const client of this.rooms.get(room) ?? []) {
      if (client.readyState === WebSocket.OPEN) client.send(text);
    }
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
WebSocketGateway()(BenchGateway);

class BenchModule {}
Module({ providers: [BenchGateway] })(BenchModule);

/** Starts the server. */
export async function start() {
  const app = await NestFactory.create(BenchModule, { logger: ['error', 'fatal'] });
  app.useWebSocketAdapter(new WsAdapter(app));
  await app.init();
  const port = await listen(app.getHttpServer());
  const gateway = app.get(BenchGateway);
  return {
    port,
    publish: (room, payload) => gateway.publish(room, payload),
  };
}
