import type { IncomingMessage } from 'node:http';

import { parse } from 'cookie';

/** Where a handshake may carry its token, besides `Authorization` and the subprotocol. */
export interface TokenSourceOptions {
  /** Name of a cookie. Absent: cookies are not looked at. */
  readonly cookie?: string;
  /**
   * Name of a query parameter. Absent: the query is not looked at. Addresses end up in logs and
   * histories: use it only with tokens that are good for one use.
   */
  readonly query?: string;
}

/** A token and where it was found. */
export interface FoundToken {
  readonly token: string;
  /** Whether the browser sent it by itself; then a foreign page may have made it do so. */
  readonly isAmbient: boolean;
}

const BEARER_HEADER = /^bearer +(\S+)$/i;
const BEARER_PROTOCOL = 'bearer.';

/**
 * The token of a handshake: from `Authorization: Bearer`, else from a `bearer.<token>` beside the
 * subprotocols, else from the query, else from the cookie.
 */
export function findToken(
  request: IncomingMessage,
  sources: TokenSourceOptions,
): FoundToken | undefined {
  const explicit =
    fromHeader(request) ?? fromProtocol(request) ?? fromQuery(request, sources.query);
  if (explicit !== undefined) return { token: explicit, isAmbient: false };
  const ambient = fromCookie(request, sources.cookie);
  return ambient === undefined ? undefined : { token: ambient, isAmbient: true };
}

function fromHeader(request: IncomingMessage): string | undefined {
  return BEARER_HEADER.exec(request.headers.authorization ?? '')?.[1];
}

function fromProtocol(request: IncomingMessage): string | undefined {
  const offered = request.headers['sec-websocket-protocol'] ?? '';
  const bearer = offered
    .split(',')
    .map((name) => name.trim())
    .find((name) => name.startsWith(BEARER_PROTOCOL));
  return nonEmpty(bearer?.slice(BEARER_PROTOCOL.length));
}

function fromQuery(request: IncomingMessage, name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  return nonEmpty(queryOf(request.url ?? '').get(name) ?? undefined);
}

function fromCookie(request: IncomingMessage, name: string | undefined): string | undefined {
  if (name === undefined || request.headers.cookie === undefined) return undefined;
  // `parse` makes an object without prototype: a cookie named `__proto__` is just a name.
  return nonEmpty(parse(request.headers.cookie)[name]);
}

/** The URL without the token, for everything that may be logged. */
export function redactQuery(url: string, name: string | undefined): string {
  const start = url.indexOf('?');
  if (name === undefined || start < 0) return url;
  const query = queryOf(url);
  if (!query.has(name)) return url;
  query.set(name, 'redacted');
  return `${url.slice(0, start)}?${query.toString()}`;
}

function queryOf(url: string): URLSearchParams {
  const start = url.indexOf('?');
  return new URLSearchParams(start < 0 ? '' : url.slice(start + 1));
}

function nonEmpty(value: string | undefined): string | undefined {
  return value === undefined || value === '' ? undefined : value;
}
