import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { RealtimeError, StreamSource, type StreamSink } from '../../lib/core/index.js';
import { Credit } from '../../lib/core/credit.js';
import { EncodedReply } from '../../lib/core/encoded-reply.js';
import { Outbox } from '../../lib/core/outbox.js';
import { Requests, type Handle } from '../../lib/core/requests.js';
import { Payload, type RequestFrame, type ServerFrame } from '../../lib/protocol/index.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import { RecordingObserver } from '../support/fakes.js';
import { MemoryLink } from '../support/memory-link.js';
import { deferred, turn, turns, type Deferred } from '../support/turns.js';

function request(id: string, payload?: unknown, credit?: number): RequestFrame<Payload> {
  const wrapped = Payload.of(payload);
  return {
    type: 'request',
    id,
    event: 'ask',
    ...(wrapped ? { payload: wrapped } : {}),
    ...(credit === undefined ? {} : { credit }),
  };
}

/** The requests of one connection whose outbox is open. */
class Bench {
  readonly clock = new ManualClock();
  readonly link = new MemoryLink();
  readonly observer = new RecordingObserver();
  readonly outbox: Outbox;
  readonly requests: Requests;
  readonly #handles = new WeakMap<object, Handle>();
  overflows = 0;

  constructor(streams = 100, outboxBytes = 1_000, streamBufferBytes = 100_000) {
    this.outbox = new Outbox(this.link, outboxBytes, () => {
      this.overflows += 1;
    });
    this.outbox.open({
      type: 'connected',
      connectionId: 'c1',
      user: { id: 'ada' },
      heartbeat: { intervalMs: 1, timeoutMs: 2 },
      limits: { frameBytes: 1, rooms: 1 },
    });
    this.link.frames();
    const { outbox, observer, clock } = this;
    const limits = { streams, outboxBytes, streamBufferBytes };
    this.requests = new Requests(outbox, { observer, clock, limits }, (context) => {
      const handle = this.#handles.get(context);
      if (handle === undefined) throw new Error('expected a request that was accepted');
      return handle(context);
    });
  }

  /** Accepts a request that is answered so when it is run. */
  accept(
    frame: RequestFrame<Payload>,
    handle: Handle,
    isIdempotent = false,
  ): (() => Promise<void> | undefined) | undefined {
    const task = this.requests.accept(frame, 0, isIdempotent);
    if (task === undefined) return undefined;
    this.#handles.set(task, handle);
    return () => task.run();
  }

  /** Accepts a request and runs it at once. */
  start(id: string, handle: Handle): Promise<void> | undefined {
    return this.accept(request(id), handle)?.();
  }

  /** Accepts a request of a stream whose client takes so many items, and runs it at once. */
  async stream(id: string, credit: number, source: StreamSource): Promise<void> {
    await this.accept(request(id, undefined, credit), () => Promise.resolve(source))?.();
  }

  frames(): ServerFrame[] {
    return this.link.frames();
  }

  /** Payloads of items that came since the last call; other frames by their type. */
  items(): unknown[] {
    return this.frames().map((frame) => (frame.type === 'next' ? frame.payload : frame.type));
  }
}

/** Items that count up, and how many were made. */
class Counter {
  made = 0;

  async *items(upTo = Infinity) {
    while (this.made < upTo) yield await Promise.resolve((this.made += 1));
  }

  source(upTo?: number): StreamSource {
    return StreamSource.fromAsyncIterable(this.items(upTo));
  }
}

/** A source that a test drives by hand. */
class HandSource {
  sink!: StreamSink;
  stops = 0;
  readonly source = new StreamSource((sink) => {
    this.sink = sink;
    return () => {
      this.stops += 1;
    };
  });
}

const isFinal = ({ type }: ServerFrame): boolean =>
  type === 'response' || type === 'complete' || type === 'error';

