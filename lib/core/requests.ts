import { ErrorCode, Payload, type RequestFrame } from '../protocol/index.js';
import { Credit } from './credit.js';
import { EncodedReply } from './encoded-reply.js';
import { errorFrame } from './error-frame.js';
import { RealtimeError } from './errors.js';
import type { InboxTask } from './inbox.js';
import type { CoreLimits } from './limits.js';
import type { Outbox } from './outbox.js';
import type { Clock, Observer } from './ports/index.js';
import { RequestContext } from './request-context.js';
import { RequestStream, StreamCommons } from './request-stream.js';
import { StreamSource } from './stream.js';
import { TurnShare } from './turn-share.js';

/**
 * Runs what answers a request.
 *
 * Resolves to the answer's value (`undefined` acknowledges), to an {@link EncodedReply}, or to a
 * {@link StreamSource}; rejects with a {@link RealtimeError} to refuse with its code, with anything
 * else to answer `internal`.
 */
export type Handle = (request: RequestContext) => Promise<unknown>;

/** What requests are answered with, and within which bounds. */
export interface RequestsSetup {
  readonly observer: Observer;
  readonly clock: Clock;
  readonly limits: Pick<CoreLimits, 'streams' | 'streamBufferBytes' | 'outboxBytes'>;
}

/**
 * A request without its final answer: what its handler sees of it, and what waits for its turn. One
 * object for both, because there is one for each request.
 */
class Unanswered extends RequestContext implements InboxTask {
  readonly exclusive = false;
  /** What the client takes of its stream at first. Absent: everything. */
  readonly firstCredit: number | undefined;
  /** Made when the stream begins or its first credit comes: most requests have neither. */
  credit: Credit | undefined;
  /** Called once: when it leaves the list. */
  stop: (() => void) | undefined;

  constructor(
    frame: RequestFrame<Payload>,
    readonly bytes: number,
    isIdempotent: boolean,
    private readonly answer: (request: Unanswered) => Promise<void>,
  ) {
    super(frame.id, frame.event, frame.payload?.value, isIdempotent);
    this.firstCredit = frame.credit;
  }

  run(): Promise<void> {
    return this.answer(this);
  }
}

/**
 * The unanswered requests of one connection, those that still wait for their turn included.
 * Invariant: every request gets exactly one final answer: `response`, `complete` or `error`.
 */
export class Requests {
  readonly #unanswered = new Map<string, Unanswered>();
  #streams = 0;
  #idle: (() => void)[] = [];
  #commons: StreamCommons | undefined;

  readonly #answer = async (request: Unanswered): Promise<void> => {
    if (!this.#isUnanswered(request)) return;
    try {
      const result = await this.handle(request);
      if (result instanceof StreamSource) this.#stream(request, result);
      else this.#respond(request, result);
    } catch (error) {
      this.#fail(request, error);
    }
  };

  constructor(
    private readonly outbox: Outbox,
    private readonly setup: RequestsSetup,
    private readonly handle: Handle,
  ) {}

  /** Requests without their final answer. */
  get size(): number {
    return this.#unanswered.size;
  }

