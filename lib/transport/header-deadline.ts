import type { Server } from 'node:http';
import type { Socket } from 'node:net';

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
  const waiting = new Map<Socket, () => void>();
  const done = (socket: Socket): void => {
    waiting.get(socket)?.();
    waiting.delete(socket);
  };
  const onConnection = (socket: Socket): void => {
    waiting.set(
      socket,
      clock.after(limitMs, () => {
        waiting.delete(socket);
        socket.destroy();
      }),
    );
    socket.once('close', () => {
      done(socket);
    });
  };
  const onRequest = (request: { readonly socket: Socket }): void => {
    done(request.socket);
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
