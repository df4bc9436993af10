import {
  RealtimeError,
  type Clock,
  type RateCharge,
  type RateStore,
  type RateVerdict,
} from '../core/index.js';
import { ErrorCode } from '../protocol/index.js';
import { RedisCalls } from './redis-calls.js';
import type { RedisCommands } from './redis-commands.js';
import { RedisKeys } from './redis-keys.js';
import { RedisScript } from './redis-script.js';

const CONSUME = RedisScript.load('rate-consume');

const ALLOWED: RateVerdict = { isAllowed: true };

/** What the store works with. */
export interface RedisRateSetup {
  readonly commands: RedisCommands;
  readonly clock: Clock;
}

/** Where counts are kept, and how long a call may take. */
export interface RedisRateOptions {
  /** What every key begins with. Default `realtime`. Applications that share a Redis have different ones. */
  readonly prefix?: string;
  /**
   * Milliseconds a call to Redis may take until it counts as `unavailable`. Default 1 000, at least 1. A
   * request waits for it before anything else is done, so it is short.
   */
  readonly callTimeoutMs?: number;
}

/**
 * Counts in Redis, for all nodes together: one call of one script for each question, by the time that
 * Redis tells. A key expires when it has rested so long that it makes no difference. How many are kept
 * is bounded by that, and by the memory of Redis: a key costs about 100 bytes, and one that Redis has
 * evicted or lost has its whole burst again.
 *
 * Without a connection it says so at once. A call that was not answered in time may be counted all the same.
 */
export class RedisRateStore implements RateStore {
  readonly #keys: RedisKeys;
  readonly #calls: RedisCalls;
  #isClosed = false;

  constructor(
    private readonly setup: RedisRateSetup,
    { prefix, callTimeoutMs: timeoutMs = 1_000 }: RedisRateOptions = {},
  ) {
    this.#keys = new RedisKeys(prefix);
    this.#calls = new RedisCalls({ ...setup, timeoutMs, caller: 'rate store' });
  }

  /** {@inheritDoc RateStore.consume} */
  async consume(key: string, charges: readonly RateCharge[]): Promise<RateVerdict> {
    if (this.#isClosed) throw unavailable('expected it to be open');
    // What cannot be sent now would wait for the connection: an answer is of use only at once.
    if (this.setup.commands.status !== 'ready') throw unavailable('expected a connection to Redis');
    const args = charges.flatMap(({ limit, perMs, burst, cost }) => [limit, perMs, burst, cost]);
    const waitMs = Number(await this.#calls.script(CONSUME, [this.#keys.rate(key)], args));
    return waitMs === 0 ? ALLOWED : { isAllowed: false, retryAfterMs: waitMs };
  }

  /** {@inheritDoc RateStore.close} */
  close(): Promise<void> {
    this.#isClosed = true;
    return Promise.resolve();
  }
}

function unavailable(expected: string): RealtimeError {
  return new RealtimeError(ErrorCode.Unavailable, `rate store: ${expected}`);
}
