import type { Claim, Clock, Observer, Operation, StoredReply } from '../core/index.js';
import type { RedisCalls } from './redis-calls.js';
import { RedisScript, type ScriptArgument } from './redis-script.js';
import type { ReplyKeys } from './reply-keys.js';

const SETTLE = RedisScript.load('reply-window', 'reply-settle');
const ABANDON = RedisScript.load('reply-window', 'reply-abandon');
const TOUCH = RedisScript.load('reply-window', 'reply-touch');

/** Ends of runs that are tried again at once, at most; each may hold a reply. */
const MOST_RETRIES = 250;
/** Milliseconds until an end is tried again; twice as many with every time. */
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 32_000;

/** How much is remembered, and for how long: see `RedisReplyOptions`. */
export interface ReplyBounds {
  readonly windowMs: number;
  readonly perClient: number;
  readonly maxReplyBytes: number;
  readonly maxClientBytes: number;
}

/** What the runs of a node need. */
export interface ReplyRunsSetup {
  readonly calls: RedisCalls;
  readonly keys: ReplyKeys;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly publishCommand: 'PUBLISH' | 'SPUBLISH';
  readonly bounds: ReplyBounds;
}

/** What names a run: the operation, and a token that no other run of it has. */
interface Run {
  readonly operation: Operation;
  readonly token: string;
}

/**
 * The runs that this node has begun. While one goes on, Redis is told so now and then: it is remembered
 * however long it takes, and forgotten in time if this node dies.
 */
export class ReplyRuns {
  readonly #runs = new Set<Run>();
  readonly #retries = new Set<() => void>();
  #cancelTouch: (() => void) | undefined;
  #isClosed = false;

  constructor(private readonly setup: ReplyRunsSetup) {}

  /** What whoever is the first is given. */
  begin(operation: Operation, token: string): Claim {
    const run = { operation, token };
    this.#runs.add(run);
    this.#schedule();
    const once = (end: () => Promise<unknown>): Promise<void> =>
      this.#runs.delete(run) ? this.#persist(end) : Promise.resolve();
    return {
      isFirst: true,
      settle: (reply) => once(() => this.#settle(run, reply)),
      abandon: () => once(() => this.#abandon(run)),
    };
  }

  /** Nobody is going to do what may have been begun by this token. Never rejects. */
  giveUp(operation: Operation, token: string): Promise<void> {
    return this.#persist(() => this.#abandon({ operation, token }));
  }

  /** Tries nothing again, and says no more that runs go on. */
  close(): void {
    this.#isClosed = true;
    for (const cancel of this.#retries) cancel();
    this.#retries.clear();
    this.#runs.clear();
    this.#cancelTouch?.();
    this.#cancelTouch = undefined;
  }

  /** Does something that has to be known in Redis: now or, where that fails, a little later. */
  async #persist(work: () => Promise<unknown>, retryMs = FIRST_RETRY_MS): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (retryMs === FIRST_RETRY_MS) this.setup.observer.failed('reply store', error);
      if (this.#isClosed || retryMs > LAST_RETRY_MS || this.#retries.size >= MOST_RETRIES) return;
      const cancel = this.setup.clock.after(retryMs, () => {
        this.#retries.delete(cancel);
        void this.#persist(work, retryMs * 2);
      });
      this.#retries.add(cancel);
    }
  }

  #settle(run: Run, reply: StoredReply): Promise<unknown> {
    const { publishCommand, bounds } = this.setup;
    const text = sizeOf(reply) > bounds.maxReplyBytes ? '' : JSON.stringify(reply);
    const { windowMs, perClient, maxClientBytes } = bounds;
    return this.#call(
      SETTLE,
      run,
      [windowMs, perClient, maxClientBytes, text, publishCommand],
      true,
    );
  }

  #abandon(run: Run): Promise<unknown> {
    return this.#call(ABANDON, run, [this.setup.publishCommand], true);
  }

  #schedule(): void {
    const { windowMs, perClient } = this.setup.bounds;
    this.#cancelTouch ??= this.setup.clock.after(windowMs / 3, () => {
      this.#cancelTouch = undefined;
      for (const run of this.#runs) {
        this.#call(TOUCH, run, [windowMs, perClient], false).catch((error: unknown) => {
          this.setup.observer.failed('reply store', error);
        });
      }
      if (this.#runs.size > 0) this.#schedule();
    });
  }

  #call(
    script: RedisScript,
    { operation, token }: Run,
    args: readonly ScriptArgument[],
    tells: boolean,
  ): Promise<unknown> {
    const { calls, keys } = this.setup;
    const { replies, order, kept, channel } = keys.client(operation.client);
    const rest = tells ? [...args, channel] : args;
    return calls.script(
      script,
      [replies, order, kept],
      [JSON.stringify(operation.id), token, ...rest],
    );
  }
}

function sizeOf(reply: StoredReply): number {
  return Buffer.byteLength('error' in reply ? JSON.stringify(reply.error) : (reply.payload ?? ''));
}