describe('requests', () => {
  it('answer with what the handler returns, under the request’s id', async () => {
    const bench = new Bench();
    await bench.start('7', ({ event, payload, id }) => Promise.resolve({ event, payload, id }));
    expect(bench.frames()).toEqual([
      { type: 'response', id: '7', payload: { event: 'ask', id: '7' } },
    ]);
    expect(bench.requests.size).toBe(0);
  });

  it('hand the payload’s value to the handler', async () => {
    const bench = new Bench();
    const seen: unknown[] = [];
    await bench.accept(request('1', { a: [1] }), (context) => {
      seen.push(context.payload);
      return Promise.resolve();
    })?.();
    expect(seen).toEqual([{ a: [1] }]);
    expect(bench.frames()).toEqual([{ type: 'response', id: '1' }]);
  });

  it('refuse an id that is in use, and let the first request go on', async () => {
    const bench = new Bench();
    const gate = deferred();
    const first = bench.start('1', () => gate.promise);
    expect(bench.start('1', () => Promise.resolve('second'))).toBeUndefined();
    expect(bench.frames()).toEqual([
      expect.objectContaining({ type: 'error', id: '1', code: 'duplicate-id' }),
    ]);
    gate.resolve();
    await first;
    expect(bench.frames()).toEqual([{ type: 'response', id: '1' }]);
  });

  it('take an id again once it was answered', async () => {
    const bench = new Bench();
    await bench.start('1', () => Promise.resolve('a'));
    await bench.start('1', () => Promise.resolve('b'));
    expect(bench.frames()).toMatchObject([{ payload: 'a' }, { payload: 'b' }]);
  });

  it('tell a RealtimeError as it is, without its cause', async () => {
    const bench = new Bench();
    const cause = new Error('secret');
    const options = { details: { limit: 5 }, retryAfterMs: 250, cause };
    await bench.start('1', () =>
      Promise.reject(new RealtimeError('rate-limited', 'slow', options)),
    );
    expect(bench.frames()).toEqual([
      {
        type: 'error',
        id: '1',
        code: 'rate-limited',
        message: 'slow',
        retryable: true,
        retryAfterMs: 250,
        details: { limit: 5 },
      },
    ]);
    expect(bench.observer.failures).toEqual([]);
  });

  it('tell nothing of an unknown error but that there was one, and log it', async () => {
    const bench = new Bench();
    const error = new Error('SELECT * FROM users');
    await bench.start('1', () => Promise.reject(error));
    expect(bench.frames()).toEqual([
      {
        type: 'error',
        id: '1',
        code: 'internal',
        message: 'the handler failed',
        retryable: false,
      },
    ]);
    expect(bench.observer.failures).toEqual([{ where: 'request handler', error }]);
  });

  it('answer internal to a handler that throws instead of rejecting', async () => {
    const bench = new Bench();
    await bench.start('1', () => {
      throw new Error('at once');
    });
    expect(bench.frames()).toMatchObject([{ type: 'error', code: 'internal' }]);
  });

  it.each<[string, () => unknown]>([
    ['a BigInt', () => 10n],
    [
      'a cycle',
      () => {
        const cycle: unknown[] = [];
        cycle.push(cycle);
        return cycle;
      },
    ],
    [
      'a throwing toJSON',
      () => ({
        toJSON: () => {
          throw new Error('no');
        },
      }),
    ],
    [
      'P-03 a depth that JSON.stringify cannot take',
      () => {
        let deep: unknown[] = [];
        for (let level = 0; level < 100_000; level += 1) deep = [deep];
        return deep;
      },
    ],
  ])('answer internal where the result is %s', async (_, make) => {
    const bench = new Bench();
    await bench.start('1', () => Promise.resolve(make()));
    expect(bench.frames()).toMatchObject([{ type: 'error', id: '1', code: 'internal' }]);
    expect(bench.requests.size).toBe(0);
  });

  it('acknowledge results that JSON leaves out', async () => {
    const bench = new Bench();
    await bench.start('1', () => Promise.resolve(() => 'a function'));
    await bench.start('2', () => Promise.resolve(null));
    expect(bench.frames()).toEqual([
      { type: 'response', id: '1' },
      { type: 'response', id: '2', payload: null },
    ]);
  });
});

