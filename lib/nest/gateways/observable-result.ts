import type { Observable, Subscription } from 'rxjs';

import { StreamSource, type StreamSink } from '../../core/index.js';

/** A stream from an Observable. Stopping unsubscribes. */
export function streamOf(source: Observable<unknown>): StreamSource {
  return new StreamSource((sink) => {
    const subscription = source.subscribe({
      next: (item) => {
        sink.next(item);
      },
      error: (error: unknown) => {
        sink.failed(error);
      },
      complete: () => {
        sink.completed();
      },
    });
    return () => {
      subscription.unsubscribe();
    };
  });
}

/**
 * What an Observable stands for when an interceptor has had its hands on it. Nest turns every result
 * into an Observable then, so that a handler's value and a handler's stream look alike until the
 * first emission: one value, completed in the same breath, is a value; anything else is a stream.
 *
 * @returns the value, or a {@link StreamSource} that begins with what was already emitted.
 */
export function valueOrStream(source: Observable<unknown>): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const relay = new Relay();
    relay.subscription = source.subscribe({
      next: (item) => {
        if (!relay.hasItems) {
          queueMicrotask(() => {
            resolve(relay.isSingleValue ? relay.first : relay.source());
          });
        }
        relay.next(item);
      },
      error: (error: unknown) => {
        if (relay.hasItems) relay.failed(error);
        else reject(error);
      },
      complete: () => {
        relay.completed();
        if (!relay.hasItems) resolve(undefined);
      },
    });
  });
}

/** Keeps what was emitted until somebody listens; from then on passes it on. */
class Relay {
  subscription: Subscription | undefined;
  readonly #kept: ((sink: StreamSink) => void)[] = [];
  #items = 0;
  #ended = false;
  #sink: StreamSink | undefined;
  first: unknown;

  get hasItems(): boolean {
    return this.#items > 0;
  }

  get isSingleValue(): boolean {
    return this.#items === 1 && this.#ended;
  }

  next(item: unknown): void {
    this.#items += 1;
    if (this.#items === 1) this.first = item;
    this.#pass((sink) => {
      sink.next(item);
    });
  }

  failed(error: unknown): void {
    this.#pass((sink) => {
      sink.failed(error);
    });
  }

  completed(): void {
    this.#ended = true;
    this.#pass((sink) => {
      sink.completed();
    });
  }

  source(): StreamSource {
    const stop = (): void => {
      this.subscription?.unsubscribe();
    };
    return new StreamSource((sink) => {
      this.#sink = sink;
      for (const emission of this.#kept.splice(0)) emission(sink);
      return stop;
    }, stop);
  }

  #pass(emission: (sink: StreamSink) => void): void {
    if (this.#sink === undefined) this.#kept.push(emission);
    else emission(this.#sink);
  }
}