  /**
   * Notes a request at its arrival, so that `cancel` and `credit` find it while it waits for its turn.
   *
   * @param bytes its size on the wire.
   * @param isIdempotent whether it goes on without its connection.
   * @returns what answers it when its turn has come; settles when the answer was sent or its stream
   * has begun, never rejects. `undefined` if the request was refused.
   */
  accept(
    frame: RequestFrame<Payload>,
    bytes: number,
    isIdempotent: boolean,
  ): InboxTask | undefined {
    const { id } = frame;
    if (this.#unanswered.has(id)) {
      const message = 'request.id: expected one that is not in use';
      this.#sendError(id, new RealtimeError(ErrorCode.DuplicateId, message));
      return undefined;
    }
    const request = new Unanswered(frame, bytes, isIdempotent, this.#answer);
    this.#unanswered.set(id, request);
    return request;
  }

  /** Ends a request with `cancelled`. Its handler's signal aborts; whatever it still returns is dropped. */
  cancel(id: string): void {
    const request = this.#unanswered.get(id);
    if (request === undefined) {
      this.setup.observer.ignored('cancel-of-unknown-id');
      return;
    }
    this.#fail(request, new RealtimeError(ErrorCode.Cancelled, 'cancelled by the client'));
    request.cancel();
  }

  /** The client takes that many more items of a request's stream. */
  credit(id: string, items: number): void {
    const request = this.#unanswered.get(id);
    // The stream may have ended while the credit was on its way.
    if (request === undefined) this.setup.observer.ignored('credit-for-unknown-id');
    else creditOf(request).add(items);
  }

  /** Stops everything without answering: nobody is there to read it. Idempotent requests go on. */
  close(): void {
    const requests = [...this.#unanswered.values()];
    this.#unanswered.clear();
    for (const request of requests) {
      request.orphan();
      request.stop?.();
    }
    this.#commons?.share.close();
    this.#settleIdle();
  }

  /** Settles when every request has its final answer. */
  idle(): Promise<void> {
    if (this.#unanswered.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #respond(request: Unanswered, value: unknown): void {
    const text = value instanceof EncodedReply ? value.text : Payload.of(value)?.text;
    if (!this.#finish(request)) return;
    const { id } = request;
    this.outbox.send(
      text === undefined ? { type: 'response', id } : { type: 'response', id, payload: { text } },
    );
  }

  #stream(request: Unanswered, source: StreamSource): void {
    const { streams } = this.setup.limits;
    const isWanted = this.#isUnanswered(request);
    if (!isWanted || this.#streams >= streams) source.discard();
    if (!isWanted) return;
    if (this.#streams >= streams) {
      const message = `expected at most ${String(streams)} open streams`;
      throw new RealtimeError(ErrorCode.RateLimited, message);
    }
    const { id } = request;
    this.#commons ??= commonsOf(this.outbox, this.setup);
    const stream = new RequestStream(id, creditOf(request), this.#commons, {
      failed: (error) => {
        this.#fail(request, error);
      },
      completed: () => {
        if (this.#finish(request)) this.outbox.send({ type: 'complete', id });
      },
    });
    this.#streams += 1;
    request.stop = () => {
      this.#streams -= 1;
      stream.stop();
    };
    stream.start(source);
  }

  #fail(request: Unanswered, error: unknown): void {
    const known = error instanceof RealtimeError ? error : undefined;
    // Who was cancelled fails, by an AbortError most likely; nobody waits for that any more.
    const isExpected = request.isCancelled;
    if (known === undefined && !isExpected) this.setup.observer.failed('request handler', error);
    if (!this.#finish(request)) return;
    const told = known ?? new RealtimeError(ErrorCode.Internal, 'the handler failed');
    this.#sendError(request.id, told);
  }

  #isUnanswered(request: Unanswered): boolean {
    return this.#unanswered.get(request.id) === request;
  }

  /** Takes the request off the list. False if it already had its final answer. */
  #finish(request: Unanswered): boolean {
    if (!this.#isUnanswered(request)) return false;
    this.#unanswered.delete(request.id);
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
    const { outbox, setup } = this;
    try {
      outbox.send(errorFrame(error, id));
    } catch (failure) {
      // Details that JSON cannot hold: the request has its answer all the same.
      setup.observer.failed('the details of an error', failure);
      outbox.send(errorFrame(new RealtimeError(error.code, error.message), id));
    }
  }
}

function commonsOf(outbox: Outbox, { clock, limits }: RequestsSetup): StreamCommons {
  const share = new TurnShare(clock);
  return new StreamCommons(outbox, share, limits.streamBufferBytes, limits.outboxBytes);
}

function creditOf(request: Unanswered): Credit {
  request.credit ??= new Credit(request.firstCredit);
  return request.credit;
}
