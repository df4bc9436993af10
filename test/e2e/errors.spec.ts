import {
  BadGatewayException,
  BadRequestException,
  ConflictException,
  ForbiddenException,
  GatewayTimeoutException,
  HttpException,
  HttpStatus,
  ImATeapotException,
  InternalServerErrorException,
  NotFoundException,
  PayloadTooLargeException,
  RequestTimeoutException,
  ServiceUnavailableException,
  StandardSchemaValidationPipe,
  UnauthorizedException,
  UnprocessableEntityException,
  UsePipes,
  ValidationPipe,
} from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { MessageBody, SubscribeMessage, WsException } from '@nestjs/websockets';
import { IsInt, IsString, MaxLength, Min } from 'class-validator';
import { concat, of, throwError, type Observable } from 'rxjs';
import { z } from 'zod';

import { ErrorCode, RealtimeError, RealtimeGateway } from '../../lib/index.js';
import type { RawClient } from '../../lib/testing/index.js';
import { platforms, startApp, type RunningApp } from '../support/nest-app.js';

class SendDto {
  @IsString()
  @MaxLength(5)
  text!: string;

  @IsInt()
  @Min(1)
  count!: number;
}

const sendSchema = z.object({ text: z.string().max(5), count: z.number().int().default(1) });

/** What handlers throw, by name. */
const thrown = new Map<string, () => unknown>([
  ['ws-text', () => new WsException('not today')],
  [
    'ws-object',
    () => new WsException({ code: 'room-full', message: 'full', details: { max: 2 }, secret: 1 }),
  ],
  ['ws-object-without-code', () => new WsException({ status: 'error' })],
  [
    'realtime',
    () => new RealtimeError('too-loud', 'quiet, please', { retryAfterMs: 250, details: [1] }),
  ],
  [
    'realtime-with-cause',
    () => new RealtimeError(ErrorCode.Conflict, 'taken', { cause: new Error('secret cause') }),
  ],
  ['400', () => new BadRequestException('bad')],
  ['401', () => new UnauthorizedException('who')],
  ['403', () => new ForbiddenException('no')],
  ['404', () => new NotFoundException('nothing here')],
  ['408', () => new RequestTimeoutException('slow')],
  ['409', () => new ConflictException('taken')],
  ['413', () => new PayloadTooLargeException('big')],
  ['418', () => new ImATeapotException('teapot')],
  ['422', () => new UnprocessableEntityException('odd')],
  ['429', () => new HttpException('often', HttpStatus.TOO_MANY_REQUESTS)],
  ['500', () => new InternalServerErrorException('our fault')],
  ['502', () => new BadGatewayException('their fault')],
  ['503', () => new ServiceUnavailableException('later')],
  ['504', () => new GatewayTimeoutException('late')],
  ['text', () => 'secret text'],
  ['undefined', () => undefined],
  ['null', () => null],
  ['object', () => ({ secret: 'object' })],
]);

@RealtimeGateway()
class ErrorGateway {
  @SubscribeMessage('throw')
  throw(@MessageBody() what: string): never {
    throw thrown.get(what)?.();
  }

  @SubscribeMessage('reject')
  async reject(@MessageBody() what: string): Promise<never> {
    return Promise.reject(thrown.get(what)?.());
  }

  @SubscribeMessage('fail')
  fail(@MessageBody() text: string): never {
    throw new TypeError(`secret: ${text}`);
  }

  @SubscribeMessage('stream')
  stream(@MessageBody() what: string): Observable<number> {
    return concat(
      of(1, 2),
      throwError(() => thrown.get(what)?.()),
    );
  }

  @SubscribeMessage('generator')
  async *generator(@MessageBody() what: string): AsyncGenerator<number> {
    yield Promise.resolve(1);
    throw thrown.get(what)?.();
  }

  @UsePipes(new ValidationPipe())
  @SubscribeMessage('dto')
  dto(@MessageBody() message: SendDto): string {
    return message.text;
  }

  @UsePipes(new ValidationPipe({ errorHttpStatusCode: HttpStatus.UNPROCESSABLE_ENTITY }))
  @SubscribeMessage('dto-422')
  dto422(@MessageBody() message: SendDto): string {
    return message.text;
  }

  @UsePipes(new ValidationPipe({ exceptionFactory: (errors) => new WsException(errors) }))
  @SubscribeMessage('dto-factory')
  dtoFactory(@MessageBody() message: SendDto): string {
    return message.text;
  }

  @UsePipes(new StandardSchemaValidationPipe())
  @SubscribeMessage('schema')
  schema(@MessageBody({ schema: sendSchema }) message: unknown): unknown {
    return message;
  }

  @SubscribeMessage('echo')
  echo(@MessageBody() payload: unknown): unknown {
    return payload;
  }
}