describe('cancelling', () => {
  it('answers cancelled, aborts the signal, and drops what the handler still returns', async () => {
    const bench = new Bench();
    const gate = deferred<string>();
    let signal: AbortSignal | undefined;
    const done = bench.start('1', (context) => {
      signal = context.signal;
      return gate.promise;
    });
    expect(signal?.aborted).toBe(false);
    bench.requests.cancel('1');
    expect(signal?.aborted).toBe(true);
    gate.resolve('late');
    await done;
    expect(bench.frames()).toMatchObject([{ type: 'error', id: '1', code: 'cancelled' }]);
  });

  it('aborts a signal that is asked for only afterwards', async () => {
    const bench = new Bench();
    const gate = deferred();
    const seen: boolean[] = [];
    const done = bench.start('1', async (context) => {
      await gate.promise;
      seen.push(context.signal.aborted);
    });
    bench.requests.cancel('1');
    gate.resolve();
    await done;
    expect(seen).toEqual([true]);
  });

  it('keeps a request that waits for its turn from being handled', async () => {
    const bench = new Bench();
    let handled = 0;
    const run = bench.accept(request('1'), () => {
      handled += 1;
      return Promise.resolve();
    });
    bench.requests.cancel('1');
    await run?.();
    expect(handled).toBe(0);
    expect(bench.frames()).toMatchObject([{ type: 'error', id: '1', code: 'cancelled' }]);
  });

  it('does not mistake a new request for the cancelled one with the same id', async () => {
    const bench = new Bench();
    const old = bench.accept(request('1'), () => Promise.resolve('old'));
    bench.requests.cancel('1');
    const fresh = bench.accept(request('1'), () => Promise.resolve('fresh'));
    await old?.();
    await fresh?.();
    expect(bench.frames()).toMatchObject([{ code: 'cancelled' }, { payload: 'fresh' }]);
  });

  it('P-14 counts a cancel of an id that is not known, and does nothing', () => {
    const bench = new Bench();
    bench.requests.cancel('__proto__');
    expect(bench.observer.ignoredThings).toEqual(['cancel-of-unknown-id']);
    expect(bench.frames()).toEqual([]);
  });

  it('stops a stream, once', async () => {
    const bench = new Bench();
    const hand = new HandSource();
    await bench.start('1', () => Promise.resolve(hand.source));
    hand.sink.next('a');
    bench.requests.cancel('1');
    hand.sink.next('b');
    hand.sink.completed();
    hand.sink.failed(new RealtimeError('conflict', 'late'));
    expect(hand.stops).toBe(1);
    expect(bench.frames()).toMatchObject([
      { type: 'next', payload: 'a' },
      { type: 'error', code: 'cancelled' },
    ]);
  });

  it('does not start a stream that comes too late', async () => {
    const bench = new Bench();
    const gate = deferred<StreamSource>();
    let started = 0;
    const done = bench.start('1', () => gate.promise);
    bench.requests.cancel('1');
    gate.resolve(
      new StreamSource(() => {
        started += 1;
        return () => undefined;
      }),
    );
    await done;
    expect(started).toBe(0);
  });
});

