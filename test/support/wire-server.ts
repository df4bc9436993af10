import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { Clock, Handshake, Transport, TransportListener } from '../../lib/core/index.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import {
  DEFAULT_ADMISSION_LIMITS,
  DEFAULT_HEARTBEAT,
  defaultTransportLimits,
  UpgradeRouter,
  WsServer,
  type AdmissionLimits,
  type TransportLimits,
  type UpgradeGate,
} from '../../lib/transport/index.js';
import { RawSocket, type RawSocketOptions } from './raw-socket.js';

/** What reached the listener of one link. */
export class ListenerLog implements TransportListener {
  /** Names of the calls, in order. */
  readonly calls: string[] = [];
  readonly messages: (string | Uint8Array)[] = [];
  readonly sizes: number[] = [];
  readonly ends: { readonly code: number; readonly reason: string }[] = [];

  message(message: string | Uint8Array, bytes: number): void {
    this.calls.push('message');
    this.messages.push(message);
    this.sizes.push(bytes);
  }

  drained(): void {
    this.calls.push('drained');
  }

  silent(): void {
    this.calls.push('silent');
  }

  stuck(): void {
    this.calls.push('stuck');
  }

  closed(code: number, reason: string): void {
    this.calls.push('closed');
    this.ends.push({ code, reason });
  }

  /** How often a method was called. */
  count(call: string): number {
    return this.calls.filter((name) => name === call).length;
  }
}

/** A link as the server has it. */
export interface ServerLink {
  readonly transport: Transport;
  readonly handshake: Handshake;
  readonly log: ListenerLog;
}

/** What a {@link WireServer} is made of besides the defaults. */
export interface WireServerOptions {
  readonly limits?: Partial<TransportLimits & AdmissionLimits>;
  readonly clock?: Clock;
  readonly gate?: UpgradeGate;
  /** Takes a link instead of keeping it in a log. */
  readonly accept?: (transport: Transport, handshake: Handshake) => TransportListener;
}

/** Lets everybody in. */
export const OPEN_GATE: UpgradeGate = {
  addressOf: (request) => request.socket.remoteAddress ?? '',
  decide: (request, ip) => Promise.resolve({ ip, url: request.url ?? '/' }),
};

/** An HTTP server on the loopback interface with the WebSocket layer on top, without a core. */
export class WireServer {
  readonly http: Server = createServer((_, response) => {
    response.end('plain http');
  });
  readonly clock: Clock;
  readonly ws: WsServer;
  readonly router: UpgradeRouter;
  /** Links in the order they came, if no `accept` was given. */
  readonly links: ServerLink[] = [];
  readonly #raw: RawSocket[] = [];

  private constructor(options: WireServerOptions) {
    this.clock = options.clock ?? new ManualClock();
    this.ws = new WsServer(options.accept ?? ((...link) => this.#keep(...link)), {
      limits: { ...defaultTransportLimits(), ...DEFAULT_ADMISSION_LIMITS, ...options.limits },
      heartbeat: DEFAULT_HEARTBEAT,
      clock: this.clock,
      gate: options.gate ?? OPEN_GATE,
    });
    this.router = new UpgradeRouter(this.http, '/realtime', (request, socket, head) => {
      this.ws.upgrade(request, socket, head);
    });
  }

  static async start(options: WireServerOptions = {}): Promise<WireServer> {
    const server = new WireServer(options);
    await new Promise<void>((resolve) => {
      server.http.listen(0, '127.0.0.1', resolve);
    });
    return server;
  }

  get port(): number {
    return (this.http.address() as AddressInfo).port;
  }

  /** A raw peer, whose socket is destroyed with the server. */
  dial(options?: RawSocketOptions): RawSocket {
    const raw = RawSocket.dial(this.port, options);
    this.#raw.push(raw);
    return raw;
  }

  /** The same, once the handshake was answered. */
  async connect(options?: RawSocketOptions): Promise<RawSocket> {
    const raw = this.dial(options);
    await raw.answered;
    return raw;
  }

  /** Ends everything, whatever state it is in. */
  async dispose(): Promise<void> {
    for (const { socket } of this.#raw) socket.destroy();
    await this.ws.close(1_000);
    this.router.detach();
    await new Promise<void>((resolve) => {
      this.http.close(() => {
        resolve();
      });
      this.http.closeAllConnections();
    });
  }

  #keep(transport: Transport, handshake: Handshake): ListenerLog {
    const log = new ListenerLog();
    this.links.push({ transport, handshake, log });
    return log;
  }
}
