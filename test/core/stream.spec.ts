import { describe, expect, it } from '@jest/globals';

import { isAsyncIterable, StreamSource, type StreamSink } from '../../lib/core/index.js';
import { deferred, turn } from '../support/turns.js';

/** Keeps what it is given. */
class Sink implements StreamSink {
  readonly log: unknown[] = [];
  wait: Promise<void> | undefined;

  ready(): Promise<void> | undefined {
    return this.wait;
  }

  next(item: unknown): void {
    this.log.push(item);
  }

  failed(error: unknown): void {
    this.log.push(`failed: ${String(error)}`);
  }

  completed(): void {
    this.log.push('completed');
  }
}

async function* count(upTo: number, onReturn: () => void = () => undefined) {
  try {
    for (let n = 1; n <= upTo; n += 1) {
      await Promise.resolve();
      yield n;
    }
  } finally {
    onReturn();
  }
}

/** An iterable around one hand-made iterator. */
function iterable(iterator: Partial<AsyncIterator<unknown>>): AsyncIterable<unknown> {
  return { [Symbol.asyncIterator]: () => iterator as AsyncIterator<unknown> };
}

describe('a stream of an async iterable', () => {
  it('gives every item, then completes', async () => {
    const sink = new Sink();
    StreamSource.fromAsyncIterable(count(3)).start(sink);
    await turn();
    expect(sink.log).toEqual([1, 2, 3, 'completed']);
  });

  it('makes no item before the receiver is ready for it, and asks again after each wait', async () => {
    const sink = new Sink();
    const gates = [deferred(), deferred()];
    sink.wait = gates[0]?.promise;
    let made = 0;
    async function* counting() {
      for (; made < 3;) yield await Promise.resolve((made += 1));
    }
    StreamSource.fromAsyncIterable(counting()).start(sink);
    await turn();
    expect(made).toBe(0);
    sink.wait = gates[1]?.promise;
    gates[0]?.resolve();
    await turn();
    expect(made).toBe(0);
    sink.wait = undefined;
    gates[1]?.resolve();
    await turn();
    expect(sink.log).toEqual([1, 2, 3, 'completed']);
  });

  it('pulls nothing when it is stopped while it waits for the receiver', async () => {
    const sink = new Sink();
    const gate = deferred();
    sink.wait = gate.promise;
    let asked = 0;
    const items = iterable({
      next: () => {
        asked += 1;
        return Promise.resolve({ done: true, value: undefined });
      },
    });
    const stop = StreamSource.fromAsyncIterable(items).start(sink);
    stop();
    sink.wait = undefined;
    gate.resolve();
    await turn();
    expect([asked, sink.log]).toEqual([0, []]);
  });

  it('pulls nothing more when its receiver stopped it at an item', async () => {
    const sink = new Sink();
    let made = 0;
    async function* endless() {
      for (;;) yield await Promise.resolve((made += 1));
    }
    const stop = StreamSource.fromAsyncIterable(endless()).start({
      ready: () => undefined,
      next: () => {
        stop();
      },
      failed: (error) => {
        sink.failed(error);
      },
      completed: () => {
        sink.completed();
      },
    });
    await turn();
    expect([made, sink.log]).toEqual([1, []]);
  });

  it('lets its iterator go when nobody wants the stream', async () => {
    let returned = 0;
    const items = iterable({
      next: () => Promise.reject(new Error('expected no pull')),
      return: () => {
        returned += 1;
        return Promise.resolve({ done: true, value: undefined });
      },
    });
    StreamSource.fromAsyncIterable(items).discard();
    await turn();
    expect(returned).toBe(1);
  });

  it('is discarded without a word when it has no iterator to give', async () => {
    const broken: AsyncIterable<unknown> = {
      [Symbol.asyncIterator]: () => {
        throw new Error('no iterator');
      },
    };
    StreamSource.fromAsyncIterable(broken).discard();
    new StreamSource(() => () => undefined).discard();
    await turn();
  });

  it('tells of the error that ends it', async () => {
    const sink = new Sink();
    async function* failing() {
      yield 1;
      await Promise.reject(new Error('no more'));
    }
    StreamSource.fromAsyncIterable(failing()).start(sink);
    await turn();
    expect(sink.log).toEqual([1, 'failed: Error: no more']);
  });

  it('tells of an iterator that throws instead of rejecting', async () => {
    const sink = new Sink();
    const items = iterable({
      next: () => {
        throw new Error('no iterator');
      },
    });
    StreamSource.fromAsyncIterable(items).start(sink);
    await turn();
    expect(sink.log).toEqual(['failed: Error: no iterator']);
  });

  it('runs the generator’s finally when it is stopped, and gives nothing any more', async () => {
    const sink = new Sink();
    let returned = 0;
    const gate = deferred();
    const items = count(3, () => {
      returned += 1;
    });
    sink.next = (item) => {
      sink.log.push(item);
      sink.wait = gate.promise;
    };
    const stop = StreamSource.fromAsyncIterable(items).start(sink);
    await turn();
    stop();
    stop();
    gate.resolve();
    await turn();
    expect(returned).toBe(1);
    expect(sink.log).toEqual([1]);
  });

  it('drops the item for which it was waiting when it was stopped', async () => {
    const sink = new Sink();
    const item = deferred<IteratorResult<unknown>>();
    let returned = 0;
    const items = iterable({
      next: () => item.promise,
      return: () => {
        returned += 1;
        return Promise.resolve({ done: true, value: undefined });
      },
    });
    const stop = StreamSource.fromAsyncIterable(items).start(sink);
    stop();
    item.resolve({ done: false, value: 'late' });
    await turn();
    expect(returned).toBe(1);
    expect(sink.log).toEqual([]);
  });

  it.each<[string, Partial<AsyncIterator<unknown>>]>([
    ['has no return', {}],
    [
      'throws in return',
      {
        return: () => {
          throw new Error('no');
        },
      },
    ],
    ['rejects in return', { return: () => Promise.reject(new Error('no')) }],
    ['returns no promise from return', { return: (() => undefined) as never }],
  ])('is stopped without a word when the iterator %s', async (_, partial) => {
    const sink = new Sink();
    const items = iterable({ next: () => new Promise(() => undefined), ...partial });
    const stop = StreamSource.fromAsyncIterable(items).start(sink);
    expect(stop).not.toThrow();
    await turn();
    expect(sink.log).toEqual([]);
  });

  it('is known by its method, so that arrays and strings are values', () => {
    expect(isAsyncIterable(count(1))).toBe(true);
    for (const value of [[1], 'text', null, undefined, 7, {}, () => undefined]) {
      expect(isAsyncIterable(value)).toBe(false);
    }
  });
});
