import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

import { WebSocketServer, type Server } from 'ws';

import { CloseDeadlines } from './close-deadlines.js';
import { cutCloseReason } from './close-reason.js';
import { ConnectionLimits, type AdmissionLimits } from './connection-limits.js';
import type { Clock, Handshake, Transport, TransportListener } from '../core/index.js';
import { CloseCode, negotiate, SUBPROTOCOLS } from '../protocol/index.js';
import { handshakeOf, type Grant } from './handshake.js';
import { Heartbeat, type HeartbeatOptions } from './heartbeat.js';
import { refuseUpgrade, type HttpRefusal } from './http-refusal.js';
import { CLOSE_TIMEOUT_MS, wsOptions, type TransportLimits } from './limits.js';
import { TurnWriter } from './turn-writer.js';
import { LinkedWebSocket, type LinkKeeper } from './linked-web-socket.js';
import { ReadTurns } from './read-turns.js';
import { WsTransport } from './ws-transport.js';

/** Decides whether a request is upgraded. */
export interface UpgradeGate {
  /** Address of the client, as far as proxies are trusted. Has to be cheap. */
  addressOf(request: IncomingMessage): string;
  /** Lets a request through or says why not. Never rejects. */
  decide(request: IncomingMessage, ip: string): Promise<Grant | HttpRefusal>;
}

/** What the server is made of. */
export interface WsServerOptions {
  readonly limits: TransportLimits & AdmissionLimits;
  readonly heartbeat: HeartbeatOptions;
  readonly clock: Clock;
  readonly gate: UpgradeGate;
}

/** Takes a new peer; see `RealtimeNode.accept`. */
export type Accept = (transport: Transport, handshake: Handshake) => TransportListener;

/** Seconds after which a client that met a server shutting down should try again. */
const RETRY_AFTER_SECONDS = 1;

const SHUTTING_DOWN: HttpRefusal = {
  status: 503,
  code: 'unavailable',
  message: 'the server is shutting down',
  retryAfterSeconds: RETRY_AFTER_SECONDS,
};

/** Refusals that a client which speaks our protocol is told by a close: browsers hide HTTP statuses. */
const CLOSE_BY_STATUS: ReadonlyMap<number, CloseCode> = new Map([
  [401, CloseCode.Unauthorized],
  [403, CloseCode.Forbidden],
]);

/**
 * What a link is cut with whose peer does not answer our close. One for all: without one Node would make
 * an error, with its stack, for each of the writes that wait.
 */
const UNANSWERED = new Error('the peer has not answered the close in time');

const ignoreError = (): void => undefined;

/** Turns upgrade requests into connections. Knows nothing of paths: see {@link UpgradeRouter}. */
export class WsServer {
  readonly #server: Server<typeof LinkedWebSocket>;
  readonly #writer = new TurnWriter();
  readonly #reads = new ReadTurns();
  readonly #heartbeat: Heartbeat;
  /** Every WebSocket that has not ended, those that were upgraded only to be told why not included. */
  readonly #links = new Map<LinkedWebSocket, Duplex>();
  readonly #keeper: LinkKeeper = {
    offended: (webSocket) => {
      const ip = this.#addressOf(webSocket);
      if (ip !== undefined) this.#limits.penalise(ip);
    },
    closing: (webSocket) => {
      if (this.#links.has(webSocket)) this.#closing.add(webSocket);
    },
    ended: (webSocket) => {
      this.#ended(webSocket);
    },
  };
  readonly #limits: ConnectionLimits;
  readonly #closing: CloseDeadlines<LinkedWebSocket>;
  /** Addresses of the peers whose TCP connection was let in and has not ended. */
  readonly #addresses = new WeakMap<Duplex, string>();
  /** One function for all: a closure a connection would be memory a connection. */
  readonly #left: (this: Duplex) => void;
  #accepting = true;
  #waiting: (() => void)[] = [];

