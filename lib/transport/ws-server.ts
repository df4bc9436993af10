import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

import { WebSocketServer, type WebSocket } from 'ws';

import type { Clock, Handshake, Transport, TransportListener } from '../core/index.js';
import { CloseCode, negotiate, SUBPROTOCOLS } from '../protocol/index.js';
import { readHandshake } from './handshake.js';
import { Heartbeat, type HeartbeatOptions } from './heartbeat.js';
import { refuseUpgrade } from './http-refusal.js';
import { wsOptions, type TransportLimits } from './limits.js';
import { WsTransport } from './ws-transport.js';

/** What the server is made of. */
export interface WsServerOptions {
  readonly limits: TransportLimits;
  readonly heartbeat: HeartbeatOptions;
  readonly clock: Clock;
}

/** Takes a new peer; see `RealtimeNode.accept`. */
export type Accept = (transport: Transport, handshake: Handshake) => TransportListener;

/** Seconds after which a client that met a server shutting down should try again. */
const RETRY_AFTER_SECONDS = 1;

const ignoreError = (): void => undefined;

/** Turns upgrade requests into connections. Knows nothing of paths: see {@link UpgradeRouter}. */
export class WsServer {
  readonly #server: WebSocketServer;
  readonly #heartbeat: Heartbeat;
  readonly #transports = new Set<WsTransport>();
  #accepting = true;
  #emptied: (() => void) | undefined;

  constructor(
    private readonly accept: Accept,
    private readonly options: WsServerOptions,
  ) {
    this.#heartbeat = new Heartbeat(options.clock, options.heartbeat);
    this.#server = new WebSocketServer({
      ...wsOptions(options.limits),
      handleProtocols: (offered) => {
        const choice = negotiate(offered);
        return choice.outcome === 'plain' ? false : (choice.protocol ?? false);
      },
    });
  }

  /** Links that are open. */
  get size(): number {
    return this.#transports.size;
  }

  /** Upgrades a request, or refuses it. Never throws. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // A peer that resets while we work would otherwise end the process (CVE-2022-41940).
    socket.on('error', ignoreError);
    if (!this.#accepting) {
      refuseUpgrade(socket, {
        status: 503,
        code: 'unavailable',
        message: 'the server is shutting down',
        retryAfterSeconds: RETRY_AFTER_SECONDS,
      });
      return;
    }
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      this.#open(webSocket, request, socket);
    });
  }

  /** Refuses every upgrade from now on. */
  stopAccepting(): void {
    this.#accepting = false;
  }

  /**
   * Waits until every link has ended, and cuts those that are left after `graceMs` milliseconds.
   * Whoever calls it has closed the connections before.
   */
  async close(graceMs: number): Promise<void> {
    this.stopAccepting();
    if (this.#transports.size > 0) {
      const cancel = this.options.clock.after(graceMs, () => {
        for (const transport of this.#transports) transport.terminate();
      });
      await new Promise<void>((resolve) => {
        this.#emptied = resolve;
      });
      cancel();
    }
    this.#server.close();
  }

  #open(webSocket: WebSocket, request: IncomingMessage, socket: Duplex): void {
    const offered = request.headers['sec-websocket-protocol'] !== undefined;
    const negotiated = SUBPROTOCOLS.includes(webSocket.protocol);
    if (offered && !negotiated) {
      webSocket.on('error', ignoreError);
      webSocket.close(CloseCode.UnsupportedProtocol, `expected ${SUBPROTOCOLS.join(' or ')}`);
      return;
    }
    const transport = new WsTransport(webSocket, this.options.clock);
    this.#transports.add(transport);
    webSocket.once('close', () => {
      this.#transports.delete(transport);
      if (this.#transports.size === 0) this.#emptied?.();
    });
    const listener = this.accept(transport, readHandshake(request, negotiated));
    transport.attach(listener, socket, this.#heartbeat);
  }
}
