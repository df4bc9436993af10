import {
  assertCloseCode,
  assertEvent,
  assertRevocation,
  assertRoom,
  assertVolatile,
  callable,
  DEFAULT_HISTORY,
  findProblems,
  integer,
  payloadText,
  RealtimeOptionsError,
  type HistoryPolicy,
  type OptionRules,
  type Publication,
  type PublishReceipt,
  type RevocationRule,
} from '../core/index.js';
import { CloseCode } from '../protocol/index.js';
import {
  ControlWriter,
  REDIS_RULES,
  RedisCommandLink,
  RedisKeys,
  redisProblems,
  RedisPublisher,
  sourceOf,
} from '../redis/index.js';
import { SystemClock, SystemRandom } from '../system/index.js';
import type {
  EmitterDisconnectOptions,
  EmitterPublishOptions,
  RealtimeEmitterOptions,
} from './realtime-emitter-options.interface.js';

const RULES: OptionRules = {
  url: REDIS_RULES.url,
  options: REDIS_RULES.options,
  cluster: REDIS_RULES.cluster,
  client: REDIS_RULES.client,
  prefix: REDIS_RULES.prefix,
  sharded: REDIS_RULES.sharded,
  timeoutMs: REDIS_RULES.timeoutMs,
  metaTtlMs: REDIS_RULES.metaTtlMs,
  maxQueuedBytes: REDIS_RULES.maxQueuedBytes,
  replicas: REDIS_RULES.replicas,
  history: { size: integer(0), ttlMs: integer(0), bytes: integer(0) },
  onError: callable,
};

/** A silent connection is made anew this long after the callers were told: replicas may take all their time. */
const SILENCE_MARGIN_MS = 1_000;

/** The emitter repeats nothing under a name: this only bounds what nobody uses. */
const OPERATIONS = { windowMs: 120_000, perClient: 1_000 };

/**
 * Publishes from any Node process to the clients of the servers that share its Redis: without Nest,
 * without a port, with one connection. What it publishes into a room is a message like any other: in one
 * order with the servers' own, kept in the room's history, recovered by who was away.
 *
 * Everything that is called waits at most `timeoutMs`. Calls keep their order, whether or not they are
 * awaited. It keeps the process alive until it is closed.
 */
export class RealtimeEmitter {
  readonly #clock = new SystemClock();
  readonly #random = new SystemRandom();
  readonly #keys: RedisKeys;
  readonly #link: RedisCommandLink;
  readonly #publisher: RedisPublisher;
  readonly #control: ControlWriter;
  readonly #history: HistoryPolicy;

