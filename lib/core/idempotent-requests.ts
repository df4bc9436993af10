import { ErrorCode, Payload } from '../protocol/index.js';
import { EncodedReply } from './encoded-reply.js';
import { RealtimeError } from './errors.js';
import type {
  Claim,
  Observer,
  Operation,
  RepeatedReply,
  ReplyStore,
  StoredReply,
} from './ports/index.js';
import type { RequestContext } from './request-context.js';
import { StreamSource } from './stream.js';

/** A request of a handler that may take effect once only. */
export interface IdempotentRequest {
  readonly operation: Operation;
  /** Who asks. */
  readonly userId: string;
  readonly context: RequestContext;
  /** Runs the handler. */
  handle(): Promise<unknown>;
}

/** What {@link IdempotentRequests} need. */
export interface IdempotentRequestsSetup {
  readonly replies: ReplyStore;
  readonly observer: Observer;
  /** Handlers of one user that may run at once, those without a connection included. */
  readonly runsPerUser: number;
}

type FirstClaim = Extract<Claim, { isFirst: true }>;

/**
 * Runs the handler of a request that is repeated once, and gives every repeat its reply.
 *
 * What is remembered is what has, or may have, taken effect: a value, or an error that a repeat would
 * not mend. A retryable error says that nothing was done, and a cancelled run that fails has been
 * stopped: after either the next repeat runs the handler again. A cancelled run that comes to its end
 * all the same has taken effect and is remembered.
 *
 * A repeat holds its connection's turn while it waits, so that what was pipelined behind it keeps its
 * place; the lease of the store (O8) bounds that.
 */
export class IdempotentRequests {
  /** Runs of this node, by operation. */
  readonly #runs = new Map<string, RequestContext>();
  readonly #runsOfUser = new Map<string, number>();
  #running = 0;
  #idle: (() => void)[] = [];

  constructor(private readonly setup: IdempotentRequestsSetup) {}

  /** Handlers that run now. */
  get size(): number {
    return this.#running;
  }

  /**
   * Runs the handler, or waits for what came of its first run.
   *
   * @throws RealtimeError with what is to be told instead of a value.
   */
  async answer(request: IdempotentRequest): Promise<EncodedReply> {
    // An abandoned run leaves the next one to who waited for it. Twice is enough: the client asks again.
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      const claim = await this.setup.replies.claim(request.operation);
      if (claim.isFirst) return this.#begin(request, claim);
      const reply = await this.#wait(request, claim.reply);
      if (reply !== undefined) return replyOf(reply);
    }
    const message = 'whether the request took effect is not known; ask again with the same id';
    throw new RealtimeError(ErrorCode.Timeout, message);
  }

  /** Settles when no handler runs. */
  idle(): Promise<void> {
    if (this.#running === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  async #begin(request: IdempotentRequest, claim: FirstClaim): Promise<EncodedReply> {
    const { userId, context } = request;
    // A run that has not begun has no effect to protect.
    if (context.isAbandoned) {
      await claim.abandon();
      throw cancelled();
    }
    const runs = this.#runsOfUser.get(userId) ?? 0;
    if (runs >= this.setup.runsPerUser) {
      await claim.abandon();
      const most = String(this.setup.runsPerUser);
      throw new RealtimeError(ErrorCode.RateLimited, `expected at most ${most} running requests`);
    }
    const key = keyOf(request.operation);
    this.#runs.set(key, context);
    this.#runsOfUser.set(userId, runs + 1);
    this.#running += 1;
    try {
      return await this.#run(request, claim);
    } finally {
      // A run that outlived the window may have a second one beside it.
      if (this.#runs.get(key) === context) this.#runs.delete(key);
      this.#ended(userId);
    }
  }

  /** The reply is stored before it is sent: else it could be lost in between, and with it the effect. */
  async #run(request: IdempotentRequest, claim: FirstClaim): Promise<EncodedReply> {
    let reply: StoredReply;
    try {
      const text = textOf(await request.handle());
      reply = text === undefined ? {} : { payload: text };
    } catch (error) {
      if (request.context.isCancelled) {
        await claim.abandon();
        throw cancelled();
      }
      const told = this.#known(error);
      if (told.retryable) {
        await claim.abandon();
        throw told;
      }
      reply = { error: this.#stored(told) };
    }
    await claim.settle(reply);
    return replyOf(reply);
  }

  #known(error: unknown): RealtimeError {
    if (error instanceof RealtimeError) return error;
    this.setup.observer.failed('request handler', error);
    return new RealtimeError(ErrorCode.Internal, 'the handler failed');
  }

  /** A copy of the details: the application may go on to change its own. */
  #stored({ code, message, details, retryAfterMs }: RealtimeError): StoredError {
    const rest = retryAfterMs === undefined ? {} : { retryAfterMs };
    try {
      // As in any other error, where bytes are none. Functions have no text, whatever the type says.
      const text = JSON.stringify(details) as string | undefined;
      if (text === undefined) return { code, message, ...rest };
      return { code, message, details: JSON.parse(text) as unknown, ...rest };
    } catch (error) {
      this.setup.observer.failed('the details of an error', error);
      return { code, message, ...rest };
    }
  }

  /** Whoever cancels a repeat wants the operation to stop, wherever its first run is on this node. */
  #wait(
    { operation, context }: IdempotentRequest,
    reply: Promise<RepeatedReply | undefined>,
  ): Promise<RepeatedReply | undefined> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.#runs.get(keyOf(operation))?.cancel();
        reject(cancelled());
      };
      const { signal } = context;
      if (signal.aborted) stop();
      signal.addEventListener('abort', stop, { once: true });
      void reply
        .finally(() => {
          signal.removeEventListener('abort', stop);
        })
        .then(resolve, reject);
    });
  }

  #ended(userId: string): void {
    const left = (this.#runsOfUser.get(userId) ?? 0) - 1;
    if (left > 0) this.#runsOfUser.set(userId, left);
    else this.#runsOfUser.delete(userId);
    this.#running -= 1;
    if (this.#running > 0) return;
    const waiting = this.#idle;
    this.#idle = [];
    for (const resolve of waiting) resolve();
  }
}

type StoredError = Extract<StoredReply, { error: unknown }>['error'];

/** @throws Error for a stream. @throws TypeError for what JSON cannot hold. */
function textOf(value: unknown): string | undefined {
  if (!(value instanceof StreamSource)) return Payload.of(value)?.text;
  value.discard();
  throw new Error('an idempotent handler returned a stream, which cannot be repeated');
}

/** @throws RealtimeError for an operation that ended with an error. */
function replyOf(reply: RepeatedReply): EncodedReply {
  if ('isOmitted' in reply) {
    const message = 'the request took effect once; its reply was too large to be kept';
    throw new RealtimeError(ErrorCode.NotIdempotent, message);
  }
  if (!('error' in reply)) return new EncodedReply(reply.payload);
  const { code, message, ...rest } = reply.error;
  throw new RealtimeError(code, message, rest);
}

function keyOf({ client, id }: Operation): string {
  return JSON.stringify([client, id]);
}

function cancelled(): RealtimeError {
  return new RealtimeError(ErrorCode.Cancelled, 'cancelled by the client');
}