describe('streams', () => {
  it('give next for each item, then complete', async () => {
    const bench = new Bench();
    const hand = new HandSource();
    await bench.start('1', () => Promise.resolve(hand.source));
    hand.sink.next({ n: 1 });
    hand.sink.next(undefined);
    hand.sink.completed();
    expect(bench.frames()).toEqual([
      { type: 'next', id: '1', payload: { n: 1 } },
      { type: 'next', id: '1' },
      { type: 'complete', id: '1' },
    ]);
    expect(hand.stops).toBe(1);
  });

  it('may end within their start', async () => {
    const bench = new Bench();
    let stops = 0;
    const source = new StreamSource((sink) => {
      sink.next(1);
      sink.completed();
      return () => {
        stops += 1;
      };
    });
    await bench.start('1', () => Promise.resolve(source));
    expect(bench.frames()).toMatchObject([{ type: 'next' }, { type: 'complete' }]);
    expect(stops).toBe(1);
  });

  it('end with internal at an item that JSON cannot hold', async () => {
    const bench = new Bench();
    const hand = new HandSource();
    await bench.start('1', () => Promise.resolve(hand.source));
    hand.sink.next(1n);
    expect(bench.frames()).toMatchObject([{ type: 'error', code: 'internal' }]);
    expect(hand.stops).toBe(1);
  });

  it('are bounded in number; one that ends makes room', async () => {
    const bench = new Bench(2);
    const hands = [new HandSource(), new HandSource(), new HandSource()];
    for (const [index, hand] of hands.entries()) {
      await bench.start(String(index), () => Promise.resolve(hand.source));
    }
    expect(bench.frames()).toMatchObject([{ type: 'error', id: '2', code: 'rate-limited' }]);
    hands[0]?.sink.completed();
    bench.frames();
    const fourth = new HandSource();
    await bench.start('3', () => Promise.resolve(fourth.source));
    fourth.sink.completed();
    expect(bench.frames()).toMatchObject([{ type: 'complete', id: '3' }]);
  });

  it('do not use up their number by throwing at their start', async () => {
    const bench = new Bench(1);
    const broken = new StreamSource(() => {
      throw new Error('no source');
    });
    for (const id of ['1', '2', '3']) await bench.start(id, () => Promise.resolve(broken));
    await bench.start('4', () => Promise.resolve(new HandSource().source));
    const codes = bench.frames().map((frame) => (frame.type === 'error' ? frame.code : ''));
    expect(codes).toEqual(['internal', 'internal', 'internal']);
  });

  it('wait for a peer that is behind', async () => {
    const bench = new Bench(10, 1_000);
    bench.link.stopReading();
    let produced = 0;
    async function* endless() {
      for (;;) {
        produced += 1;
        yield await Promise.resolve('x'.repeat(50));
      }
    }
    await bench.start('1', () => Promise.resolve(StreamSource.fromAsyncIterable(endless())));
    await turns(5);
    expect(produced).toBeLessThan(10);
    expect(bench.overflows).toBe(0);
    const before = produced;
    bench.link.startReading();
    bench.link.stopReading();
    bench.outbox.drained();
    await turns(5);
    expect(produced).toBeGreaterThan(before);
    expect(bench.overflows).toBe(0);
    bench.requests.close();
  });

  it('leave others their turn although their items never end and the peer reads them all', async () => {
    const bench = new Bench();
    let produced = 0;
    async function* endless() {
      for (;;) yield await Promise.resolve((produced += 1));
    }
    for (const id of ['1', '2']) {
      void bench.start(id, () => Promise.resolve(StreamSource.fromAsyncIterable(endless())));
    }
    // Without a share of the turn this line would never be left.
    await turns(3);
    const inOneTurn = produced;
    expect(inOneTurn).toBeGreaterThan(0);
    expect(inOneTurn).toBeLessThan(300);
    bench.clock.advance(1);
    await turns(3);
    expect(produced).toBeGreaterThan(inOneTurn);
    bench.requests.close();
    await turns(3);
    expect(bench.clock.waiting).toBe(0);
    const atTheEnd = produced;
    bench.clock.advance(1_000);
    await turns(3);
    expect(produced).toBe(atTheEnd);
  });
});

