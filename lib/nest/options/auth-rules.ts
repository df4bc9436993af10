import { KeyObject } from 'node:crypto';

import {
  callable,
  findProblems,
  flag,
  integer,
  nonEmptyString,
  custom,
  undefinedOnes,
  type OptionRules,
} from '../../core/index.js';
import type { RealtimeAuthOptions } from './realtime-options.interface.js';

/** Shortest secret of an HMAC signature, in bytes: RFC 7518, section 3.2, for SHA-256. */
const MIN_SECRET_BYTES = 32;

const isString = (value: unknown): boolean => typeof value === 'string' && value !== '';
const isListOf = (value: unknown, accepts: (item: unknown) => boolean): boolean =>
  Array.isArray(value) && value.length > 0 && value.every(accepts);

const names = custom(
  'a non-empty string or a list of them',
  (value) => isString(value) || isListOf(value, isString),
);

const secret = custom(
  `a string or bytes of at least ${String(MIN_SECRET_BYTES)} bytes`,
  (value) =>
    (typeof value === 'string' && Buffer.byteLength(value) >= MIN_SECRET_BYTES) ||
    (value instanceof Uint8Array && value.length >= MIN_SECRET_BYTES),
);

const issuersAndUrls = custom(
  'an object of issuers and the URLs of their keys',
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).length > 0 &&
    Object.values(value).every((url) => typeof url === 'string' && URL.canParse(url)),
);

const algorithms = custom('a list of signature algorithms without "none"', (value) =>
  isListOf(value, (name) => isString(name) && String(name).toLowerCase() !== 'none'),
);

const JWT_RULES: OptionRules = {
  secret,
  publicKey: custom(
    'a PEM text or a KeyObject',
    (value) => isString(value) || value instanceof KeyObject,
  ),
  jwks: issuersAndUrls,
  algorithms,
  issuer: names,
  audience: names,
  clockToleranceMs: integer(0, 300_000),
  maxTokenLength: integer(64, 65_536),
  user: callable,
};

/** Rules of `realtime.auth`. */
export const AUTH_RULES: OptionRules = {
  verify: callable,
  // A secret must not be printed when it breaks its rule: `jwt` is checked by `authProblems`.
  jwt: custom('an object', (value) => typeof value === 'object' && value !== null),
  verifier: callable,
  guards: custom('a list of guard classes', (value) =>
    isListOf(value, (guard) => typeof guard === 'function'),
  ),
  allowAnonymous: flag,
  concurrency: integer(1),
  cookie: nonEmptyString,
  query: nonEmptyString,
  graceMs: integer(0, 3_600_000),
  rememberRevokedMs: integer(0),
};

/** What is wrong with `auth` beyond single options. */
export function authProblems(auth: RealtimeAuthOptions): string[] {
  const { verify, jwt, verifier, guards } = auth;
  const ways = [verify, jwt, verifier].filter((way) => way !== undefined).length;
  const problems: string[] = [];
  if (ways > 1) {
    problems.push(
      `realtime.auth: expected one of verify, jwt and verifier, got ${String(ways)} of them`,
    );
  }
  if (ways === 0 && guards === undefined) {
    problems.push('realtime.auth: expected one of verify, jwt, verifier or guards, got none');
  }
  if (jwt !== undefined) problems.push(...jwtProblems(jwt));
  return problems;
}

function jwtProblems(jwt: NonNullable<RealtimeAuthOptions['jwt']>): string[] {
  const path = 'realtime.auth.jwt';
  // The value of a secret is left out of the message.
  const length = sizeOf(jwt.secret);
  const problems = findProblems(path, JWT_RULES, jwt).map((problem) =>
    problem.startsWith(`${path}.secret:`) ? problem.replace(/, got .*$/s, length) : problem,
  );
  const ways = ['secret', 'publicKey', 'jwks'] as const;
  const keys = ways.filter((way) => jwt[way] !== undefined).length;
  if (keys !== 1) {
    const got = `${String(keys)}${undefinedOnes(jwt, ways)}`;
    problems.push(`${path}: expected exactly one of secret, publicKey and jwks, got ${got}`);
  }
  return problems;
}

/** How long a secret is, to be put behind what was expected; nothing of what has no length. */
function sizeOf(value: unknown): string {
  const hasLength = typeof value === 'string' || value instanceof Uint8Array;
  return hasLength ? `, got ${String(Buffer.byteLength(value))}` : '';
}
