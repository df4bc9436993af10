import type { Server } from 'node:http';

import {
  Inject,
  Injectable,
  Logger,
  type OnApplicationShutdown,
  type WebSocketAdapter,
  type WsMessageHandler,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { AbstractWsAdapter } from '@nestjs/websockets';
import type { Observable } from 'rxjs';

import { RealtimeNode, type Clock } from '../core/index.js';
import { UpgradeRouter, watchFirstHeaders, WsServer } from '../transport/index.js';
import { NestUpgradeGate } from './auth/nest-upgrade-gate.js';
import { ConnectionRegistry } from './connection/connection-registry.js';
import { RealtimeConnection } from './connection/realtime-connection.js';
import { REALTIME_SERVER_KEY } from './decorators/realtime-gateway.decorator.js';
import { GatewayExplorer } from './gateways/gateway-explorer.js';
import { HookContainment } from './gateways/hook-containment.js';
import { RealtimeApplication, type ConnectListener } from './gateways/realtime-application.js';
import type { ResolvedRealtimeOptions } from './options/realtime-options.interface.js';
import { REALTIME_CLOCK, REALTIME_OPTIONS } from './realtime.tokens.js';
import { RoomService } from './rooms/room.service.js';

/**
 * TCP connections without headers for each upgrade that may be decided. When a node has died, thousands
 * of honest clients connect within one turn of the event loop, before any of their headers is read.
 */
const HEADERLESS_PER_UPGRADE = 10;

/**
 * Between Nest's gateways and the node. Gateways that are ours are bound to the one server at the
 * module's path; everything else goes to the fallback adapter, if there is one.
 *
 * `@WebSocketServer()` of our gateways is the {@link RoomService}.
 */
@Injectable()
export class RealtimeAdapter extends AbstractWsAdapter implements OnApplicationShutdown {
  readonly #hooks: HookContainment;
  readonly #server: WsServer;
  #router: UpgradeRouter | undefined;
  #fallback: WebSocketAdapter | undefined;
  #hooksContained = false;
  #endWatch: (() => void) | undefined;

  constructor(
    private readonly host: HttpAdapterHost,
    @Inject(REALTIME_OPTIONS) private readonly options: ResolvedRealtimeOptions,
    @Inject(REALTIME_CLOCK) private readonly clock: Clock,
    node: RealtimeNode,
    private readonly gate: NestUpgradeGate,
    private readonly explorer: GatewayExplorer,
    private readonly application: RealtimeApplication,
    private readonly rooms: RoomService,
    registry: ConnectionRegistry,
  ) {
    super();
    this.#hooks = new HookContainment(new Logger('Realtime'), registry.runningHooks);
    this.#server = new WsServer((transport, handshake) => node.accept(transport, handshake), {
      limits: options.limits,
      heartbeat: options.heartbeat,
      clock,
      gate,
    });
  }

  /**
   * Starts to listen for upgrades, if the application has an HTTP server. Safe to repeat.
   *
   * @throws Error if a guard of `auth.guards` is not there.
   */
  attach(): void {
    // Absent in an application context without HTTP, and while a testing module compiles.
    const server = (
      this.host.httpAdapter as { getHttpServer(): Server } | undefined
    )?.getHttpServer();
    if (server === undefined || this.#router !== undefined) return;
    this.gate.prepare();
    this.#router = new UpgradeRouter(server, this.options.path, (request, socket, head) => {
      this.#server.upgrade(request, socket, head);
    });
    const { firstHeadersMs: limitMs, pendingUpgrades } = this.options.limits;
    const maxWaiting = pendingUpgrades * HEADERLESS_PER_UPGRADE;
    this.#endWatch = watchFirstHeaders(server, this.clock, { limitMs, maxWaiting });
    this.#fallback = this.options.fallbackAdapter?.(server);
  }

  /** Refuses new connections with 503 from now on. */
  stopAccepting(): void {
    this.#server.stopAccepting();
  }

  override create(port: number, options: Record<string, unknown> = {}): unknown {
    this.attach();
    if (!this.#isOurs(options['path'])) {
      const fallback = this.#fallback;
      const create = (): unknown => fallback?.create(port, options);
      return this.#router === undefined ? create() : this.#router.adopt(create);
    }
    this.#containHooks();
    return this.rooms;
  }

  override bindClientConnect(server: unknown, callback: ConnectListener): void {
    if (server === this.rooms) this.application.onConnect(callback);
    else this.#fallback?.bindClientConnect(server, callback);
  }

  override bindClientDisconnect(client: unknown, callback: (reason?: unknown) => void): void {
    if (client instanceof RealtimeConnection) client.onEnd(callback);
    else this.#fallback?.bindClientDisconnect?.(client, callback);
  }

  override bindMessageHandlers(
    client: unknown,
    handlers: WsMessageHandler[],
    transform: (data: unknown) => Observable<unknown>,
  ): void {
    if (client instanceof RealtimeConnection) {
      for (const { message, callback } of handlers) client.handlers.set(message, callback);
    } else {
      this.#fallback?.bindMessageHandlers(client, handlers, transform);
    }
  }

  /** Waits for links that are being closed and for the gateways' disconnect hooks. */
  override async close(server: unknown): Promise<void> {
    if (server !== this.rooms) {
      await this.#fallback?.close(server);
      return;
    }
    await this.#server.close(this.options.shutdown.graceMs);
    await this.#hooks.idle();
  }

  /**
   * Nest closes the HTTP server only after this, and that takes until its last connection has ended.
   * Upgrades that come meanwhile need an answer of ours, or the application would answer them as plain
   * GET requests, with 404; and connections that never send headers need an end.
   */
  override async dispose(): Promise<void> {
    await this.#server.close(this.options.shutdown.graceMs);
    await this.#hooks.idle();
    this.#router?.retire();
    await (this.#fallback as { dispose?(): Promise<void> } | undefined)?.dispose?.();
  }

  /** Leaves the HTTP server. It is closed by now, unless it is somebody else's to close. */
  onApplicationShutdown(): void {
    this.#endWatch?.();
    this.#router?.detach();
  }

  #isOurs(path: unknown): boolean {
    if (this.#fallback === undefined) return true;
    return path === REALTIME_SERVER_KEY || path === this.options.path;
  }

  #containHooks(): void {
    if (this.#hooksContained) return;
    this.#hooksContained = true;
    for (const gateway of this.explorer.gateways) this.#hooks.contain(gateway);
  }
}
