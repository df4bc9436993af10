import { Inject, Injectable, Scope } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { concat, finalize, NEVER, Observable, of, Subject, throwError } from 'rxjs';

import { RealtimeGateway, RequestSignal } from '../../lib/index.js';
import type { RawClient } from '../../lib/testing/index.js';
import { platforms, startApp, type RunningApp } from '../support/nest-app.js';
import { deferred, type Deferred } from '../support/turns.js';

/** What the streams of a test do. */
@Injectable()
class Streams {
  subject = new Subject<unknown>();
  started: Deferred<void> = deferred();
  stopped: Deferred<void> = deferred();
  go: Deferred<void> = deferred();

  reset(): void {
    this.subject = new Subject();
    this.started = deferred();
    this.stopped = deferred();
    this.go = deferred();
  }
}

@RealtimeGateway()
class AnswerGateway {
  constructor(private readonly streams: Streams) {}

  @SubscribeMessage('value')
  value(@MessageBody() payload: unknown): unknown {
    return { got: payload };
  }

  @SubscribeMessage('null')
  null(): null {
    return null;
  }

  @SubscribeMessage('falsy')
  falsy(@MessageBody() which: string): unknown {
    return which === 'zero' ? 0 : which === 'false' ? false : '';
  }

  @SubscribeMessage('void')
  void(): void {
    // Nothing to say: the request is acknowledged.
  }

  @SubscribeMessage('event-shaped')
  eventShaped(): unknown {
    return { event: 'other', data: 1 };
  }

  @SubscribeMessage('promise')
  async promise(@MessageBody() payload: unknown): Promise<unknown> {
    return Promise.resolve(payload);
  }

  @SubscribeMessage('unserialisable')
  unserialisable(): unknown {
    return { big: 1n };
  }

  @SubscribeMessage('array')
  array(): number[] {
    return [1, 2];
  }

  @SubscribeMessage('observable')
  observable(): Observable<number> {
    return of(1, 2, 3);
  }

  @SubscribeMessage('single')
  single(): Observable<string> {
    return of('only');
  }

  @SubscribeMessage('undeclared')
  undeclared(): unknown {
    return of('one', 'two');
  }

  @SubscribeMessage('promised-observable')
  async promisedObservable(): Promise<Observable<number>> {
    return Promise.resolve(of(4, 5));
  }

  @SubscribeMessage('subject')
  subject(): Observable<unknown> {
    return this.streams.subject.pipe(
      finalize(() => {
        this.streams.stopped.resolve();
      }),
    );
  }

  @SubscribeMessage('broken')
  broken(): Observable<number> {
    return concat(
      of(1, 2),
      throwError(() => new Error('secret of the stream')),
    );
  }

  @SubscribeMessage('generator')
  async *generator(@MessageBody() to: number): AsyncGenerator<number> {
    for (let item = 1; item <= to; item += 1) yield Promise.resolve(item);
  }

  @SubscribeMessage('iterable')
  iterable(): AsyncIterable<string> {
    const items = ['a', 'b'];
    return {
      [Symbol.asyncIterator]: () => ({
        next: () => {
          const value = items.shift();
          return Promise.resolve(
            value === undefined ? { done: true, value: undefined } : { done: false, value },
          );
        },
      }),
    };
  }

  @SubscribeMessage('endless')
  async *endless(): AsyncGenerator<number> {
    try {
      for (let item = 1; ; item += 1) {
        yield item;
        await this.streams.go.promise;
      }
    } finally {
      this.streams.stopped.resolve();
    }
  }

  @SubscribeMessage('broken-generator')
  async *brokenGenerator(): AsyncGenerator<number> {
    yield Promise.resolve(1);
    throw new Error('secret of the generator');
  }

  @SubscribeMessage('patient')
  async patient(@RequestSignal() signal: AbortSignal): Promise<string> {
    this.streams.started.resolve();
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => {
        this.streams.stopped.resolve();
        resolve();
      });
    });
    return 'too late';
  }

  @SubscribeMessage('never')
  never(): Observable<never> {
    this.streams.started.resolve();
    return NEVER.pipe(
      finalize(() => {
        this.streams.stopped.resolve();
      }),
    );
  }
}

/** Nest's own decorator: the same treatment. */
@WebSocketGateway()
class PlainGateway {
  @SubscribeMessage('plain')
  plain(@MessageBody('name') name: string): string {
    return `plain ${name}`;
  }
}

@Injectable()
class Greeting {
  readonly word = 'hello';
}

