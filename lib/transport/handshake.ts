import type { IncomingMessage } from 'node:http';

import type { Authentication, Handshake } from '../core/index.js';

/** What was found out about a request before it is upgraded. */
export interface Grant {
  /** Address of the client. */
  readonly ip: string;
  /** The request's URL, without anything secret. */
  readonly url: string;
  /** Who it is, if the handshake said so. */
  readonly authentication?: Authentication;
}

/** Says that it is an upgrade and nothing else: kept, it would be a hundred bytes a connection. */
const MECHANICAL: readonly string[] = [
  'connection',
  'upgrade',
  'sec-websocket-key',
  'sec-websocket-version',
];

/** What the core gets to know of an upgrade request. Nothing of the request itself is kept but its headers. */
export function handshakeOf(
  request: IncomingMessage,
  grant: Grant,
  negotiated: boolean,
): Handshake {
  const headers: Handshake['headers'] = Object.fromEntries(
    Object.entries(request.headers).filter(([name]) => !MECHANICAL.includes(name)),
  );
  const { ip, url, authentication } = grant;
  // Written out: a spread would keep its fields in an object beside this one.
  return authentication === undefined
    ? { ip, url, headers, negotiated }
    : { ip, url, headers, negotiated, authentication };
}

/** The path of a request, without its query. A trailing slash makes no difference. */
export function requestPath(request: IncomingMessage): string {
  const url = request.url ?? '/';
  const query = url.indexOf('?');
  const path = query < 0 ? url : url.slice(0, query);
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}
