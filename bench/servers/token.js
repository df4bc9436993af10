/** One verification of tokens for every peer, as their users write it, and as `auth.jwt` does it for us. */
import { jwtVerify } from 'jose';

/** Shared secret of all tokens of the benchmark. Known to everybody, good for nothing else. */
export const SECRET = 'benchmark-secret-of-more-than-32-bytes';

const key = new TextEncoder().encode(SECRET);

/**
 * The user that a token speaks for.
 *
 * @throws Error if the token is missing or bad.
 */
export async function verifyToken(token) {
  const { payload } = await jwtVerify(token ?? '', key, { algorithms: ['HS256'] });
  return { id: payload.sub };
}

/** The token of an `Authorization: Bearer` header; undefined without one. */
export function bearerOf(authorization) {
  return /^bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
}