  constructor(
    private readonly accept: Accept,
    private readonly options: WsServerOptions,
  ) {
    this.#heartbeat = new Heartbeat(options.clock, options.heartbeat, options.limits.outboxAgeMs);
    this.#limits = new ConnectionLimits(options.clock, options.limits);
    this.#closing = new CloseDeadlines(options.clock, CLOSE_TIMEOUT_MS, (webSocket) => {
      this.#links.get(webSocket)?.destroy(UNANSWERED);
    });
    const leave = (socket: Duplex): void => {
      this.#leave(socket);
    };
    this.#left = function left() {
      leave(this);
    };
    this.#server = new WebSocketServer({
      ...wsOptions(options.limits),
      WebSocket: LinkedWebSocket,
      handleProtocols: (offered) => {
        const choice = negotiate(offered);
        return choice.outcome === 'plain' ? false : (choice.protocol ?? false);
      },
    });
  }

  /** Links that are open. */
  get size(): number {
    return this.#links.size;
  }

  /** Upgrades a request, or refuses it. Never throws. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // A peer that resets while we work would otherwise end the process (CVE-2022-41940).
    socket.on('error', ignoreError);
    const ip = this.options.gate.addressOf(request);
    const refusal = this.#accepting ? this.#limits.enter(ip) : SHUTTING_DOWN;
    if (refusal !== undefined) {
      refuseUpgrade(socket, refusal);
      return;
    }
    this.#addresses.set(socket, ip);
    socket.on('close', this.#left);
    void this.#decide(request, socket, head, ip);
  }

  async #decide(request: IncomingMessage, socket: Duplex, head: Buffer, ip: string): Promise<void> {
    const decision = await this.options.gate.decide(request, ip);
    this.#limits.settled();
    // The peer may have gone while we were asking.
    if (socket.destroyed) return;
    if (!this.#accepting) refuseUpgrade(socket, SHUTTING_DOWN);
    else if (!('status' in decision)) this.#upgrade(request, socket, head, decision);
    else this.#refuse(request, socket, head, decision);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, grant: Grant): void {
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      this.#track(webSocket, socket);
      this.#open(webSocket, socket, request, grant);
    });
  }

  #refuse(request: IncomingMessage, socket: Duplex, head: Buffer, refusal: HttpRefusal): void {
    const code = CLOSE_BY_STATUS.get(refusal.status);
    const offered = request.headers['sec-websocket-protocol'] ?? '';
    const speaksOurs = SUBPROTOCOLS.some((name) => offered.includes(name));
    if (code === undefined || !speaksOurs) {
      refuseUpgrade(socket, refusal);
      return;
    }
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      this.#track(webSocket, socket);
      this.#dismiss(webSocket, code, refusal.message);
    });
  }

  /** Ends a WebSocket that was upgraded only because browsers hide HTTP statuses. */
  #dismiss(webSocket: LinkedWebSocket, code: CloseCode, reason: string): void {
    webSocket.close(code, cutCloseReason(reason));
  }

  /** From now on `ws` listens to the TCP connection, and tells us of its end. */
  #track(webSocket: LinkedWebSocket, socket: Duplex): void {
    socket.off('error', ignoreError);
    socket.off('close', this.#left);
    this.#links.set(webSocket, socket);
    webSocket.keeper = this.#keeper;
  }

  #ended(webSocket: LinkedWebSocket): void {
    const socket = this.#links.get(webSocket);
    if (socket !== undefined) this.#leave(socket);
    this.#links.delete(webSocket);
    this.#closing.forget(webSocket);
    if (this.#links.size > 0) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #addressOf(webSocket: LinkedWebSocket): string | undefined {
    const socket = this.#links.get(webSocket);
    return socket && this.#addresses.get(socket);
  }

  #leave(socket: Duplex): void {
    const ip = this.#addresses.get(socket);
    if (ip === undefined) return;
    this.#addresses.delete(socket);
    this.#limits.left(ip);
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
    if (this.#links.size > 0) {
      const cancel = this.options.clock.after(graceMs, () => {
        for (const link of this.#links.keys()) link.terminate();
      });
      // A list: one server may be closed by the adapter's `close` and `dispose` at once.
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
      cancel();
    }
    this.#server.close();
  }

  #open(webSocket: LinkedWebSocket, socket: Duplex, request: IncomingMessage, grant: Grant): void {
    const offered = request.headers['sec-websocket-protocol'] !== undefined;
    const negotiated = SUBPROTOCOLS.includes(webSocket.protocol);
    if (offered && !negotiated) {
      this.#dismiss(
        webSocket,
        CloseCode.UnsupportedProtocol,
        `expected ${SUBPROTOCOLS.join(' or ')}`,
      );
      return;
    }
    const transport = new WsTransport(
      webSocket,
      socket,
      this.#writer,
      this.#reads,
      this.options.clock,
    );
    const listener = this.accept(transport, handshakeOf(request, grant, negotiated));
    transport.attach(listener, this.#heartbeat);
  }
}
