import {
  Catch,
  Inject,
  Injectable,
  Scope,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  type ExceptionFilter,
  type ExecutionContext,
  type NestInterceptor,
  type PipeTransform,
  type Provider,
  type Type,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE, REQUEST } from '@nestjs/core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  BaseWsExceptionFilter,
  MessageBody,
  SubscribeMessage,
  WsException,
} from '@nestjs/websockets';
// A value import: a return type that is only imported as a type is not in the metadata.
import { catchError, concat, map, Observable, of, tap, throwError } from 'rxjs';

import {
  RealtimeError,
  RealtimeGateway,
  type RealtimeConnection,
  type RealtimeUser,
} from '../../lib/index.js';
import type { RawClient } from '../../lib/testing/index.js';
import { platforms, startApp, type RunningApp } from '../support/nest-app.js';

/** What ran, in order. Injected into every enhancer: that they run with DI is part of each test. */
@Injectable()
class Trace {
  steps: string[] = [];

  take(): string[] {
    return this.steps.splice(0);
  }
}

function guard(name: string): Type<CanActivate> {
  @Injectable()
  class TracingGuard implements CanActivate {
    constructor(@Inject(Trace) private readonly trace: Trace) {}

    canActivate(context: ExecutionContext): boolean {
      if (context.getType() !== 'ws') return true;
      this.trace.steps.push(`guard ${name}`);
      return true;
    }
  }
  return TracingGuard;
}

function interceptor(name: string): Type<NestInterceptor> {
  @Injectable()
  class TracingInterceptor implements NestInterceptor {
    constructor(@Inject(Trace) private readonly trace: Trace) {}

    intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
      this.trace.steps.push(`before ${name}`);
      return next.handle().pipe(
        tap({
          complete: () => {
            this.trace.steps.push(`after ${name}`);
          },
        }),
      );
    }
  }
  return TracingInterceptor;
}

function pipe(name: string): Type<PipeTransform> {
  @Injectable()
  class TracingPipe implements PipeTransform {
    constructor(@Inject(Trace) private readonly trace: Trace) {}

    transform(value: unknown): unknown {
      this.trace.steps.push(`pipe ${name}`);
      return value;
    }
  }
  return TracingPipe;
}

/** An error that only filters of the application know. */
class DomainError extends Error {}

function filter(name: string): Type<ExceptionFilter> {
  @Catch(DomainError)
  class TracingFilter implements ExceptionFilter {
    constructor(@Inject(Trace) private readonly trace: Trace) {}

    catch(_error: unknown, host: ArgumentsHost): void {
      this.trace.steps.push(`filter ${name}`);
      host.switchToWs().getClient<RealtimeConnection>().emit('exception', { by: name });
    }
  }
  return TracingFilter;
}

const [ClassGuard, MethodGuard] = [guard('class'), guard('method')];
const [ClassInterceptor, MethodInterceptor] = [interceptor('class'), interceptor('method')];
const [ClassPipe, MethodPipe] = [pipe('class'), pipe('method')];
const [ClassFilter, MethodFilter] = [filter('class'), filter('method')];

const globals: Provider[] = [
  { provide: APP_GUARD, useClass: guard('global') },
  { provide: APP_INTERCEPTOR, useClass: interceptor('global') },
  { provide: APP_PIPE, useClass: pipe('global') },
  { provide: APP_FILTER, useClass: filter('global') },
];

@UseGuards(ClassGuard)
@UseInterceptors(ClassInterceptor)
@UsePipes(ClassPipe)
@RealtimeGateway()
class TracedGateway {
  constructor(private readonly trace: Trace) {}

  @UseGuards(MethodGuard)
  @UseInterceptors(MethodInterceptor)
  @UsePipes(MethodPipe)
  @SubscribeMessage('traced')
  traced(@MessageBody() payload: unknown): unknown {
    this.trace.steps.push('handler');
    return payload;
  }

  @SubscribeMessage('traced.stream')
  stream(): Observable<number> {
    this.trace.steps.push('handler');
    return of(1, 2);
  }

  @SubscribeMessage('traced.generator')
  async *generator(): AsyncGenerator<number> {
    this.trace.steps.push('handler');
    yield Promise.resolve(1);
    yield 2;
  }

  @SubscribeMessage('traced.void')
  void(): void {
    this.trace.steps.push('handler');
  }

  @SubscribeMessage('unfiltered')
  unfiltered(): never {
    throw new DomainError('secret of the domain');
  }
}

@Catch()
class SwallowFilter implements ExceptionFilter {
  catch(): void {
    // Deals with the error in silence.
  }
}

@Catch(DomainError)
class TranslatingFilter implements ExceptionFilter {
  catch(error: Error): never {
    if (error.message === 'ws') throw new WsException('translated');
    throw new RealtimeError('domain', 'translated');
  }
}

