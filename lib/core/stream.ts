/** What a stream's items are given to. Calls after the first `failed` or `completed` are ignored. */
export interface StreamSink {
  /** Returns a promise when the receiver is behind: a source that can wait should wait for it. */
  next(item: unknown): Promise<void> | undefined;
  failed(error: unknown): void;
  completed(): void;
}

/**
 * A handler's answer that has many parts. Wraps whatever the framework calls a stream.
 *
 * `start` begins it and returns what stops it; stopping is safe at any time and any number of times.
 */
export class StreamSource {
  constructor(readonly start: (sink: StreamSink) => () => void) {}

  /** A stream from an async iterable. Items are pulled one after the other; stopping calls `return()`. */
  static fromAsyncIterable(items: AsyncIterable<unknown>): StreamSource {
    return new StreamSource((sink) => {
      const iterator = items[Symbol.asyncIterator]();
      let stopped = false;
      void pull(iterator, sink, () => stopped);
      return () => {
        if (stopped) return;
        stopped = true;
        void end(iterator);
      };
    });
  }
}

async function pull(
  iterator: AsyncIterator<unknown>,
  sink: StreamSink,
  isStopped: () => boolean,
): Promise<void> {
  try {
    for (;;) {
      const item = await iterator.next();
      if (isStopped()) return;
      if (item.done === true) break;
      await sink.next(item.value);
      if (isStopped()) return;
    }
    sink.completed();
  } catch (error) {
    sink.failed(error);
  }
}

/** The generator may be waiting; `return` runs its `finally` as soon as it yields. */
async function end(iterator: AsyncIterator<unknown>): Promise<void> {
  try {
    await iterator.return?.();
  } catch {
    // Its failure, thrown or rejected, has no receiver any more: the client has cancelled, or is gone.
  }
}

/** Whether a handler's result is an async iterable (arrays and strings are not). */
export function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
