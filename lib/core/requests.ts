import { ErrorCode, Payload, type RequestFrame } from '../protocol/index.js';
import { errorFrame } from './error-frame.js';
import { RealtimeError } from './errors.js';
import type { Outbox } from './outbox.js';
import type { Clock, Observer } from './ports.js';
import { RequestContext } from './request-context.js';
import { StreamSource } from './stream.js';
import { TurnShare } from './turn-share.js';

/**
 * Runs what answers a request.
 *
 * Resolves to the answer's value (`undefined` acknowledges), or to a {@link StreamSource}; rejects
 * with a {@link RealtimeError} to refuse with its code, with anything else to answer `internal`.
 */
export type Handle = (request: RequestContext) => Promise<unknown>;

/** A request without its final answer. */
interface Unanswered {
  readonly context: RequestContext;
  stop?: () => void;
}

/**
 * The unanswered requests of one connection, those that still wait for their turn included.
 * Invariant: every request gets exactly one final answer: `response`, `complete` or `error`.
 */
export class Requests {
  readonly #unanswered = new Map<string, Unanswered>();
  #streams = 0;
  #idle: (() => void)[] = [];
  readonly #share: TurnShare;

  /** @param maxStreams most streams that may be open at once. */
  constructor(
    private readonly outbox: Outbox,
    private readonly observer: Observer,
    private readonly maxStreams: number,
    clock: Clock,
  ) {
    this.#share = new TurnShare(clock);
  }

  /** Requests without their final answer. */
  get size(): number {
    return this.#unanswered.size;
  }

  /**
   * Notes a request at its arrival, so that `cancel` finds it while it waits for its turn.
   *
   * @returns what answers it when its turn has come; settles when the answer was sent or its stream
   * has begun, never rejects. `undefined` if the request was refused.
   */
  accept(frame: RequestFrame<Payload>, handle: Handle): (() => Promise<void>) | undefined {
    const { id, event, payload } = frame;
    if (this.#unanswered.has(id)) {
      const message = 'request.id: expected one that is not in use';
      this.#sendError(id, new RealtimeError(ErrorCode.DuplicateId, message));
      return undefined;
    }
    const request: Unanswered = { context: new RequestContext(id, event, payload?.value) };
    this.#unanswered.set(id, request);
    return () => this.#answer(request, handle);
  }

  /** Ends a request with `cancelled`. Its handler's signal aborts; whatever it still returns is dropped. */
  cancel(id: string): void {
    const request = this.#unanswered.get(id);
    if (request === undefined) {
      this.observer.ignored('cancel-of-unknown-id');
      return;
    }
    this.#fail(request, new RealtimeError(ErrorCode.Cancelled, 'cancelled by the client'));
    request.context.cancel();
  }

  /** Stops everything without answering: nobody is there to read it. */
  close(): void {
    const requests = [...this.#unanswered.values()];
    this.#unanswered.clear();
    for (const { context, stop } of requests) {
      context.cancel();
      stop?.();
    }
    this.#share.close();
    this.#settleIdle();
  }

  /** Settles when every request has its final answer. */
  idle(): Promise<void> {
    if (this.#unanswered.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  async #answer(request: Unanswered, handle: Handle): Promise<void> {
    if (!this.#isUnanswered(request)) return;
    try {
      const result = await handle(request.context);
      if (result instanceof StreamSource) this.#stream(request, result);
      else this.#respond(request, result);
    } catch (error) {
      this.#fail(request, error);
    }
  }

  #respond(request: Unanswered, value: unknown): void {
    const payload = Payload.of(value);
    if (!this.#finish(request)) return;
    const { id } = request.context;
    this.outbox.send(payload ? { type: 'response', id, payload } : { type: 'response', id });
  }

  #stream(request: Unanswered, source: StreamSource): void {
    if (!this.#isUnanswered(request)) return;
    if (this.#streams >= this.maxStreams) {
      const message = `expected at most ${String(this.maxStreams)} open streams`;
      throw new RealtimeError(ErrorCode.RateLimited, message);
    }
    const stopSource = source.start({
      next: (item) => this.#next(request, item),
      failed: (error) => {
        this.#fail(request, error);
      },
      completed: () => {
        const { id } = request.context;
        if (this.#finish(request)) this.outbox.send({ type: 'complete', id });
      },
    });
    // Counted only now: a source that throws at its start was none.
    this.#streams += 1;
    let stopped = false;
    request.stop = () => {
      if (stopped) return;
      stopped = true;
      this.#streams -= 1;
      stopSource();
    };
    // The source may have ended while it was starting; then nobody will stop it later.
    if (!this.#isUnanswered(request)) request.stop();
  }

  #next(request: Unanswered, item: unknown): Promise<void> | undefined {
    if (!this.#isUnanswered(request)) return undefined;
    const { id } = request.context;
    try {
      const payload = Payload.of(item);
      this.outbox.send(payload ? { type: 'next', id, payload } : { type: 'next', id });
    } catch (error) {
      // A value that JSON cannot hold. Thrown into the source it might surface anywhere.
      this.#fail(request, error);
    }
    return this.outbox.ready() ?? this.#share.take();
  }

  #fail(request: Unanswered, error: unknown): void {
    const known = error instanceof RealtimeError ? error : undefined;
    // Who was cancelled fails, by an AbortError most likely; nobody waits for that any more.
    const isExpected = request.context.isCancelled;
    if (known === undefined && !isExpected) this.observer.failed('request handler', error);
    if (!this.#finish(request)) return;
    const told = known ?? new RealtimeError(ErrorCode.Internal, 'the handler failed');
    this.#sendError(request.context.id, told);
  }

  #isUnanswered(request: Unanswered): boolean {
    return this.#unanswered.get(request.context.id) === request;
  }

  /** Takes the request off the list. False if it already had its final answer. */
  #finish(request: Unanswered): boolean {
    if (!this.#isUnanswered(request)) return false;
    this.#unanswered.delete(request.context.id);
    request.stop?.();
    if (this.#unanswered.size === 0) this.#settleIdle();
    return true;
  }

  #settleIdle(): void {
    const waiting = this.#idle;
    this.#idle = [];
    for (const resolve of waiting) resolve();
  }

  #sendError(id: string, error: RealtimeError): void {
    this.outbox.send(errorFrame(error, id));
  }
}