@Catch(DomainError)
class BaseFilter extends BaseWsExceptionFilter {}

@UseFilters(ClassFilter)
@RealtimeGateway()
class FilteredGateway {
  constructor(private readonly trace: Trace) {}

  @SubscribeMessage('filtered.class')
  byClass(): never {
    throw new DomainError();
  }

  @UseFilters(MethodFilter)
  @SubscribeMessage('filtered.method')
  byMethod(): never {
    throw new DomainError();
  }

  @SubscribeMessage('filtered.other')
  other(): never {
    throw new WsException('not for the filter');
  }

  @UseFilters(SwallowFilter)
  @SubscribeMessage('filtered.swallowed')
  swallowed(): never {
    throw new DomainError();
  }

  @UseFilters(SwallowFilter)
  @SubscribeMessage('filtered.swallowed-stream')
  swallowedStream(): Observable<number> {
    return concat(
      of(1),
      throwError(() => new DomainError()),
    );
  }

  @UseFilters(SwallowFilter)
  @SubscribeMessage('filtered.value')
  value(@MessageBody() payload: unknown): unknown {
    return payload;
  }

  @UseFilters(SwallowFilter)
  @SubscribeMessage('filtered.void')
  void(): void {
    this.trace.steps.push('void');
  }

  @UseFilters(SwallowFilter)
  @SubscribeMessage('filtered.stream')
  stream(): Observable<number> {
    return of(1, 2);
  }

  @UseFilters(TranslatingFilter)
  @SubscribeMessage('filtered.translated')
  translated(@MessageBody() how: string): never {
    throw new DomainError(how);
  }

  @UseFilters(BaseFilter)
  @SubscribeMessage('filtered.base')
  base(): never {
    throw new DomainError('secret of the base');
  }
}

@Injectable()
class OnlyJane implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return context.switchToWs().getClient<{ user: RealtimeUser }>().user.id === 'jane';
  }
}

@Injectable()
class AsyncNobody implements CanActivate {
  canActivate(): Promise<boolean> {
    return Promise.resolve(false);
  }
}

@Injectable()
class Refuse implements CanActivate {
  canActivate(): boolean {
    throw new WsException({ code: 'not-yours', message: 'it is not yours' });
  }
}

/** Has one instance a connection. */
@Injectable({ scope: Scope.REQUEST })
class ScopedGuard implements CanActivate {
  private asked = 0;

  constructor(@Inject(REQUEST) private readonly connection: RealtimeConnection) {}

  canActivate(): boolean {
    this.asked += 1;
    return this.connection.user.id === 'ada' && this.asked <= 2;
  }
}

@RealtimeGateway()
class ScopedGuardGateway {
  @UseGuards(ScopedGuard)
  @SubscribeMessage('guarded.scoped')
  scoped(): string {
    return 'welcome';
  }
}

@RealtimeGateway()
class GuardedGateway {
  @UseGuards(OnlyJane)
  @SubscribeMessage('guarded')
  guarded(): string {
    return 'welcome';
  }

  @UseGuards(AsyncNobody)
  @SubscribeMessage('guarded.async')
  async(): string {
    return 'unreachable';
  }

  @UseGuards(Refuse)
  @SubscribeMessage('guarded.thrown')
  thrown(): string {
    return 'unreachable';
  }

  @UseFilters(SwallowFilter)
  @UseGuards(OnlyJane)
  @SubscribeMessage('guarded.swallowed')
  swallowed(): string {
    return 'welcome';
  }
}

@Injectable()
class DoubleInterceptor implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler<number>): Observable<number> {
    return next.handle().pipe(map((value) => value * 2));
  }
}

@Injectable()
class CachedInterceptor implements NestInterceptor {
  intercept(): Observable<unknown> {
    return of('cached');
  }
}

@Injectable()
class FallbackInterceptor implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(catchError(() => of('fallback')));
  }
}

@Injectable()
class ThrowingInterceptor implements NestInterceptor {
  intercept(): never {
    throw new RealtimeError('intercepted', 'not through here');
  }
}

@Injectable()
class ThrowingPipe implements PipeTransform {
  transform(): never {
    throw new RealtimeError('piped', 'not through here');
  }
}

@UseInterceptors(DoubleInterceptor)
@RealtimeGateway()
class DoublingGateway {
  @SubscribeMessage('double.value')
  value(): number {
    return 21;
  }

  @SubscribeMessage('double.promise')
  async promise(): Promise<number> {
    return Promise.resolve(21);
  }

  @SubscribeMessage('double.stream')
  stream(): Observable<number> {
    return of(1, 2, 3);
  }

  @SubscribeMessage('double.one-item')
  oneItem(): Observable<number> {
    return of(1);
  }

