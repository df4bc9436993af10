import {
  Logger,
  Module,
  type BeforeApplicationShutdown,
  type DynamicModule,
  type OnApplicationShutdown,
  type OnModuleInit,
  Inject,
} from '@nestjs/common';
import { ApplicationConfig, DiscoveryModule } from '@nestjs/core';

import { InsuredRateStore, RealtimeNode, type Broker, type ReplyStore } from '../core/index.js';
import { NestUpgradeGate } from './auth/nest-upgrade-gate.js';
import { SessionService } from './auth/session.service.js';
import { TokenAuthGuard } from './auth/token-auth.guard.js';
import { ConnectionRegistry } from './connection/connection-registry.js';
import { GatewayExplorer } from './gateways/gateway-explorer.js';
import { RealtimeApplication } from './gateways/realtime-application.js';
import { RealtimeHealth } from './health/realtime-health.js';
import { insecurities } from './options/insecurities.js';
import type {
  RealtimeModuleOptions,
  ResolvedRealtimeOptions,
} from './options/realtime-options.interface.js';
import { RateLimitInterceptor } from './rate-limit/rate-limit.interceptor.js';
import { RealtimeAdapter } from './realtime.adapter.js';
import {
  ASYNC_OPTIONS_TYPE,
  ConfigurableModuleClass,
  OPTIONS_TYPE,
} from './realtime.module-definition.js';
import { realtimeProviders } from './realtime.providers.js';
import { RealtimeService } from './realtime.service.js';
import {
  REALTIME_BROKER,
  REALTIME_OPTIONS,
  REALTIME_RATE_STORE,
  REALTIME_REDIS,
  REALTIME_REPLY_STORE,
  REALTIME_TOKEN_VERIFIER,
} from './realtime.tokens.js';
import type { RedisStores } from './redis/redis-stores.js';
import { RoomRegistry } from './rooms/room-registry.js';
import { RoomService } from './rooms/room.service.js';

/**
 * Real-time for a Nest application: import it once, with `forRoot()` or `forRootAsync()`. It installs
 * its WebSocket adapter by itself; no line in `main.ts` is needed, on Express or on Fastify.
 */
@Module({
  imports: [DiscoveryModule],
  providers: [
    ...realtimeProviders,
    ConnectionRegistry,
    GatewayExplorer,
    RealtimeApplication,
    RealtimeAdapter,
    NestUpgradeGate,
    RateLimitInterceptor,
    RealtimeHealth,
    RealtimeService,
    RoomRegistry,
    RoomService,
    SessionService,
    TokenAuthGuard,
  ],
  exports: [
    RateLimitInterceptor,
    REALTIME_RATE_STORE,
    RealtimeHealth,
    RealtimeService,
    RoomService,
    SessionService,
    TokenAuthGuard,
    REALTIME_TOKEN_VERIFIER,
    REALTIME_OPTIONS,
  ],
})
export class RealtimeModule
  extends ConfigurableModuleClass
  implements OnModuleInit, BeforeApplicationShutdown, OnApplicationShutdown
{
  readonly #logger = new Logger('Realtime');

  /**
   * The constructor runs when every class is known and none is bound: the moment to look at the
   * gateways and to install the adapter that Nest will bind them to.
   *
   * @internal
   */
  constructor(
    private readonly config: ApplicationConfig,
    private readonly adapter: RealtimeAdapter,
    private readonly explorer: GatewayExplorer,
    private readonly rooms: RoomRegistry,
    private readonly node: RealtimeNode,
    private readonly service: RealtimeService,
    registry: ConnectionRegistry,
    @Inject(REALTIME_BROKER) private readonly broker: Broker,
    @Inject(REALTIME_REPLY_STORE) private readonly replies: ReplyStore,
    private readonly rates: InsuredRateStore,
    @Inject(REALTIME_REDIS) private readonly redis: RedisStores | undefined,
    @Inject(REALTIME_OPTIONS) private readonly options: ResolvedRealtimeOptions,
  ) {
    super();
    registry.bind(node);
    explorer.explore();
    rooms.explore();
    config.setIoAdapter(adapter);
  }

  /** Registers the module with options that are known now. Without options everything has its default. */
  static override forRoot(options: typeof OPTIONS_TYPE = {}): DynamicModule {
    return super.forRoot(options);
  }

  /** Registers the module with options that have to be asked for: `useFactory`, `useClass`, `useExisting`. */
  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    return super.forRootAsync(options);
  }

  /**
   * Nest's hook: starts the node, which connects to Redis where there is one.
   *
   * @throws Error if another adapter has taken the place of this module's.
   */
  async onModuleInit(): Promise<void> {
    const installed: unknown = this.config.getIoAdapter();
    if (installed !== this.adapter) throw new Error(replacedBy(installed));
    for (const warning of insecurities(this.options)) this.#logger.warn(warning);
    this.explorer.report(this.#logger, this.rooms.size);
    await this.#startNode();
    // Gateways have done it already; an application may have rooms only.
    this.adapter.attach();
  }

  async #startNode(): Promise<void> {
    try {
      await this.redis?.link.ready();
      for (const problem of (await this.redis?.probe()) ?? []) {
        this.#logger.warn(`realtime.redis: ${problem}`);
      }
      await this.node.start();
    } catch (error) {
      // Else what keeps on connecting would keep a process alive whose application never was.
      this.redis?.link.close();
      await this.broker.close();
      throw error;
    }
  }

  /** Nest's hook: answers what is due and lets clients go; see `RealtimeService.drain`. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.service.drain();
  }

  /** Nest's hook: closes what is still open, the connections to Redis last. */
  async onApplicationShutdown(): Promise<void> {
    await this.node.close();
    await this.replies.close();
    await this.rates.close();
    await this.broker.close();
    this.redis?.link.close();
  }
}

/** What to do about an adapter that is not the module's own. */
function replacedBy(adapter: unknown): string {
  return adapter instanceof RealtimeAdapter
    ? 'RealtimeModule: forRoot() or forRootAsync() is imported more than once. Call it once, in the root module: RoomService and the others can be injected everywhere.'
    : 'RealtimeModule: app.useWebSocketAdapter() replaced the adapter that RealtimeModule had installed. Remove that call; for gateways that need the other adapter, pass it as realtime.fallbackAdapter.';
}

export type { RealtimeModuleOptions };