describe('streams with credit', () => {
  it('send no more items than their client takes, and pull no more from a source that can wait', async () => {
    const bench = new Bench(100, 100_000);
    const counter = new Counter();
    await bench.stream('1', 2, counter.source());
    await turns(3);
    expect([counter.made, bench.items()]).toEqual([2, [1, 2]]);
    bench.requests.credit('1', 3);
    await turns(3);
    expect([counter.made, bench.items()]).toEqual([5, [3, 4, 5]]);
    bench.requests.close();
  });

  it('take credit that comes before the stream has begun', async () => {
    const bench = new Bench(100, 100_000);
    const counter = new Counter();
    const gate = deferred<StreamSource>();
    const done = bench.accept(request('1', undefined, 1), () => gate.promise)?.();
    bench.requests.credit('1', 2);
    gate.resolve(counter.source());
    await done;
    await turns(3);
    expect(bench.items()).toEqual([1, 2, 3]);
    bench.requests.close();
  });

  it('need no credit for their end, but a source that is pulled is seen to end only with it', async () => {
    const bench = new Bench(100, 100_000);
    await bench.stream('1', 2, new Counter().source(2));
    await turns(3);
    const hand = new HandSource();
    await bench.stream('2', 1, hand.source);
    hand.sink.next('a');
    hand.sink.completed();
    await turns(3);
    expect(bench.items()).toEqual([1, 2, 'a', 'complete']);
    bench.requests.credit('1', 1);
    await turns(3);
    expect(bench.items()).toEqual(['complete']);
  });

  it('keep what a source makes that cannot wait, in order, and end after it', async () => {
    const bench = new Bench(100, 100_000);
    const hand = new HandSource();
    await bench.stream('1', 1, hand.source);
    for (const item of ['a', 'b', 'c', 'd']) hand.sink.next(item);
    hand.sink.completed();
    hand.sink.next('late');
    hand.sink.failed(new Error('late'));
    expect(bench.items()).toEqual(['a']);
    bench.requests.credit('1', 2);
    await turn();
    expect(bench.items()).toEqual(['b', 'c']);
    expect(bench.requests.size).toBe(1);
    bench.requests.credit('1', 1);
    await turn();
    expect(bench.items()).toEqual(['d', 'complete']);
    expect([hand.stops, bench.requests.size, bench.observer.failures]).toEqual([1, 0, []]);
  });

  it('fail after what was made before', async () => {
    const bench = new Bench(100, 100_000);
    const hand = new HandSource();
    await bench.stream('1', 1, hand.source);
    for (const item of ['a', 'b']) hand.sink.next(item);
    hand.sink.failed(new RealtimeError('conflict', 'no'));
    expect(bench.items()).toEqual(['a']);
    bench.requests.credit('1', 9);
    await turn();
    expect(bench.items()).toEqual(['b', 'error']);
  });

  it('keep an item that comes while the last one that waited goes out', async () => {
    const bench = new Bench(100, 100_000);
    const hand = new HandSource();
    await bench.stream('1', 1, hand.source);
    for (const item of ['a', 'b']) hand.sink.next(item);
    bench.requests.credit('1', 9);
    // Between the microtasks in which the waiting item is sent and in which that is noticed.
    for (let microtasks = 0; microtasks < 6; microtasks += 1) {
      hand.sink.next(`c${String(microtasks)}`);
      await Promise.resolve();
    }
    await turn();
    expect(bench.items()).toEqual(['a', 'b', 'c0', 'c1', 'c2', 'c3', 'c4', 'c5']);
  });

  it('end with stream-overflow when what waits is more than its bound, and stop their source', async () => {
    const bench = new Bench(100, 100_000, 1_000);
    const hand = new HandSource();
    await bench.stream('1', 1, hand.source);
    hand.sink.next('first');
    for (let n = 0; n < 3; n += 1) hand.sink.next('x'.repeat(200));
    expect(bench.items()).toEqual(['first']);
    hand.sink.next('one too many');
    expect(bench.frames()).toEqual([
      {
        type: 'error',
        id: '1',
        code: 'stream-overflow',
        message: 'the items of the stream were taken more slowly than they were made',
        retryable: false,
      },
    ]);
    expect(hand.stops).toBe(1);
    bench.requests.credit('1', 9);
    await turn();
    expect(bench.frames()).toEqual([]);
  });

  it('count empty items as well: a million of them do not fit', async () => {
    const bench = new Bench(100, 100_000, 10_000);
    const hand = new HandSource();
    await bench.stream('1', 1, hand.source);
    let made = 0;
    for (; made < 1_000_000 && bench.requests.size > 0; made += 1) hand.sink.next(undefined);
    expect(made).toBeLessThan(100);
  });

  it('let one item wait that alone is larger than the bound', async () => {
    const bench = new Bench(100, 100_000, 100);
    const hand = new HandSource();
    await bench.stream('1', 1, hand.source);
    for (const item of ['a', 'x'.repeat(1_000)]) hand.sink.next(item);
    bench.requests.credit('1', 1);
    await turn();
    expect(bench.items()).toEqual(['a', 'x'.repeat(1_000)]);
    hand.sink.next('b');
    hand.sink.next('c');
    expect(bench.items()).toEqual(['error']);
  });

  it('S-01 share one bound a connection: many streams hold no more than one slow reader may', async () => {
    const bench = new Bench(100, 2_000, 1_000);
    const hands = Array.from({ length: 10 }, () => new HandSource());
    for (const [n, { source }] of hands.entries()) {
      await bench.stream(String(n), 1, source);
    }
    bench.frames();
    for (const { sink } of hands) for (const item of ['sent', 'waits']) sink.next(item);
    expect(bench.requests.size).toBe(10);
    for (const { sink } of hands) sink.next('x'.repeat(300));
    // Ten items of 135 bytes wait, then a few of 430: most of the streams have to end.
    const overflows = bench.frames().filter((frame) => frame.type === 'error');
    expect(overflows.length).toBeGreaterThan(4);
    expect(overflows.length).toBeLessThan(10);
    const [kept] = hands.filter(({ stops }) => stops === 0);
    for (const [n, { stops }] of hands.entries()) {
      if (stops === 0) bench.requests.cancel(String(n));
    }
    expect(kept?.stops).toBe(1);
    // What was held is free again.
    const hand = new HandSource();
    await bench.stream('new', 1, hand.source);
    for (const item of ['a', 'b', 'x'.repeat(500)]) hand.sink.next(item);
    expect(bench.requests.size).toBe(1);
  });

  it('wait for a peer that is behind also where the source cannot, and close nothing', async () => {
    const bench = new Bench(100, 20_000, 20_000);
    const hand = new HandSource();
    void bench.start('1', () => Promise.resolve(hand.source));
    await turn();
    bench.link.stopReading();
    for (let n = 0; n < 55; n += 1) hand.sink.next(`${String(n)} ${'x'.repeat(400)}`);
    expect(bench.overflows).toBe(0);
    const seen: unknown[] = [];
    for (let rounds = 0; rounds < 20; rounds += 1) {
      bench.link.startReading();
      seen.push(...bench.items());
      bench.link.stopReading();
      bench.outbox.drained();
      await turn();
    }
    expect(seen.map((item) => Number.parseInt(String(item), 10))).toEqual(
      Array.from({ length: 55 }, (_, n) => n),
    );
    expect(bench.overflows).toBe(0);
  });

  it('leave others their turn while a long queue goes out', async () => {
    const bench = new Bench(100, 1_000_000, 1_000_000);
    const hand = new HandSource();
    await bench.stream('1', 1, hand.source);
    for (let n = 0; n <= 500; n += 1) hand.sink.next(n);
    bench.frames();
    bench.requests.credit('1', 10_000);
    await turns(3);
    expect(bench.frames().length).toBeLessThan(150);
    for (let rounds = 0; rounds < 5; rounds += 1) {
      bench.clock.advance(1);
      await turns(3);
    }
    hand.sink.completed();
    expect(bench.items().at(-1)).toBe('complete');
  });

  it('take a million items on credit at most; what is given beyond is cut off', async () => {
    const bench = new Bench(100, 100_000);
    const hand = new HandSource();
    await bench.stream('1', 1, hand.source);
    for (let n = 0; n < 1_000; n += 1) bench.requests.credit('1', 10_000);
    expect(new Credit(undefined).left).toBe(Infinity);
    const credit = new Credit(1);
    for (let n = 0; n < 1_000; n += 1) credit.add(10_000);
    expect(credit.left).toBe(1_000_000);
    credit.spend();
    credit.add(5);
    expect(credit.left).toBe(1_000_000);
  });

  it('without credit in the request have no such bound, and credit changes nothing', async () => {
    const bench = new Bench(100, 100_000);
    const hand = new HandSource();
    await bench.start('1', () => Promise.resolve(hand.source));
    bench.requests.credit('1', 1);
    for (const item of [1, 2, 3]) hand.sink.next(item);
    expect(bench.items()).toEqual([1, 2, 3]);
    expect(bench.observer.ignoredThings).toEqual([]);
  });

  it('P-14 count credit for an id that is not known, and do nothing', () => {
    const bench = new Bench();
    bench.requests.credit('__proto__', 5);
    expect(bench.observer.ignoredThings).toEqual(['credit-for-unknown-id']);
    expect(bench.frames()).toEqual([]);
  });

  it('are let go where they come too late or are too many', async () => {
    const bench = new Bench(0);
    let discarded = 0;
    const source = new StreamSource(
      () => () => undefined,
      () => {
        discarded += 1;
      },
    );
    await bench.start('1', () => Promise.resolve(source));
    expect(bench.frames()).toMatchObject([{ code: 'rate-limited' }]);
    const gate = deferred<StreamSource>();
    const done = bench.start('2', () => gate.promise);
    bench.requests.cancel('2');
    gate.resolve(source);
    await done;
    expect(discarded).toBe(2);
  });

  it('stop while they wait for credit', async () => {
    const bench = new Bench(100, 100_000);
    const counter = new Counter();
    await bench.stream('1', 1, counter.source());
    const hand = new HandSource();
    await bench.stream('2', 1, hand.source);
    for (const item of ['a', 'b']) hand.sink.next(item);
    await turn();
    bench.requests.cancel('1');
    bench.requests.cancel('2');
    bench.requests.credit('2', 5);
    await turns(3);
    expect(bench.items()).toEqual([1, 'a', 'error', 'error']);
    expect([counter.made, hand.stops]).toEqual([1, 1]);
  });
});

