import type { Authentication } from './authentication.js';
import type { Handshake } from './transport.js';

/**
 * Turns credentials into a user.
 *
 * V1 resolves to an authentication exactly if the credentials are good; to `undefined` if they are not.
 * V2 rejects with a {@link RealtimeError} `forbidden` for somebody who is known but not welcome.
 * V3 any other rejection means that it could not be found out; the peer is not let in (fail closed)
 *    and told to come back.
 * V4 decides anew on every call: it may be asked twice about the same token.
 */
export interface TokenVerifier {
  /** `token` is absent when the peer showed none; whether that is enough is the verifier's business. */
  verify(token: string | undefined, handshake: Handshake): Promise<Authentication | undefined>;
}
