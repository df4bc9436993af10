import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';

import type { Clock } from '../core/index.js';

/** `upgrade` listeners that only look on: to them no request is addressed. */
export const onlookers = new WeakSet<object>();

/**
 * Cuts TCP connections that do not send their first request's headers in time. Node's own
 * `headersTimeout` is 60 s and looked at every 30 s: two thousand peers that send one byte a second
 * hold two thousand sockets for a minute and more.
 *
 * Only the first request of a connection is watched; what comes after is the HTTP server's business.
 *
 * @param limitMs milliseconds. 0: do not watch.
 * @returns what ends the watch.
 */
export function watchFirstHeaders(server: Server, clock: Clock, limitMs: number): () => void {
  if (limitMs === 0) return () => undefined;
  const waiting = new Map<unknown, () => void>();
  const done = (peer: unknown): void => {
    waiting.get(peer)?.();
    waiting.delete(peer);
  };
  const onConnection = (socket: Socket): void => {
    const peer = peerOf(socket);
    // TLS over a Unix domain socket: nothing tells which request would come from it.
    if (peer === socket && server instanceof TlsServer) return;
    waiting.set(
      peer,
      clock.after(limitMs, () => {
        waiting.delete(peer);
        socket.destroy();
      }),
    );
    socket.once('close', () => {
      done(peer);
    });
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
    for (const cancel of waiting.values()) cancel();
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