describe('an error', () => {
  it('reaches the client without details that JSON cannot hold', async () => {
    const bench = new Bench();
    const error = new RealtimeError('conflict', 'no', { details: 1n });
    await bench.start('1', () => Promise.reject(error));
    expect(bench.frames()).toEqual([
      { type: 'error', id: '1', code: 'conflict', message: 'no', retryable: false },
    ]);
    expect(bench.observer.failures).toMatchObject([{ where: 'the details of an error' }]);
  });
});

describe('an idempotent request', () => {
  it('is not aborted when its connection ends, but by cancel', async () => {
    const bench = new Bench();
    const signals = new Map<string, AbortSignal>();
    const handle: Handle = (context) => {
      signals.set(context.id, context.signal);
      return new Promise(() => undefined);
    };
    for (const id of ['1', '2']) void bench.accept(request(id), handle, true)?.();
    void bench.accept(request('3'), handle)?.();
    bench.requests.cancel('2');
    bench.requests.close();
    expect([...signals].map(([id, { aborted }]) => [id, aborted])).toEqual([
      ['1', false],
      ['2', true],
      ['3', true],
    ]);
  });

  it('is answered with the text that it is given, byte for byte', async () => {
    const bench = new Bench();
    await bench.start('1', () => Promise.resolve(new EncodedReply('{"n": 1.0}')));
    await bench.start('2', () => Promise.resolve(new EncodedReply(undefined)));
    expect(bench.link.received.slice(1)).toEqual([
      '{"type":"response","id":"1","payload":{"n": 1.0}}',
      '{"type":"response","id":"2"}',
    ]);
  });
});

