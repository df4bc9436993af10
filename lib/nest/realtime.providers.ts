import type { Provider } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';

import {
  InsuredRateStore,
  RealtimeNode,
  type Broker,
  type Clock,
  type Observer,
  type PresenceStore,
  type Random,
  type RateStore,
  type ReplyStore,
  type TokenVerifier,
} from '../core/index.js';
import {
  MemoryBroker,
  MemoryPresenceStore,
  MemoryRateStore,
  MemoryReplyStore,
  ReplyBook,
} from '../memory/index.js';
import { SystemClock, SystemRandom } from '../transport/index.js';
import { makeTokenVerifier } from './auth/make-token-verifier.js';
import { LargeFrames } from './connection/large-frames.js';
import { RealtimeApplication } from './gateways/realtime-application.js';
import { NestObserver } from './nest-observer.js';
import type {
  RealtimeModuleOptions,
  ResolvedRealtimeOptions,
} from './options/realtime-options.interface.js';
import { resolveOptions } from './options/resolve-options.js';
import { MODULE_OPTIONS_TOKEN } from './realtime.module-definition.js';
import {
  REALTIME_BROKER,
  REALTIME_CLOCK,
  REALTIME_OBSERVER,
  REALTIME_OPTIONS,
  REALTIME_PRESENCE_STORE,
  REALTIME_RANDOM,
  REALTIME_RATE_STORE,
  REALTIME_REDIS,
  REALTIME_REPLY_STORE,
  REALTIME_TOKEN_VERIFIER,
} from './realtime.tokens.js';
import { openRedis, type RedisStores } from './redis/redis-stores.js';
import { RoomRegistry } from './rooms/room-registry.js';

/** What the node is made of, each under a token of its own so that it can be overridden. */
export const realtimeProviders: Provider[] = [
  {
    provide: REALTIME_OPTIONS,
    useFactory: (options?: RealtimeModuleOptions) => resolveOptions(options),
    // Absent where the class itself is imported: Nest would name a token that nobody has heard of.
    inject: [{ token: MODULE_OPTIONS_TOKEN, optional: true }],
  },
  { provide: REALTIME_CLOCK, useClass: SystemClock },
  { provide: REALTIME_RANDOM, useClass: SystemRandom },
  { provide: REALTIME_OBSERVER, useClass: NestObserver },
  LargeFrames,
  {
    provide: REALTIME_REDIS,
    useFactory: openRedis,
    inject: [REALTIME_OPTIONS, REALTIME_CLOCK, REALTIME_RANDOM, REALTIME_OBSERVER],
  },
  {
    provide: REALTIME_BROKER,
    useFactory: (
      { memory }: ResolvedRealtimeOptions,
      redis: RedisStores | undefined,
      clock: Clock,
      random: Random,
    ): Broker => redis?.broker() ?? new MemoryBroker(clock, random, memory),
    inject: [REALTIME_OPTIONS, REALTIME_REDIS, REALTIME_CLOCK, REALTIME_RANDOM],
  },
  {
    provide: REALTIME_REPLY_STORE,
    useFactory: (
      { memory }: ResolvedRealtimeOptions,
      redis: RedisStores | undefined,
      clock: Clock,
    ): ReplyStore => {
      if (redis !== undefined) return redis.replies();
      const { operations = {}, replies } = memory;
      return new MemoryReplyStore(new ReplyBook(clock, { ...replies, operations }));
    },
    inject: [REALTIME_OPTIONS, REALTIME_REDIS, REALTIME_CLOCK],
  },
  {
    provide: REALTIME_PRESENCE_STORE,
    useFactory: (redis: RedisStores | undefined, clock: Clock): PresenceStore =>
      redis?.presence() ?? new MemoryPresenceStore(clock),
    inject: [REALTIME_REDIS, REALTIME_CLOCK],
  },
  {
    provide: REALTIME_RATE_STORE,
    useFactory: (
      { memory }: ResolvedRealtimeOptions,
      redis: RedisStores | undefined,
      clock: Clock,
    ): RateStore => redis?.rates() ?? new MemoryRateStore(clock, memory.rates),
    inject: [REALTIME_OPTIONS, REALTIME_REDIS, REALTIME_CLOCK],
  },
  {
    provide: InsuredRateStore,
    useFactory: (
      store: RateStore,
      { memory, rateLimit }: ResolvedRealtimeOptions,
      clock: Clock,
      observer: Observer,
    ) => {
      const local = new MemoryRateStore(clock, memory.rates);
      const nodes = rateLimit?.nodes ?? 1;
      return new InsuredRateStore({ store, local, nodes, clock, observer });
    },
    inject: [REALTIME_RATE_STORE, REALTIME_OPTIONS, REALTIME_CLOCK, REALTIME_OBSERVER],
  },
  {
    provide: REALTIME_TOKEN_VERIFIER,
    useFactory: makeTokenVerifier,
    inject: [REALTIME_OPTIONS, REALTIME_CLOCK, REALTIME_RANDOM, ModuleRef],
  },
  {
    provide: RealtimeNode,
    useFactory: (
      { limits, heartbeat, handlers, sessions, rooms }: ResolvedRealtimeOptions,
      broker: Broker,
      replies: ReplyStore,
      presence: PresenceStore,
      verifier: TokenVerifier,
      clock: Clock,
      random: Random,
      observer: Observer,
      application: RealtimeApplication,
      directory: RoomRegistry,
      largeFrames: LargeFrames,
    ) =>
      new RealtimeNode({
        limits,
        heartbeat: { intervalMs: heartbeat.intervalMs, timeoutMs: heartbeat.timeoutMs },
        idleTimeoutMs: heartbeat.idleTimeoutMs,
        sessions,
        history: rooms.history,
        concurrency: handlers.concurrency,
        broker,
        replies,
        presence,
        verifier,
        clock,
        random,
        observer,
        application,
        directory,
        frameParser: largeFrames.parser,
      }),
    inject: [
      REALTIME_OPTIONS,
      REALTIME_BROKER,
      REALTIME_REPLY_STORE,
      REALTIME_PRESENCE_STORE,
      REALTIME_TOKEN_VERIFIER,
      REALTIME_CLOCK,
      REALTIME_RANDOM,
      REALTIME_OBSERVER,
      RealtimeApplication,
      RoomRegistry,
      LargeFrames,
    ],
  },
];
