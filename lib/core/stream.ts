/** What a stream's items are given to. Calls after the first `failed` or `completed` are ignored. */
export interface StreamSink {
  /**
   * `undefined` when the receiver takes an item now; otherwise a promise after which to ask again. A
   * source that can wait asks before it makes an item; one that cannot does not ask.
   */
  ready(): Promise<void> | undefined;
  /** Takes an item in any case; when it is not ready it keeps so much and no more. */
  next(item: unknown): void;
  failed(error: unknown): void;
  completed(): void;
}

/**
 * A handler's answer that has many parts. Wraps whatever the framework calls a stream.
 *
 * `start` begins it and returns what stops it; stopping is safe at any time and any number of times.
 * `discard` is called instead of `start` when nobody wants it: it lets go what the source holds.
 */
export class StreamSource {
  constructor(
    readonly start: (sink: StreamSink) => () => void,
    readonly discard: () => void = () => undefined,
  ) {}

  /**
   * A stream from an async iterable. Items are pulled one after the other, each when the receiver is
   * ready for it; stopping calls `return()`.
   */
  static fromAsyncIterable(items: AsyncIterable<unknown>): StreamSource {
    return new StreamSource(
      (sink) => {
        const iterator = items[Symbol.asyncIterator]();
        let stopped = false;
        void pull(iterator, sink, () => stopped);
        return () => {
          if (stopped) return;
          stopped = true;
          void end(() => iterator);
        };
      },
      () => {
        void end(() => items[Symbol.asyncIterator]());
      },
    );
  }
}

async function pull(
  iterator: AsyncIterator<unknown>,
  sink: StreamSink,
  isStopped: () => boolean,
): Promise<void> {
  try {
    for (;;) {
      for (let wait = sink.ready(); wait !== undefined; wait = sink.ready()) {
        await wait;
        if (isStopped()) return;
      }
      const item = await iterator.next();
      if (isStopped()) return;
      if (item.done === true) break;
      sink.next(item.value);
      // The item may have been the last one that anybody wanted.
      if (isStopped()) return;
    }
    sink.completed();
  } catch (error) {
    sink.failed(error);
  }
}

/** The generator may be waiting; `return` runs its `finally` as soon as it yields. */
async function end(iterator: () => AsyncIterator<unknown>): Promise<void> {
  try {
    await iterator().return?.();
  } catch {
    // Its failure, thrown or rejected, has no receiver any more: the client has cancelled, or is gone.
  }
}

/** Whether a handler's result is an async iterable (arrays and strings are not). */
export function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
