import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';

import type { Clock } from '../core/index.js';

/** `upgrade` listeners that only look on: to them no request is addressed. */
export const onlookers = new WeakSet<object>();

/** How long, and how many. */
export interface FirstHeadersLimits {
  /** Milliseconds. 0: do not watch. */
  readonly limitMs: number;
  /** Connections that may be without headers at once; beyond, the one that waits longest is cut. */
  readonly maxWaiting: number;
}

interface Waiting {
  readonly socket: Socket;
  readonly cancel: () => void;
}

/**
 * Cuts TCP connections that do not send their first request's headers in time. Node's own
 * `headersTimeout` is 60 s and looked at every 30 s: two thousand peers that send one byte a second
 * hold two thousand sockets for a minute and more.
 *
 * Only the first request of a connection is watched; what comes after is the HTTP server's business.
 *
 * @returns what ends the watch.
 */
export function watchFirstHeaders(
  server: Server,
  clock: Clock,
  { limitMs, maxWaiting }: FirstHeadersLimits,
): () => void {
  if (limitMs === 0) return () => undefined;
  /** In the order in which they came. */
  const waiting = new Map<unknown, Waiting>();
  const done = (peer: unknown): void => {
    waiting.get(peer)?.cancel();
    waiting.delete(peer);
  };
  const cut = (peer: unknown): void => {
    const socket = waiting.get(peer)?.socket;
    done(peer);
    socket?.destroy();
  };
  const onConnection = (socket: Socket): void => {
    const peer = peerOf(socket);
    // TLS over a Unix domain socket: nothing tells which request would come from it.
    if (peer === socket && server instanceof TlsServer) return;
    const stop = clock.after(limitMs, () => {
      cut(peer);
    });
    const onClose = (): void => {
      done(peer);
    };
    const cancel = (): void => {
      stop();
      // Left on, it would be memory as long as the connection lives.
      socket.off('close', onClose);
    };
    waiting.set(peer, { socket, cancel });
    socket.on('close', onClose);
    // The oldest has to go: whoever means it has sent its headers by now.
    if (waiting.size > maxWaiting) cut(waiting.keys().next().value);
  };
  const onRequest = (request: { readonly socket: Socket }): void => {
    done(peerOf(request.socket));
  };
  onlookers.add(onRequest);
  server.on('connection', onConnection);
  server.prependListener('request', onRequest);
  server.prependListener('upgrade', onRequest);
  return () => {
    server.off('connection', onConnection);
    server.off('request', onRequest);
    server.off('upgrade', onRequest);
    for (const { cancel } of waiting.values()) cancel();
    waiting.clear();
  };
}

/**
 * What the TCP connection and its requests have in common. Under TLS a request's socket is not the one
 * that was connected but one around it; address and port are the same, and no other peer's while it lives.
 */
function peerOf(socket: Socket): unknown {
  const { remoteAddress, remotePort } = socket;
  return remotePort === undefined ? socket : `${String(remoteAddress)} ${String(remotePort)}`;
}
