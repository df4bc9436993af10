import { describe, expect, it } from '@jest/globals';
import {
  asyncScheduler,
  concat,
  delay,
  EMPTY,
  finalize,
  from,
  mergeAll,
  NEVER,
  observeOn,
  of,
  Subject,
  throwError,
  type Observable,
} from 'rxjs';

import { StreamSource } from '../../lib/core/index.js';
import { streamOf, valueOrStream } from '../../lib/nest/gateways/observable-result.js';
import { turns } from '../support/turns.js';

/** What a stream gives, until it ends or the test goes on. */
function listen(source: StreamSource): { readonly log: unknown[]; readonly stop: () => void } {
  const log: unknown[] = [];
  const stop = source.start({
    ready: () => undefined,
    next: (item) => {
      log.push(item);
    },
    failed: (error) => log.push(['failed', String(error)]),
    completed: () => log.push('completed'),
  });
  return { log, stop };
}

async function settled(source: Observable<unknown>): Promise<StreamSource> {
  const result = await valueOrStream(source);
  expect(result).toBeInstanceOf(StreamSource);
  return result as StreamSource;
}

describe('streamOf', () => {
  it('passes items and the end on', () => {
    expect(listen(streamOf(of(1, 2))).log).toEqual([1, 2, 'completed']);
  });

  it('passes an error on', () => {
    const source = concat(
      of(1),
      throwError(() => new Error('broken')),
    );
    expect(listen(streamOf(source)).log).toEqual([1, ['failed', 'Error: broken']]);
  });

  it('does not subscribe before it is started, and unsubscribes when it is stopped', () => {
    const subject = new Subject<number>();
    const source = streamOf(subject);
    expect(subject.observed).toBe(false);
    const { log, stop } = listen(source);
    subject.next(1);
    stop();
    stop();
    subject.next(2);
    expect(subject.observed).toBe(false);
    expect(log).toEqual([1]);
  });
});

describe('valueOrStream', () => {
  describe('takes for a value', () => {
    it.each([[1], [null], [false], [''], [{ a: 1 }], [[1, 2]]])(
      '%j, completed in the same breath',
      async (value) => {
        expect(await valueOrStream(of(value))).toEqual(value);
      },
    );

    it('what a promise resolves to, as Nest wraps an async handler', async () => {
      expect(await valueOrStream(from(Promise.resolve(of('later'))).pipe(mergeAll()))).toBe(
        'later',
      );
    });

    it('what an interceptor holds back for a while', async () => {
      expect(await valueOrStream(of('slow').pipe(delay(5)))).toBe('slow');
    });

    it('undefined when there is no item at all', async () => {
      expect(await valueOrStream(EMPTY)).toBeUndefined();
    });

    it('undefined when that is the one item', async () => {
      expect(await valueOrStream(of(undefined))).toBeUndefined();
    });
  });

  it('rejects with an error that comes before any item', async () => {
    await expect(valueOrStream(throwError(() => new Error('broken')))).rejects.toThrow('broken');
  });

  describe('takes for a stream', () => {
    it('two items', async () => {
      expect(listen(await settled(of(1, 2))).log).toEqual([1, 2, 'completed']);
    });

    it('one item that is not the end', async () => {
      const source = await settled(concat(of(1), NEVER));
      const { log, stop } = listen(source);
      expect(log).toEqual([1]);
      stop();
    });

    it('items that come one by one', async () => {
      const subject = new Subject<number>();
      const result = settled(subject);
      subject.next(1);
      const { log } = listen(await result);
      subject.next(2);
      subject.complete();
      expect(log).toEqual([1, 2, 'completed']);
    });

    it('an item with an error behind it', async () => {
      const source = concat(
        of(1),
        throwError(() => new Error('broken')),
      );
      expect(listen(await settled(source)).log).toEqual([1, ['failed', 'Error: broken']]);
    });
  });

  it('loses nothing that is emitted before somebody listens', async () => {
    const source = await settled(from([1, 2, 3, 4]).pipe(observeOn(asyncScheduler)));
    await turns(20);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(listen(source).log).toEqual([1, 2, 3, 4, 'completed']);
  });

  it('unsubscribes when nobody wants the stream', async () => {
    const subject = new Subject<number>();
    const result = settled(subject);
    subject.next(1);
    const source = await result;
    expect(subject.observed).toBe(true);
    source.discard();
    expect(subject.observed).toBe(false);
  });

  it('unsubscribes when the stream is stopped', async () => {
    let finalized = 0;
    const counted = concat(of(1), NEVER).pipe(
      finalize(() => {
        finalized += 1;
      }),
    );
    const { stop } = listen(await settled(counted));
    stop();
    expect(finalized).toBe(1);
  });
});
