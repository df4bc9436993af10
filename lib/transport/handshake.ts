import type { IncomingMessage } from 'node:http';

import type { Handshake } from '../core/index.js';

const BEARER = /^bearer +(\S+)$/i;

/** What the core gets to know of an upgrade request. Nothing of the request itself is kept but its headers. */
export function readHandshake(request: IncomingMessage, negotiated: boolean): Handshake {
  const token = BEARER.exec(request.headers.authorization ?? '')?.[1];
  return {
    ip: request.socket.remoteAddress ?? '',
    url: request.url ?? '/',
    headers: request.headers,
    negotiated,
    ...(token === undefined ? {} : { token }),
  };
}

/** The path of a request, without its query. A trailing slash makes no difference. */
export function requestPath(request: IncomingMessage): string {
  const url = request.url ?? '/';
  const query = url.indexOf('?');
  const path = query < 0 ? url : url.slice(0, query);
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}