  @SubscribeMessage('double.undeclared')
  undeclared(): unknown {
    return of(1, 2);
  }
}

@UseInterceptors(CachedInterceptor)
@RealtimeGateway()
class CachedGateway {
  @SubscribeMessage('cached')
  cached(): string {
    return 'fresh';
  }

  @UseFilters(SwallowFilter)
  @SubscribeMessage('cached.filtered')
  filtered(): string {
    return 'fresh';
  }
}

@UseInterceptors(FallbackInterceptor)
@RealtimeGateway()
class FallbackGateway {
  @SubscribeMessage('fallback')
  fallback(): never {
    throw new Error('caught by the interceptor');
  }

  @UseFilters(SwallowFilter)
  @SubscribeMessage('fallback.filtered')
  filtered(): never {
    throw new Error('caught by the interceptor');
  }
}

@RealtimeGateway()
class ThrowingEnhancersGateway {
  @UseInterceptors(ThrowingInterceptor)
  @SubscribeMessage('intercepted')
  intercepted(): string {
    return 'unreachable';
  }

  @UsePipes(ThrowingPipe)
  @SubscribeMessage('piped')
  piped(@MessageBody() payload: unknown): unknown {
    return payload;
  }
}

describe.each(platforms)('enhancers on %s', (platform) => {
  let app: RunningApp;
  let client: RawClient;

  afterEach(async () => {
    await client.close();
  });

  afterAll(async () => {
    await app.close();
  });

  const error = (code: string, message: string): object => ({
    type: 'error',
    id: '1',
    code,
    message,
    retryable: false,
  });

  describe('at every level', () => {
    beforeAll(async () => {
      app = await startApp({
        platform,
        providers: [TracedGateway, FilteredGateway, Trace, ...globals],
      });
    });

    afterAll(async () => {
      await app.close();
    });

    beforeEach(async () => {
      client = await app.connect();
      app.get(Trace).take();
    });

    it('run from the outside to the inside, around the handler', async () => {
      expect(await client.request('1', 'traced', 'x')).toMatchObject({ payload: 'x' });
      expect(app.get(Trace).take()).toEqual([
        'guard global',
        'guard class',
        'guard method',
        'before global',
        'before class',
        'before method',
        'pipe global',
        'pipe class',
        'pipe method',
        'handler',
        'after method',
        'after class',
        'after global',
      ]);
    });

    it('run around a handler that acknowledges', async () => {
      expect(await client.request('1', 'traced.void')).toEqual({ type: 'response', id: '1' });
      expect(app.get(Trace).take()).toContain('after global');
    });

    it.each(['traced.stream', 'traced.generator'])('run around a stream (%s)', async (event) => {
      expect(await client.request('1', event)).toEqual({ type: 'complete', id: '1' });
      expect(client.unread).toEqual([
        { type: 'next', id: '1', payload: 1 },
        { type: 'next', id: '1', payload: 2 },
      ]);
      expect(app.get(Trace).take()).toEqual(
        expect.arrayContaining(['guard class', 'before class', 'handler', 'after class']),
      );
    });

    it.each([
      ['class', 'filtered.class'],
      ['method', 'filtered.method'],
    ])('run the filter of the %s', async (by, event) => {
      await client.request('1', event);
      expect(app.get(Trace).take()).toContain(`filter ${by}`);
    });

    it('run no global filter, as Nest 12 does with gateways, and answer all the same', async () => {
      expect(await client.request('1', 'unfiltered')).toEqual(
        error('internal', 'the handler failed'),
      );
      expect(app.get(Trace).take()).not.toContain('filter global');
    });
  });

  describe('of one handler', () => {
    beforeAll(async () => {
      app = await startApp({
        platform,
        providers: [
          FilteredGateway,
          GuardedGateway,
          ScopedGuardGateway,
          DoublingGateway,
          CachedGateway,
          FallbackGateway,
          ThrowingEnhancersGateway,
          Trace,
        ],
      });
    });

    beforeEach(async () => {
      client = await app.connect();
    });

    describe('a guard', () => {
      it('lets the user in that it knows', async () => {
        const jane = await app.connect('token-jane');
        expect(await jane.request('1', 'guarded')).toMatchObject({ payload: 'welcome' });
        await jane.close();
      });

      it.each(['guarded', 'guarded.async'])(
        'that says no answers forbidden (%s)',
        async (event) => {
          expect(await client.request('1', event)).toEqual(
            error('forbidden', 'Forbidden resource'),
          );
        },
      );

      it('that throws answers what it threw', async () => {
        expect(await client.request('1', 'guarded.thrown')).toEqual(
          error('not-yours', 'it is not yours'),
        );
      });

      it('answers each request under its own id', async () => {
        client.send({ type: 'request', id: 'a', event: 'guarded' });
        client.send({ type: 'request', id: 'b', event: 'guarded.thrown' });
        expect(await client.answer('b')).toMatchObject({ id: 'b', code: 'not-yours' });
        expect(await client.answer('a')).toMatchObject({ id: 'a', code: 'forbidden' });
      });

      it('may be request-scoped: it has the connection, and an instance for each', async () => {
        for (const id of ['1', '2']) {
          expect(await client.request(id, 'guarded.scoped')).toMatchObject({ payload: 'welcome' });
        }
        expect(await client.request('3', 'guarded.scoped')).toMatchObject({ code: 'forbidden' });
        const other = await app.connect();
        expect(await other.request('1', 'guarded.scoped')).toMatchObject({ payload: 'welcome' });
        await other.close();
      });

      it('whose refusal a filter swallows still answers forbidden', async () => {
        expect(await client.request('1', 'guarded.swallowed')).toEqual(
          error('forbidden', 'the request is not allowed'),
        );
      });
    });

    describe('a filter', () => {
      it.each([
        ['the class', 'filtered.class', 'class'],
        ['the method', 'filtered.method', 'method'],
      ])('of %s can send to the client, who is answered, too', async (_level, event, by) => {
        const answer = await client.request('1', event);
        expect(answer).toEqual(error('rejected', 'the request was refused'));
        expect(await client.next('message')).toMatchObject({ event: 'exception', payload: { by } });
      });

      it('leaves what it does not catch to the next one', async () => {
        expect(await client.request('1', 'filtered.other')).toEqual(
          error('rejected', 'not for the filter'),
        );
      });

      it('that swallows the error does not make it a success', async () => {
        expect(await client.request('1', 'filtered.swallowed')).toEqual(
          error('rejected', 'the request was refused'),
        );
      });

      it('that swallows the error of a stream does not complete it', async () => {
        expect(await client.request('1', 'filtered.swallowed-stream')).toEqual(
          error('rejected', 'the request was refused'),
        );
        expect(client.unread).toEqual([{ type: 'next', id: '1', payload: 1 }]);
      });

      it.each([
        ['real', 'domain'],
        ['ws', 'rejected'],
      ])('may throw what the client is to be told (%s)', async (how, code) => {
        expect(await client.request('1', 'filtered.translated', how)).toEqual(
          error(code, 'translated'),
        );
      });

      it('that extends the one of Nest sends its exception event, without the payload of unknown errors', async () => {
        expect(await client.request('1', 'filtered.base', 'secret payload')).toMatchObject({
          type: 'error',
          id: '1',
          code: 'rejected',
        });
        expect(await client.next('message')).toMatchObject({ event: 'exception' });
      });

      it('leaves a value alone', async () => {
        expect(await client.request('1', 'filtered.value', 5)).toEqual({
          type: 'response',
          id: '1',
          payload: 5,
        });
      });

      it('leaves an acknowledgement alone', async () => {
        expect(await client.request('1', 'filtered.void')).toEqual({ type: 'response', id: '1' });
      });

      it('leaves a stream alone', async () => {
        expect(await client.request('1', 'filtered.stream')).toEqual({ type: 'complete', id: '1' });
        expect(client.unread).toHaveLength(2);
      });
    });

    describe('an interceptor', () => {
      it.each(['double.value', 'double.promise'])('maps a value (%s)', async (event) => {
        expect(await client.request('1', event)).toEqual({
          type: 'response',
          id: '1',
          payload: 42,
        });
      });

      it.each([
        ['double.stream', [2, 4, 6]],
        ['double.one-item', [2]],
        ['double.undeclared', [2, 4]],
      ])('maps every item of a stream (%s)', async (event, items) => {
        expect(await client.request('1', event)).toEqual({ type: 'complete', id: '1' });
        expect(client.unread).toEqual(items.map((payload) => ({ type: 'next', id: '1', payload })));
      });

      it('may answer by itself', async () => {
        expect(await client.request('1', 'cached')).toMatchObject({ payload: 'cached' });
      });

      it('may answer by itself where there are filters', async () => {
        expect(await client.request('1', 'cached.filtered')).toMatchObject({ payload: 'cached' });
      });

      it('may turn an error into a value', async () => {
        expect(await client.request('1', 'fallback')).toMatchObject({ payload: 'fallback' });
      });

      it('may turn an error into a value where there are filters', async () => {
        expect(await client.request('1', 'fallback.filtered')).toMatchObject({
          payload: 'fallback',
        });
      });

      it('that throws answers what it threw', async () => {
        expect(await client.request('1', 'intercepted')).toEqual(
          error('intercepted', 'not through here'),
        );
      });
    });

    it('answer what a pipe threw', async () => {
      expect(await client.request('1', 'piped', 1)).toEqual(error('piped', 'not through here'));
    });
  });
});
