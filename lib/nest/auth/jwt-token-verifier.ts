import { createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';

import type { JWTPayload, JWTVerifyGetKey, JWTVerifyOptions } from 'jose';

import type { Authentication, TokenVerifier } from '../../core/index.js';
import { MAX_TOKEN_LENGTH } from '../../protocol/index.js';
import type { JwtClaims, JwtOptions } from './jwt-options.interface.js';

type Jose = typeof import('jose');

/** Gives the key for a token, or `undefined` if no key of ours could have signed it. */
type FindKey = (jose: Jose, token: string) => KeyObject | JWTVerifyGetKey | undefined;

const SECRET_ALGORITHMS = ['HS256'];
const PUBLIC_ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'];

/** Milliseconds a key server may take to answer. */
const JWKS_TIMEOUT_MS = 3_000;

/**
 * Verifies JSON Web Tokens with `jose`, an optional peer dependency. Nothing of a token is used before
 * its signature was checked, but `iss` to choose among the configured issuers.
 */
export class JwtTokenVerifier implements TokenVerifier {
  readonly #findKey: FindKey;
  readonly #verifyOptions: JWTVerifyOptions;
  readonly #maxLength: number;
  #jose: Promise<Jose> | undefined;

  constructor(private readonly options: JwtOptions) {
    this.#findKey = keyFinder(options);
    this.#maxLength = options.maxTokenLength ?? MAX_TOKEN_LENGTH;
    const { algorithms, issuer, audience, clockToleranceMs = 5_000 } = options;
    const fallback = options.secret === undefined ? PUBLIC_ALGORITHMS : SECRET_ALGORITHMS;
    this.#verifyOptions = {
      algorithms: [...(algorithms ?? fallback)],
      clockTolerance: clockToleranceMs / 1_000,
      ...(issuer === undefined ? {} : { issuer: list(issuer) }),
      ...(audience === undefined ? {} : { audience: list(audience) }),
    };
  }

  async verify(token: string | undefined): Promise<Authentication | undefined> {
    if (token === undefined || token.length > this.#maxLength) return undefined;
    this.#jose ??= import('jose');
    const claims = await this.#claims(await this.#jose, token);
    if (claims === undefined) return undefined;
    const user = await this.#user(claims);
    if (user === undefined) return undefined;
    const { exp, iat, jti } = claims;
    return {
      user,
      ...(exp === undefined ? {} : { expiresAt: exp * 1_000 }),
      ...(iat === undefined ? {} : { issuedAt: iat * 1_000 }),
      ...(jti === undefined ? {} : { tokenId: jti }),
    };
  }

  /** `undefined` for a token that is not good; rejects when that could not be found out. */
  async #claims(jose: Jose, token: string): Promise<JwtClaims | undefined> {
    const key = this.#findKey(jose, token);
    if (key === undefined) return undefined;
    try {
      const verified = await verifyWith(jose, token, key, this.#verifyOptions);
      return verified;
    } catch (error) {
      if (isRefusal(jose, error)) return undefined;
      throw error;
    }
  }

  async #user(claims: JwtClaims): Promise<Authentication['user'] | undefined> {
    if (this.options.user !== undefined) return this.options.user(claims);
    const { sub } = claims;
    if (typeof sub !== 'string' || sub === '') return undefined;
    return { id: sub, claims } as Authentication['user'];
  }
}

async function verifyWith(
  jose: Jose,
  token: string,
  key: KeyObject | JWTVerifyGetKey,
  options: JWTVerifyOptions,
): Promise<JWTPayload> {
  const { payload } =
    typeof key === 'function'
      ? await jose.jwtVerify(token, key, options)
      : await jose.jwtVerify(token, key, options);
  return payload;
}

/** Errors of `jose` mean a bad token, but those that mean the key server could not be asked. */
function isRefusal(jose: Jose, error: unknown): boolean {
  if (error instanceof jose.errors.JWKSTimeout || error instanceof jose.errors.JWKSInvalid)
    return false;
  if (error instanceof jose.errors.JOSEError) return error.code !== 'ERR_JOSE_GENERIC';
  // A key of the wrong kind for the token's algorithm: the token's fault, its header names it.
  return error instanceof TypeError && !/fetch|network/i.test(error.message);
}

function keyFinder(options: JwtOptions): FindKey {
  const { secret, publicKey, jwks } = options;
  if (secret !== undefined) {
    // A key object: `jose` imports it once, bytes it would import for each token.
    const key = createSecretKey(typeof secret === 'string' ? Buffer.from(secret) : secret);
    return () => key;
  }
  if (publicKey !== undefined) {
    const key = typeof publicKey === 'string' ? createPublicKey(publicKey) : publicKey;
    return () => key;
  }
  return issuerKeys(new Map(Object.entries(jwks ?? {})));
}

/** A key set for each issuer, so that no issuer's key answers for another's `kid` (CVE-2026-49998). */
function issuerKeys(urls: ReadonlyMap<string, string>): FindKey {
  const keySets = new Map<string, JWTVerifyGetKey>();
  return (jose, token) => {
    const issuer = claimedIssuer(jose, token);
    const url = issuer === undefined ? undefined : urls.get(issuer);
    if (issuer === undefined || url === undefined) return undefined;
    const known = keySets.get(issuer);
    if (known !== undefined) return known;
    const keys = jose.createRemoteJWKSet(new URL(url), { timeoutDuration: JWKS_TIMEOUT_MS });
    keySets.set(issuer, keys);
    return keys;
  };
}

/** The issuer a token names, before verification: good only to choose among configured ones. */
function claimedIssuer(jose: Jose, token: string): string | undefined {
  try {
    return jose.decodeJwt(token).iss;
  } catch {
    // No JWT at all: refused by finding no key.
    return undefined;
  }
}

function list(value: string | readonly string[]): string[] {
  return typeof value === 'string' ? [value] : [...value];
}
