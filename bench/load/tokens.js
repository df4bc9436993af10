import { createHmac } from 'node:crypto';

import { SECRET } from '../servers/token.js';

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const HEADER = encode({ alg: 'HS256', typ: 'JWT' });
const LIFE_SECONDS = 3_600;

/** A token of a user, good for an hour. */
export function tokenOf(user) {
  const now = Math.floor(Date.now() / 1_000);
  const signed = `${HEADER}.${encode({ sub: user, iat: now, exp: now + LIFE_SECONDS })}`;
  return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
}
