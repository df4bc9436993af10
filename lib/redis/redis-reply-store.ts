import {
  RealtimeError,
  type Claim,
  type Clock,
  type Observer,
  type Operation,
  type Random,
  type RepeatedReply,
  type ReplyStore,
} from '../core/index.js';
import { ErrorCode } from '../protocol/index.js';
import { RedisCalls } from './redis-calls.js';
import type { RedisChannels } from './redis-channels.js';
import type { RedisCommands } from './redis-commands.js';
import { listOf } from './redis-presence-codec.js';
import { ReplyRuns } from './redis-reply-runs.js';
import { ReplyWaits } from './redis-reply-waits.js';
import { RedisScript } from './redis-script.js';
import { ReplyKeys } from './reply-keys.js';

const CLAIM = RedisScript.load('reply-window', 'reply-claim');

/** What the store works with. */
export interface RedisReplySetup {
  readonly commands: RedisCommands;
  readonly channels: RedisChannels;
  /** Command that publishes to what `channels` subscribes to: `SPUBLISH` where channels belong to slots. */
  readonly publishCommand: 'PUBLISH' | 'SPUBLISH';
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: Observer;
}

/** How much is remembered, and for how long. */
export interface RedisReplyOptions {
  /** What every key begins with. Default `realtime`. Applications that share a Redis have different ones. */
  readonly prefix?: string;
  /** Milliseconds an operation is remembered, from its end. Default 120 000. */
  readonly windowMs?: number;
  /** Operations that are remembered of one client, the latest ones. Default 1 000. */
  readonly perClient?: number;
  /** Bytes of the largest reply that is kept. Default 64 KiB. Of a larger one is only known that it was given. */
  readonly maxReplyBytes?: number;
  /** Bytes of all replies of a client together. Default 1 MiB. Beyond it the same holds for the oldest ones. */
  readonly maxClientBytes?: number;
  /** Milliseconds from the first claim until those that wait are let go. Default 60 000. At least 1. */
  readonly leaseMs?: number;
  /** Milliseconds after which those who wait have Redis asked, in case that a message was lost. Default 2 000. */
  readonly pollMs?: number;
  /** Milliseconds a call to Redis may take until it counts as `unavailable`. Default 5 000. */
  readonly callTimeoutMs?: number;
}

/**
 * How the operations of clients ended, in Redis, for any number of nodes. Those who wait are told by
 * the client's channel, and look themselves now and then. The time is told by Redis alone.
 *
 * What Redis has lost is forgotten: an operation may then take effect once more, as after its window.
 * A run whose node has died is forgotten with the window; who waits for it is let go with the lease.
 *
 * A client costs at most `maxClientBytes` and about 200 bytes for each of `perClient` operations, until
 * a window after its last one.
 */
export class RedisReplyStore implements ReplyStore {
  readonly #keys: ReplyKeys;
  readonly #calls: RedisCalls;
  readonly #runs: ReplyRuns;
  readonly #waits: ReplyWaits;
  readonly #windowMs: number;
  readonly #perClient: number;
  readonly #leaseMs: number;
  #isClosed = false;

  constructor(
    private readonly setup: RedisReplySetup,
    options: RedisReplyOptions = {},
  ) {
    const { windowMs = 120_000, perClient = 1_000, leaseMs = 60_000 } = options;
    const { maxReplyBytes = 65_536, maxClientBytes = 1_048_576 } = options;
    const { pollMs = 2_000, callTimeoutMs: timeoutMs = 5_000 } = options;
    this.#windowMs = windowMs;
    this.#perClient = perClient;
    this.#leaseMs = leaseMs;
    const keys = new ReplyKeys(options.prefix);
    const calls = new RedisCalls({ ...setup, timeoutMs, caller: 'reply store' });
    const bounds = { windowMs, perClient, maxReplyBytes, maxClientBytes };
    this.#keys = keys;
    this.#calls = calls;
    this.#runs = new ReplyRuns({ ...setup, keys, calls, bounds });
    this.#waits = new ReplyWaits({ ...setup, keys, calls, pollMs });
  }

  /** {@inheritDoc ReplyStore.claim} */
  async claim(operation: Operation): Promise<Claim> {
    if (this.#isClosed) throw closed();
    const token = this.setup.random.id();
    const [outcome, detail, sinceMs] = await this.#claim(operation, token);
    if (outcome === 'first') return this.#begin(operation, token);
    return { isFirst: false, reply: this.#reply(operation, outcome, detail, Number(sinceMs)) };
  }

  /** {@inheritDoc ReplyStore.close} */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#waits.close();
    this.#runs.close();
  }

  async #claim(operation: Operation, token: string): Promise<readonly unknown[]> {
    const { replies, order, kept } = this.#keys.client(operation.client);
    const args = [JSON.stringify(operation.id), token, this.#windowMs, this.#perClient];
    try {
      return listOf(await this.#calls.script(CLAIM, [replies, order, kept], args));
    } catch (error) {
      // It may have been begun all the same, by nobody: whoever asks again would wait in vain.
      void this.#runs.giveUp(operation, token);
      throw error;
    }
  }

  async #begin(operation: Operation, token: string): Promise<Claim> {
    if (!this.#isClosed) return this.#runs.begin(operation, token);
    await this.#runs.giveUp(operation, token);
    throw closed();
  }

  async #reply(
    operation: Operation,
    outcome: unknown,
    detail: unknown,
    sinceMs: number,
  ): Promise<RepeatedReply | undefined> {
    if (outcome === 'omitted') return { isOmitted: true };
    if (outcome === 'ended') return JSON.parse(String(detail)) as RepeatedReply;
    if (this.#isClosed) return undefined;
    return this.#waits.wait(operation, String(detail), this.#leaseMs - sinceMs);
  }
}

function closed(): RealtimeError {
  return new RealtimeError(ErrorCode.Unavailable, 'reply store: expected it to be open');
}
