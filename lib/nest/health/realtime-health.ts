import { Inject, Injectable } from '@nestjs/common';

import {
  assertTimeout,
  RealtimeError,
  RealtimeNode,
  type Broker,
  type Clock,
  type PresenceStore,
} from '../../core/index.js';
import { ErrorCode } from '../../protocol/index.js';
import {
  REALTIME_BROKER,
  REALTIME_CLOCK,
  REALTIME_PRESENCE_STORE,
  REALTIME_REDIS,
} from '../realtime.tokens.js';
import type { RedisStores } from '../redis/redis-stores.js';
import type {
  HealthCheckOptions,
  HealthIndication,
  HealthReport,
  HealthStatus,
} from './health-report.interface.js';
import { PartHealth } from './part-health.js';

/** The room that is asked about. Nobody is in it; it costs one key in Redis. */
const ROOM = '~health';

/** Longest wait for an answer, in milliseconds, unless told otherwise. */
const TIMEOUT_MS = 1_000;

/**
 * How well this process is: for the probes of a load balancer or an orchestrator. It asks broker and
 * presence store what every client's subscribing asks them, so that what it says is what clients get.
 *
 * {@link isHealthy} makes it an indicator for `@nestjs/terminus`, which need not be there.
 */
@Injectable()
export class RealtimeHealth {
  readonly #broker: PartHealth;
  readonly #presence: PartHealth;

  /** @internal */
  constructor(
    private readonly node: RealtimeNode,
    @Inject(REALTIME_BROKER) broker: Broker,
    @Inject(REALTIME_PRESENCE_STORE) presences: PresenceStore,
    @Inject(REALTIME_REDIS) private readonly redis: RedisStores | undefined,
    @Inject(REALTIME_CLOCK) clock: Clock,
  ) {
    this.#broker = new PartHealth(clock, () => this.#connected(() => broker.top(ROOM)));
    this.#presence = new PartHealth(clock, () => this.#connected(() => presences.read(ROOM, 0)));
  }

  /**
   * Looks at everything. At once if the connection to Redis is known to be lost, else within `timeoutMs`.
   * Checks that overlap share their questions.
   *
   * @throws RealtimeError `invalid-field` for a time that no timer can wait.
   */
  async check({ timeoutMs = TIMEOUT_MS }: HealthCheckOptions = {}): Promise<HealthReport> {
    assertTimeout(timeoutMs);
    const parts = [this.#broker.look(timeoutMs), this.#presence.look(timeoutMs)] as const;
    const [broker, presence] = await Promise.all(parts);
    const { hub, rooms, isDraining } = this.node;
    let status: HealthStatus = presence.status === 'up' ? 'up' : 'degraded';
    if (broker.status === 'down') status = 'down';
    if (isDraining) status = 'draining';
    return { status, connections: hub.size, rooms: rooms.size, broker, presence };
  }

  /**
   * The same for a health check of `@nestjs/terminus`: `down` while this process should get no new
   * connections, because it is `down` or `draining`.
   *
   * @param key under which it stands in the answer. Default `realtime`.
   * @throws as {@link check} does.
   */
  async isHealthy<Key extends string = 'realtime'>(
    key: Key = 'realtime' as Key,
    options: HealthCheckOptions = {},
  ): Promise<HealthIndication<Key>> {
    const { status: state, ...facts } = await this.check(options);
    const status = state === 'up' || state === 'degraded' ? 'up' : 'down';
    return { [key]: { status, state, ...facts } } as HealthIndication<Key>;
  }

  /** A question that cannot be sent would wait for the connection. */
  async #connected(ask: () => Promise<unknown>): Promise<unknown> {
    if (this.redis?.link.isReady !== false) return ask();
    throw new RealtimeError(ErrorCode.Unavailable, 'redis: expected a connection, got none');
  }
}
