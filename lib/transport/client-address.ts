import type { IncomingMessage } from 'node:http';

import proxyAddr from 'proxy-addr';

/**
 * Which proxies in front of this server are trusted to say whom they speak for, in `X-Forwarded-For`:
 *
 * - `false`: none; the address is that of the TCP peer,
 * - a number: so many hops in front of this server,
 * - addresses, subnets (`10.0.0.0/8`) or the names `loopback`, `linklocal`, `uniquelocal`.
 *
 * Trusting a proxy that is not there lets clients choose their address, and with it escape every
 * limit by address.
 */
export type TrustProxy = false | number | string | readonly string[];

/** Tells the address of a request's client. */
export type ClientAddress = (request: IncomingMessage) => string;

/** Makes the function that tells addresses. @throws TypeError if an address or subnet is none. */
export function clientAddress(trust: TrustProxy): ClientAddress {
  if (trust === false || trust === 0) return (request) => request.socket.remoteAddress ?? '';
  const trusts =
    typeof trust === 'number'
      ? (_: string, hop: number) => hop < trust
      : proxyAddr.compile(typeof trust === 'string' ? trust : [...trust]);
  return (request) => proxyAddr(request, trusts);
}
