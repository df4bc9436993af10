import 'reflect-metadata';

import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { SubscribeMessage } from '@nestjs/websockets';
import { RealtimeGateway, RealtimeModule } from 'nestjs-realtime';

// Decorators applied by hand: this application is run as it stands, without a compiler.
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
Module({ imports: [RealtimeModule.forRoot()], providers: [EchoGateway] })(AppModule);

const app = await NestFactory.create(AppModule, { logger: ['error'] });
await app.listen(0, '127.0.0.1');
console.log(`ws://127.0.0.1:${app.getHttpServer().address().port}/realtime`);