@WebSocketGateway()
class InjectedGateway {
  @Inject(Greeting)
  private readonly greeting!: Greeting;

  @SubscribeMessage('greet')
  greet(): string {
    return this.greeting.word;
  }
}

describe.each(platforms)('answers on %s', (platform) => {
  let app: RunningApp;
  let client: RawClient;
  let streams: Streams;

  beforeAll(async () => {
    app = await startApp({
      platform,
      providers: [
        AnswerGateway,
        PlainGateway,
        InjectedGateway,
        Streams,
        { provide: Greeting, useClass: Greeting, scope: Scope.DEFAULT },
      ],
    });
    streams = app.get(Streams);
  });

  beforeEach(async () => {
    streams.reset();
    client = await app.connect();
  });

  afterEach(async () => {
    streams.go.resolve();
    await client.close();
  });

  afterAll(async () => {
    await app.close();
  });

  /** Everything that answers one request, in order. */
  async function wholeAnswer(event: string, payload?: unknown): Promise<unknown[]> {
    client.send({ type: 'request', id: 'q', event, payload });
    const frames: unknown[] = [];
    for (;;) {
      const frame = await client.nextFrame();
      frames.push(frame);
      if (frame.type !== 'next') return frames;
    }
  }

  describe('of a value', () => {
    it('carry what the handler returned under the id of the request', async () => {
      expect(await client.request('7', 'value', { deep: [1, null] })).toEqual({
        type: 'response',
        id: '7',
        payload: { got: { deep: [1, null] } },
      });
    });

    it('carry what the handler resolved to', async () => {
      expect(await wholeAnswer('promise', 'later')).toEqual([
        { type: 'response', id: 'q', payload: 'later' },
      ]);
    });

    it('tell null from nothing', async () => {
      expect(await wholeAnswer('null')).toEqual([{ type: 'response', id: 'q', payload: null }]);
    });

    it.each([
      ['zero', 0],
      ['false', false],
      ['empty', ''],
    ])('carry %s', async (which, payload) => {
      expect(await wholeAnswer('falsy', which)).toEqual([{ type: 'response', id: 'q', payload }]);
    });

    it('acknowledge without payload when the handler returns nothing', async () => {
      expect(await wholeAnswer('void')).toEqual([{ type: 'response', id: 'q' }]);
    });

    it('pass an object that looks like a WsResponse on as it is', async () => {
      expect(await wholeAnswer('event-shaped')).toEqual([
        { type: 'response', id: 'q', payload: { event: 'other', data: 1 } },
      ]);
    });

    it('do not take an array for a stream', async () => {
      expect(await wholeAnswer('array')).toEqual([{ type: 'response', id: 'q', payload: [1, 2] }]);
    });

    it('are an internal error when JSON cannot hold the value', async () => {
      expect(await wholeAnswer('unserialisable')).toEqual([
        expect.objectContaining({ type: 'error', id: 'q', code: 'internal' }),
      ]);
    });
  });

  describe('of a stream', () => {
    const streamed = (...items: unknown[]): unknown[] => [
      ...items.map((payload) => ({ type: 'next', id: 'q', payload })),
      { type: 'complete', id: 'q' },
    ];

    it('carry an Observable as next, next, next, complete', async () => {
      expect(await wholeAnswer('observable')).toEqual(streamed(1, 2, 3));
    });

    it('carry an Observable of one item as a stream, too', async () => {
      expect(await wholeAnswer('single')).toEqual(streamed('only'));
    });

    it('carry an Observable that the return type does not declare', async () => {
      expect(await wholeAnswer('undeclared')).toEqual(streamed('one', 'two'));
    });

    it('carry an Observable that is promised', async () => {
      expect(await wholeAnswer('promised-observable')).toEqual(streamed(4, 5));
    });

    it('carry an async generator', async () => {
      expect(await wholeAnswer('generator', 3)).toEqual(streamed(1, 2, 3));
    });

    it('carry an async iterable that has no return()', async () => {
      expect(await wholeAnswer('iterable')).toEqual(streamed('a', 'b'));
    });

    it('complete at once when there is no item', async () => {
      expect(await wholeAnswer('generator', 0)).toEqual(streamed());
    });

    it('arrive item by item, not at the end', async () => {
      client.send({ type: 'request', id: 'q', event: 'endless' });
      expect(await client.nextFrame()).toEqual({ type: 'next', id: 'q', payload: 1 });
      streams.go.resolve();
      expect(await client.nextFrame()).toEqual({ type: 'next', id: 'q', payload: 2 });
    });

    it('let other requests be answered meanwhile', async () => {
      client.send({ type: 'request', id: 'q', event: 'endless' });
      await client.next('next');
      expect(await client.request('2', 'value', 1)).toMatchObject({ type: 'response', id: '2' });
    });

    it('of two requests do not mix their ids', async () => {
      client.send({ type: 'request', id: 'a', event: 'generator', payload: 2 });
      client.send({ type: 'request', id: 'b', event: 'generator', payload: 2 });
      await Promise.all([client.answer('a'), client.answer('b')]);
      const items = client.unread.map((frame) =>
        'payload' in frame ? [frame.id, frame.payload] : [],
      );
      expect(items.filter(([id]) => id === 'a')).toEqual([
        ['a', 1],
        ['a', 2],
      ]);
      expect(items.filter(([id]) => id === 'b')).toEqual([
        ['b', 1],
        ['b', 2],
      ]);
    });

    it.each([
      ['an Observable', 'broken', [1, 2], 'secret of the stream'],
      ['a generator', 'broken-generator', [1], 'secret of the generator'],
    ])(
      'end with an error after the items when %s fails, the reason only in the log',
      async (_what, event, items, secret) => {
        const frames = await wholeAnswer(event);
        expect(frames).toEqual([
          ...items.map((payload) => ({ type: 'next', id: 'q', payload })),
          {
            type: 'error',
            id: 'q',
            code: 'internal',
            message: 'the handler failed',
            retryable: false,
          },
        ]);
        expect(app.log.linesWith(secret)).toHaveLength(1);
        expect(app.log.errors.at(-1)).toContain(secret);
      },
    );
  });

  describe('of a request that is cancelled', () => {
    async function cancelled(): Promise<void> {
      client.send({ type: 'cancel', id: 'q' });
      expect(await client.answer('q')).toMatchObject({ type: 'error', code: 'cancelled' });
    }

    it('unsubscribe from its Observable', async () => {
      client.send({ type: 'request', id: 'q', event: 'subject' });
      client.send({ type: 'ping', id: 'p' });
      await client.next('pong');
      streams.subject.next(1);
      await client.next('next');
      await cancelled();
      await streams.stopped.promise;
      expect(streams.subject.observed).toBe(false);
    });

    it('run the finally of its generator', async () => {
      client.send({ type: 'request', id: 'q', event: 'endless' });
      await client.next('next');
      await cancelled();
      streams.go.resolve();
      await streams.stopped.promise;
    });

    it('send nothing more of its stream', async () => {
      client.send({ type: 'request', id: 'q', event: 'endless' });
      await client.next('next');
      await cancelled();
      streams.go.resolve();
      await client.request('2', 'value');
      expect(client.unread).toEqual([]);
    });

    it('abort the signal of its handler, whose value is dropped', async () => {
      client.send({ type: 'request', id: 'q', event: 'patient' });
      await streams.started.promise;
      await cancelled();
      await streams.stopped.promise;
      await client.request('2', 'value');
      expect(client.unread).toEqual([]);
    });

    it('are never given when the request had not begun', async () => {
      client.send({ type: 'request', id: '1', event: 'patient' });
      client.send({ type: 'request', id: 'q', event: 'value' });
      await cancelled();
      client.send({ type: 'cancel', id: '1' });
      await client.answer('1');
      await client.request('2', 'value');
      expect(client.unread).toEqual([]);
    });
  });

  describe('of a client that has gone', () => {
    it('abort the signal of the handler', async () => {
      client.send({ type: 'request', id: 'q', event: 'patient' });
      await streams.started.promise;
      client.socket.terminate();
      await streams.stopped.promise;
    });

    it('unsubscribe from the Observable', async () => {
      client.send({ type: 'request', id: 'q', event: 'never' });
      await streams.started.promise;
      client.socket.terminate();
      await streams.stopped.promise;
    });

    it('run the finally of the generator', async () => {
      client.send({ type: 'request', id: 'q', event: 'endless' });
      await client.next('next');
      client.socket.terminate();
      streams.go.resolve();
      await streams.stopped.promise;
    });
  });

  describe('of several gateways in one application', () => {
    it('come from the gateway that has the event', async () => {
      expect(await client.request('1', 'plain', { name: 'jane' })).toMatchObject({
        payload: 'plain jane',
      });
      expect(await client.request('2', 'greet')).toMatchObject({ payload: 'hello' });
      expect(await client.request('3', 'value', 1)).toMatchObject({ payload: { got: 1 } });
    });
  });
});