describe('closing', () => {
  it('stops everything without an answer', async () => {
    const bench = new Bench();
    const hand = new HandSource();
    const signals: AbortSignal[] = [];
    await bench.start('1', () => Promise.resolve(hand.source));
    void bench.start('2', (context) => {
      signals.push(context.signal);
      return new Promise(() => undefined);
    });
    bench.requests.close();
    expect(hand.stops).toBe(1);
    expect(signals[0]?.aborted).toBe(true);
    expect(bench.requests.size).toBe(0);
    expect(bench.frames()).toEqual([]);
  });

  it('lets go whoever waits for the last answer', async () => {
    const bench = new Bench();
    void bench.start('1', () => new Promise(() => undefined));
    let idle = false;
    void bench.requests.idle().then(() => {
      idle = true;
    });
    await turn();
    expect(idle).toBe(false);
    bench.requests.close();
    await turn();
    expect(idle).toBe(true);
    await bench.requests.idle();
  });

  it('is idle when the last request has its answer', async () => {
    const bench = new Bench();
    const gates = [deferred(), deferred()];
    for (const [index, gate] of gates.entries())
      void bench.start(String(index), () => gate.promise);
    let idle = false;
    void bench.requests.idle().then(() => {
      idle = true;
    });
    gates[0]?.resolve();
    await turn();
    expect(idle).toBe(false);
    gates[1]?.resolve();
    await turn();
    expect(idle).toBe(true);
  });
});