  /** @throws RealtimeOptionsError for options that break their rules, with a line for each. */
  constructor(options: RealtimeEmitterOptions) {
    check(options);
    const { sharded = true, timeoutMs = 5_000, metaTtlMs = 86_400_000 } = options;
    const { maxQueuedBytes = 16_777_216, replicas = 0 } = options;
    const keys = new RedisKeys(options.prefix);
    const common = { keys, clock: this.#clock, random: this.#random, timeoutMs };
    const link = new RedisCommandLink({
      ...common,
      source: sourceOf(options),
      observer: { failed: (_, error) => options.onError?.(error) },
      sharded,
      silenceMs: timeoutMs + SILENCE_MARGIN_MS,
    });
    const publisher = new RedisPublisher({
      ...common,
      link,
      node: this.#random.id(),
      metaTtlMs,
      operations: OPERATIONS,
      maxQueuedBytes,
      replicas,
      keepsPolicy: true,
    });
    this.#keys = keys;
    this.#link = link;
    this.#publisher = publisher;
    this.#control = new ControlWriter({ ...common, publisher });
    this.#history = { ...DEFAULT_HISTORY, ...options.history };
  }

  /**
   * Resolves when it is connected. Nobody has to call it: what is published before waits for it.
   *
   * @throws RealtimeError `unavailable` if it is not within `timeoutMs`, with the reason as its `cause`.
   */
  ready(): Promise<void> {
    return this.#link.ready();
  }

  /**
   * Puts a message into a room. Every subscriber gets it, on whatever node. Resolves when Redis has it:
   * `position` is its place in the room, `durability` what it survives.
   *
   * @param event 1 to 128 characters.
   * @param payload anything that JSON can hold; `undefined`: no payload.
   * @throws RealtimeError `invalid-field` for a bad room or event name or `latest`; `unavailable` if it
   * has not taken effect, because Redis is away or refuses, or too much waits; `timeout` if nobody knows.
   * @throws TypeError if the payload has a cycle or a BigInt.
   */
  async publish(
    room: string,
    event: string,
    payload?: unknown,
    options: EmitterPublishOptions = {},
  ): Promise<PublishReceipt> {
    assertRoom(room);
    const { except = [], latest } = options;
    const message = this.#publication(event, payload, { except: [except].flat(), latest });
    const history = assertVolatile(options) === true ? 'volatile' : this.#history;
    return this.#publisher.publish(this.#keys.room(room), message, { history });
  }

  /**
   * Sends to every connection of a user, on all devices. Not stored: who is away misses it.
   *
   * @throws as {@link publish} does.
   */
  async toUser(userId: string, event: string, payload?: unknown): Promise<void> {
    const publication = this.#publication(event, payload);
    await this.#control.command({ kind: 'to-user', userId, publication });
  }

  /**
   * Sends to every connection. Not stored: who is away misses it.
   *
   * @throws as {@link publish} does.
   */
  async toAll(event: string, payload?: unknown): Promise<void> {
    const publication = this.#publication(event, payload);
    await this.#control.command({ kind: 'to-all', publication });
  }

  /**
   * Ends a connection, by its id. Not connected: nothing happens.
   *
   * @throws RealtimeError `invalid-field` for a code that an application may not close with; else as
   * {@link publish} does.
   */
  async disconnect(connectionId: string, how: EmitterDisconnectOptions = {}): Promise<void> {
    await this.#disconnect({ connectionId }, how);
  }

  /**
   * Ends every connection of a user. Their tokens stay good: see {@link revoke}.
   *
   * @throws as {@link disconnect} does.
   */
  async disconnectUser(userId: string, how: EmitterDisconnectOptions = {}): Promise<void> {
    await this.#disconnect({ userId }, how);
  }

  /**
   * Ends sessions and keeps their tokens out, as `SessionService.revoke()` does.
   *
   * @param rule the fields that are given have to apply together.
   * @throws RealtimeError `invalid-field` for a rule without any field; else as {@link publish} does.
   */
  async revoke(rule: RevocationRule): Promise<void> {
    assertRevocation(rule);
    await this.#control.command({ kind: 'revoke', rule });
  }

  /**
   * Has every node ask its room classes again what a user may: for rights that have changed.
   *
   * @throws as {@link publish} does.
   */
  async reauthorize(userId: string): Promise<void> {
    await this.#control.command({ kind: 'reauthorize', userId });
  }

  /**
   * Ends the connection. What was not sent rejects with `unavailable`, what was and has no answer with
   * `timeout`: await what has to arrive. A second call does nothing.
   */
  close(): void {
    this.#publisher.close();
    this.#link.close();
  }

  async #disconnect(
    target: { readonly connectionId: string } | { readonly userId: string },
    {
      code = CloseCode.Disconnected,
      reason = 'disconnected by the server',
    }: EmitterDisconnectOptions,
  ): Promise<void> {
    assertCloseCode(code);
    await this.#control.command({ kind: 'disconnect', target, code, reason });
  }

  #publication(
    event: string,
    value: unknown,
    { except = [], latest }: { except?: readonly string[]; latest?: string | undefined } = {},
  ): Publication {
    assertEvent(event);
    const payload = payloadText(value);
    return {
      id: this.#random.id(),
      event,
      timestamp: this.#clock.now(),
      ...(payload === undefined ? {} : { payload }),
      ...(except.length === 0 ? {} : { except }),
      ...(latest === undefined ? {} : { latest }),
    };
  }
}

function check(given: RealtimeEmitterOptions): void {
  const problems = findProblems('emitter', RULES, given);
  if (problems.length === 0) problems.push(...redisProblems(given, 'emitter'));
  if (problems.length > 0) throw new RealtimeOptionsError(problems, 'RealtimeEmitter');
}
