import type { KeyObject } from 'node:crypto';

import type { RealtimeUser } from '../../core/index.js';

/** Claims of a verified token. Signature, algorithm, issuer, audience and times have been checked. */
export interface JwtClaims {
  /** Subject: the user's id, unless `user` says otherwise. */
  readonly sub?: string;
  readonly iss?: string;
  readonly aud?: string | string[];
  /** Name of the token, to revoke it by. */
  readonly jti?: string;
  /** Expiry, in seconds since 1970. Enforced for as long as the connection lives. */
  readonly exp?: number;
  /** Issued at, in seconds since 1970. */
  readonly iat?: number;
  readonly [claim: string]: unknown;
}

/** How signed tokens (JWT) are verified. Exactly one of `secret`, `publicKey` and `jwks` has to be there. */
export interface JwtOptions {
  /** Shared secret of HMAC signatures, at least 32 bytes. */
  readonly secret?: string | Uint8Array;
  /** Public key: PEM (SPKI) or a key object. */
  readonly publicKey?: string | KeyObject;
  /**
   * Where issuers publish their keys: issuer (`iss`, exactly) to URL. A token of an issuer that is not
   * listed is refused before anything is fetched; keys are cached for each issuer apart, so that two
   * issuers may use the same `kid`.
   */
  readonly jwks?: Readonly<Record<string, string>>;
  /**
   * Algorithms that are accepted. Default: HS256 for a secret; RS256, PS256, ES256 and EdDSA for
   * public keys. `none` is never accepted, nor HMAC with a public key.
   */
  readonly algorithms?: readonly string[];
  /** Expected issuer, or several. Absent: not checked (with `jwks` it is one of its issuers). */
  readonly issuer?: string | readonly string[];
  /** Expected audience, or several of which one has to be there. Absent: not checked. */
  readonly audience?: string | readonly string[];
  /** Difference between clocks to put up with, in milliseconds. Default 5 000. */
  readonly clockToleranceMs?: number;
  /** Longest token, in characters. Default 8 192. Longer ones are refused unread. */
  readonly maxTokenLength?: number;
  /**
   * Makes the user from the claims. Returns `undefined` to refuse. Default: `{ id: sub, claims }`; a
   * token without `sub` is refused.
   */
  readonly user?: (
    claims: JwtClaims,
  ) => RealtimeUser | undefined | Promise<RealtimeUser | undefined>;
}
