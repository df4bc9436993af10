/** The subprotocol this package speaks: version 1, frames as JSON text. */
export const SUBPROTOCOL = 'realtime.v1.json';

/** Every subprotocol this server speaks, most wanted first. */
export const SUBPROTOCOLS: readonly string[] = [SUBPROTOCOL];

/**
 * The outcome of comparing what a client offered with what we speak.
 *
 * - `plain`: nothing of ours was offered and nothing had to be; the connection speaks
 *   {@link SUBPROTOCOL} without having said so.
 * - `agreed`: `protocol` goes into the handshake's answer.
 * - `refused`: the client offered protocols and none is ours. `protocol` is the one to echo, because
 *   a browser fails a handshake without an echo and could not see the close code that follows
 *   (`4406`); it is absent when nothing may be echoed.
 */
export type Negotiation =
  | { readonly outcome: 'plain' }
  | { readonly outcome: 'agreed'; readonly protocol: string }
  | { readonly outcome: 'refused'; readonly protocol?: string };

/** Offers that carry a token (`bearer.<token>`) are no protocol and must never be echoed. */
const CREDENTIAL_PREFIX = 'bearer.';

/**
 * Chooses the subprotocol of a connection. Our order decides, not the client's.
 *
 * @param offered what the client put into `Sec-WebSocket-Protocol`, in order; empty when absent.
 */
export function negotiate(offered: Iterable<string>): Negotiation {
  const protocols: string[] = [];
  let count = 0;
  for (const name of offered) {
    count += 1;
    if (!name.startsWith(CREDENTIAL_PREFIX)) protocols.push(name);
  }
  if (count === 0) return { outcome: 'plain' };
  const agreed = SUBPROTOCOLS.find((ours) => protocols.includes(ours));
  if (agreed !== undefined) return { outcome: 'agreed', protocol: agreed };
  const [first] = protocols;
  return first === undefined ? { outcome: 'refused' } : { outcome: 'refused', protocol: first };
}