describe.each(platforms)('errors on %s', (platform) => {
  let app: RunningApp;
  let client: RawClient;

  beforeAll(async () => {
    app = await startApp({ platform, providers: [ErrorGateway] });
  });

  beforeEach(async () => {
    client = await app.connect();
  });

  afterEach(async () => {
    expect(await client.request('after', 'echo', 'alive')).toMatchObject({ payload: 'alive' });
    await client.close();
  });

  afterAll(async () => {
    await app.close();
  });

  const error = (fields: object): object => ({
    type: 'error',
    id: '1',
    retryable: false,
    ...fields,
  });

  describe('that are made for clients', () => {
    it.each(['throw', 'reject'])('pass a WsException of a text (%s)', async (event) => {
      expect(await client.request('1', event, 'ws-text')).toEqual(
        error({ code: 'rejected', message: 'not today' }),
      );
    });

    it('pass code, message and details of a WsException of an object, and nothing else of it', async () => {
      expect(await client.request('1', 'throw', 'ws-object')).toEqual(
        error({ code: 'room-full', message: 'full', details: { max: 2 } }),
      );
    });

    it('give a WsException of an object without code the code rejected', async () => {
      expect(await client.request('1', 'throw', 'ws-object-without-code')).toEqual(
        error({ code: 'rejected', message: 'the request was refused' }),
      );
    });

    it.each([
      ['400', 'bad-request', 'bad', false],
      ['401', 'unauthorized', 'who', false],
      ['403', 'forbidden', 'no', false],
      ['404', 'not-found', 'nothing here', false],
      ['408', 'timeout', 'slow', true],
      ['409', 'conflict', 'taken', false],
      ['413', 'payload-too-large', 'big', false],
      ['418', 'bad-request', 'teapot', false],
      ['422', 'validation-failed', 'odd', false],
      ['429', 'rate-limited', 'often', true],
      ['500', 'internal', 'our fault', false],
      ['502', 'internal', 'their fault', false],
      ['503', 'unavailable', 'later', true],
      ['504', 'timeout', 'late', true],
    ])('map an HttpException of %s to %s', async (status, code, message, retryable) => {
      expect(await client.request('1', 'throw', status)).toEqual(
        error({ code, message, retryable }),
      );
    });

    it('pass everything of a RealtimeError', async () => {
      expect(await client.request('1', 'reject', 'realtime')).toEqual(
        error({ code: 'too-loud', message: 'quiet, please', retryAfterMs: 250, details: [1] }),
      );
    });

    it('keep the cause of a RealtimeError', async () => {
      expect(await client.request('1', 'reject', 'realtime-with-cause')).toEqual(
        error({ code: 'conflict', message: 'taken' }),
      );
    });

    it('are not logged', async () => {
      const before = app.log.errors.length;
      await client.request('1', 'throw', 'ws-text');
      await client.request('2', 'throw', '404');
      await client.request('3', 'throw', 'realtime');
      expect(app.log.errors.slice(before)).toEqual([]);
    });

    it.each(['stream', 'generator'])(
      'end a stream (%s) with their code after its items',
      async (event) => {
        client.send({ type: 'request', id: '1', event, payload: 'ws-text' });
        expect(await client.next('next')).toEqual({ type: 'next', id: '1', payload: 1 });
        expect(await client.answer('1')).toEqual(error({ code: 'rejected', message: 'not today' }));
      },
    );
  });

  describe('that nobody expected', () => {
    const internal = error({ code: 'internal', message: 'the handler failed' });

    it('tell the client nothing', async () => {
      expect(await client.request('1', 'fail', 'password')).toEqual(internal);
    });

    it('are logged once, with their stack', async () => {
      const before = app.log.errors.length;
      await client.request('1', 'fail', 'unique-7f3a');
      const lines = app.log.errors.slice(before);
      expect(lines).toHaveLength(1);
      expect(lines[0]).toContain('secret: unique-7f3a');
      expect(lines[0]).toContain('errors.spec');
    });

    it.each(['text', 'undefined', 'null', 'object'])('may be no Error (%s)', async (what) => {
      expect(await client.request('1', 'throw', what)).toEqual(internal);
      expect(await client.request('1', 'reject', what)).toEqual(internal);
    });
  });

  describe('of validation', () => {
    const secret = {
      text: 'payload-that-must-not-come-back',
      count: 'many',
      extra: 'secret-extra',
    };

    it.each(['dto', 'dto-422'])('list the rules that a DTO breaks (%s)', async (event) => {
      expect(await client.request('1', event, secret)).toEqual(
        error({
          code: 'validation-failed',
          message: 'the payload breaks the schema',
          details: [
            'text must be shorter than or equal to 5 characters',
            'count must not be less than 1',
            'count must be an integer number',
          ],
        }),
      );
    });

    it.each(['dto', 'dto-422', 'dto-factory', 'schema', 'fail'])(
      'never give the payload back (%s)',
      async (event) => {
        const text = JSON.stringify(await client.request('1', event, secret));
        expect(text).toMatch(/"type":"error"/);
        expect(text).not.toContain('must-not-come-back');
        expect(text).not.toContain('secret-extra');
        expect(text).not.toContain('many');
      },
    );

    it('do not come for a payload that keeps the rules', async () => {
      expect(await client.request('1', 'dto', { text: 'hi', count: 1 })).toMatchObject({
        type: 'response',
        payload: 'hi',
      });
    });

    it('list what a Standard Schema says', async () => {
      const answer = await client.request('1', 'schema', { text: 'much too long' });
      expect(answer).toMatchObject(error({ code: 'validation-failed' }));
      expect(JSON.stringify((answer as { details?: unknown }).details)).toContain('Too big');
    });

    it('hand what a Standard Schema made of the payload to the handler', async () => {
      expect(await client.request('1', 'schema', { text: 'hi', extra: 1 })).toMatchObject({
        payload: { text: 'hi', count: 1 },
      });
    });

    it.each([[undefined], [null], ['text'], [7], [[]]])(
      'meet a payload that is %j',
      async (payload) => {
        expect(await client.request('1', 'dto', payload)).toMatchObject(
          error({ code: 'validation-failed' }),
        );
      },
    );
  });
});