type Event =
  | {
      kind: 'accept' | 'run' | 'cancel' | 'resolve' | 'reject' | 'next' | 'complete' | 'fail';
      which: number;
    }
  | { kind: 'close'; which: number };

describe('any interleaving', () => {
  it('gives each request exactly one final answer, and nothing after it', async () => {
    const kinds = [
      'accept',
      'accept',
      'run',
      'run',
      'cancel',
      'resolve',
      'reject',
      'next',
      'complete',
      'fail',
    ] as const;
    const event: fc.Arbitrary<Event> = fc.record({
      kind: fc.oneof(
        { weight: 30, arbitrary: fc.constantFrom(...kinds) },
        { weight: 1, arbitrary: fc.constant('close' as const) },
      ),
      which: fc.nat(4),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 40 }), async (events) => {
        const bench = new Bench(3, 1_000_000);
        const all: {
          id: string;
          gate: Deferred<unknown>;
          hand: HandSource;
          run: (() => Promise<void> | undefined) | undefined;
          ran: boolean;
        }[] = [];
        let closed = false;
        for (const { kind, which } of events) {
          const one = all[which % (all.length || 1)];
          if (kind === 'accept') {
            if (closed) continue;
            const gate = deferred<unknown>();
            gate.promise.catch(() => undefined);
            const id = String(all.length);
            const run = bench.accept(request(id), () => gate.promise);
            all.push({ id, gate, hand: new HandSource(), run, ran: false });
          } else if (one === undefined) {
            continue;
          } else if (kind === 'run' && !one.ran) {
            one.ran = true;
            void one.run?.();
          } else if (kind === 'cancel') bench.requests.cancel(one.id);
          else if (kind === 'resolve')
            one.gate.resolve(which % 2 === 0 ? one.hand.source : 'value');
          else if (kind === 'reject') one.gate.reject(new RealtimeError('conflict', 'no'));
          else if (kind === 'close') {
            closed = true;
            bench.outbox.close();
            bench.requests.close();
          } else if ((one.hand.sink as StreamSink | undefined) !== undefined) {
            if (kind === 'next') one.hand.sink.next(which);
            if (kind === 'complete') one.hand.sink.completed();
            if (kind === 'fail') one.hand.sink.failed(new RealtimeError('conflict', 'no'));
          }
          await Promise.resolve();
        }
        for (const one of all) {
          if (!one.ran) void one.run?.();
          one.gate.resolve('value');
        }
        await turn();
        for (const one of all) bench.requests.cancel(one.id);
        const frames = bench.frames();
        for (const { id, hand } of all) {
          const theirs = frames.filter((frame) => 'id' in frame && frame.id === id);
          const finals = theirs.filter(isFinal);
          // Whoever is gone may have had its answer before, or never.
          expect(closed ? [0, 1] : [1]).toContain(finals.length);
          expect(theirs.findIndex(isFinal)).toBe(finals.length === 0 ? -1 : theirs.length - 1);
          expect(hand.stops).toBeLessThanOrEqual(1);
        }
        expect(bench.requests.size).toBe(0);
        expect(bench.clock.waiting).toBe(0);
      }),
      { numRuns: 400 },
    );
  });
});
