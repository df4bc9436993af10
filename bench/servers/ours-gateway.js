/** Handlers of our server: the same echo, with more and more of Nest's pipeline before it. */
import {
  StandardSchemaValidationPipe,
  UseGuards,
  UseInterceptors,
  UsePipes,
  ValidationPipe,
} from '@nestjs/common';
import { MessageBody, SubscribeMessage } from '@nestjs/websockets';
import { IsInt, IsString, Length, Min } from 'class-validator';
import { z } from 'zod';

import { decorate } from './decorate.js';

class EchoDto {}
const dto = EchoDto.prototype;
IsInt()(dto, 'sentAt');
IsInt()(dto, 'sequence');
Min(0)(dto, 'sequence');
IsString()(dto, 'text');
Length(0, 128)(dto, 'text');

const schema = z.object({
  sentAt: z.int(),
  sequence: z.int().min(0),
  text: z.string().max(128),
});

class PassGuard {
  canActivate() {
    return true;
  }
}

class PassInterceptor {
  intercept(_context, next) {
    return next.handle();
  }
}

/** The events of the gateway, in the order in which the cost of each is compared with the first. */
export const HANDLERS = ['echo', 'guard', 'interceptor', 'class-validator', 'standard-schema'];

/** Makes the gateway class, and the providers it needs. */
export function makeGateway(RealtimeGateway) {
  class BenchGateway {}
  for (const event of HANDLERS) {
    BenchGateway.prototype[event] = function echo(payload) {
      return payload;
    };
    const method = [SubscribeMessage(event), ...(EXTRAS[event] ?? [])];
    const body = event === 'standard-schema' ? MessageBody({ schema }) : MessageBody();
    const types = [event === 'class-validator' ? EchoDto : Object];
    decorate(BenchGateway, event, { method, parameters: [body], types });
  }
  // For large payloads: the answer is as small as every other.
  BenchGateway.prototype.take = () => 'taken'.repeat(30);
  const take = { method: [SubscribeMessage('take')], parameters: [MessageBody()], types: [Object] };
  decorate(BenchGateway, 'take', take);
  RealtimeGateway()(BenchGateway);
  return { gateway: BenchGateway, providers: [PassGuard, PassInterceptor] };
}

const EXTRAS = {
  guard: [UseGuards(PassGuard)],
  interceptor: [UseInterceptors(PassInterceptor)],
  'class-validator': [UsePipes(new ValidationPipe({ whitelist: true, transform: true }))],
  'standard-schema': [UsePipes(new StandardSchemaValidationPipe())],
};
