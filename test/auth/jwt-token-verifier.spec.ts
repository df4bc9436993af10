import { generateKeyPairSync, type KeyObject } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import type { JwtOptions } from '../../lib/index.js';
import { JwtTokenVerifier } from '../../lib/nest/auth/jwt-token-verifier.js';
import {
  forge,
  inSeconds,
  KeyServer,
  keyPair,
  SECRET,
  sign,
  signWithSecret,
} from '../support/security-jwt.js';

const verify = (options: JwtOptions, token?: string) => new JwtTokenVerifier(options).verify(token);
const withSecret = (token: string, options: JwtOptions = {}) =>
  verify({ secret: SECRET, ...options }, token);

describe('with a secret', () => {
  it('makes the user, expiry, issue date and name of the token from its claims', async () => {
    const claims = { exp: inSeconds(60), iat: inSeconds(-1), jti: 't1', role: 'admin' };

    expect(await withSecret(await signWithSecret(claims))).toEqual({
      user: { id: 'ada', claims: { sub: 'ada', ...claims } },
      expiresAt: claims.exp * 1_000,
      issuedAt: claims.iat * 1_000,
      tokenId: 't1',
    });
  });

  it('takes a secret of bytes as well', async () => {
    const secret = new TextEncoder().encode(SECRET);
    expect(await verify({ secret }, await signWithSecret())).toMatchObject({ user: { id: 'ada' } });
  });

  it('makes the user that the application asks for, and refuses whom it does not want', async () => {
    const user: JwtOptions['user'] = ({ sub }) =>
      sub === 'ada' ? Promise.resolve({ id: `user:${sub}` }) : undefined;

    const found = await withSecret(await signWithSecret(), { user });
    expect(found).toEqual({ user: { id: 'user:ada' } });
    expect(await withSecret(await signWithSecret({ sub: 'eve' }), { user })).toBeUndefined();
  });

  it.each([
    ['a wrong signature', () => signWithSecret({}, 'another secret of thirty-two bytes, yes')],
    ['another algorithm', () => sign(new TextEncoder().encode(SECRET.repeat(2)), { alg: 'HS512' })],
    ['no subject', () => signWithSecret({ sub: '' })],
    ['alg none', () => forge({ alg: 'none' }, { sub: 'ada' })],
    ['alg None', () => forge({ alg: 'None' }, { sub: 'ada' })],
    ['no algorithm', () => forge({}, { sub: 'ada' }, 'AAAA')],
    [
      'a critical extension',
      () => forge({ alg: 'HS256', crit: ['x'], x: 1 }, { sub: 'ada' }, 'AAAA'),
    ],
    ['an embedded key', () => forge({ alg: 'HS256', jwk: { kty: 'oct', k: 'AAAA' } }, {}, 'AAAA')],
    ['garbage', () => 'garbage'],
    ['dots', () => '...'],
    ['five parts', () => 'a.b.c.d.e'],
    ['an empty text', () => ''],
    ['no base64', () => '\u0000.\u0000.\u0000'],
  ])('refuses a token with %s', async (_, make) => {
    expect(await withSecret(await make())).toBeUndefined();
  });

  it('refuses nothing at all', async () => {
    expect(await verify({ secret: SECRET })).toBeUndefined();
  });

  it('refuses a token that is too long without reading it', async () => {
    const long = await signWithSecret({ note: 'x'.repeat(8_192) });
    const short = await signWithSecret();

    expect(await withSecret(long)).toBeUndefined();
    expect(await withSecret(long, { maxTokenLength: 20_000 })).toBeDefined();
    expect(await withSecret(short, { maxTokenLength: short.length })).toBeDefined();
    expect(await withSecret(short, { maxTokenLength: short.length - 1 })).toBeUndefined();
  });

  it.each([
    ['exp', -3, true],
    ['exp', -8, false],
    ['nbf', 3, true],
    ['nbf', 8, false],
  ])('puts up with five seconds of difference in %s (%d s: %s)', async (claim, seconds, isGood) => {
    const found = await withSecret(await signWithSecret({ [claim]: inSeconds(seconds) }));
    expect(found !== undefined).toBe(isGood);
  });

  it('puts up with as much difference as it is told', async () => {
    const token = await signWithSecret({ exp: inSeconds(-60) });
    expect(await withSecret(token, { clockToleranceMs: 70_000 })).toBeDefined();
    expect(await withSecret(token, { clockToleranceMs: 0 })).toBeUndefined();
  });

  it.each([
    [{ iss: 'a' }, true],
    [{ iss: 'b' }, true],
    [{ iss: 'c' }, false],
    [{}, false],
  ])('checks the issuer: %j', async (claims, isGood) => {
    const found = await withSecret(await signWithSecret(claims), { issuer: ['a', 'b'] });
    expect(found !== undefined).toBe(isGood);
  });

  it.each([
    [{ aud: 'chat' }, true],
    [{ aud: ['other', 'chat'] }, true],
    [{ aud: 'other' }, false],
    [{}, false],
  ])('checks the audience: %j', async (claims, isGood) => {
    const found = await withSecret(await signWithSecret(claims), { audience: 'chat' });
    expect(found !== undefined).toBe(isGood);
  });
});

describe('with a public key', () => {
  it.each(['RS256', 'PS256', 'ES256', 'EdDSA'])('verifies %s', async (alg) => {
    const { publicKey, privateKey } = await keyPair(alg);
    const token = await sign(privateKey, { alg });
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();

    for (const key of [publicKey, pem])
      expect(await verify({ publicKey: key }, token)).toMatchObject({ user: { id: 'ada' } });
    const stranger = await keyPair(alg);
    expect(await verify({ publicKey: stranger.publicKey }, token)).toBeUndefined();
  });

  it('takes no HMAC made with the public key, not even when HS256 is allowed by mistake', async () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const der = publicKey.export({ type: 'spki', format: 'der' });
    for (const secret of [new TextEncoder().encode(pem), der]) {
      const token = await sign(secret, { alg: 'HS256' });
      expect(await verify({ publicKey }, token)).toBeUndefined();
      expect(await verify({ publicKey, algorithms: ['RS256', 'HS256'] }, token)).toBeUndefined();
    }
  });

  it('takes no token whose algorithm does not fit the key', async () => {
    const rsa = await keyPair('RS256');
    const ec = await keyPair('ES256');
    const token = await sign(ec.privateKey, { alg: 'ES256' });

    expect(await verify({ publicKey: rsa.publicKey }, token)).toBeUndefined();
    const narrow = { publicKey: ec.publicKey, algorithms: ['EdDSA'] };
    expect(await verify(narrow, token)).toBeUndefined();
  });
});

describe('with key servers', () => {
  let keys: KeyServer;
  let a: { publicKey: KeyObject; privateKey: KeyObject };
  let b: typeof a;
  let jwks: Record<string, string>;

  beforeAll(async () => {
    keys = await KeyServer.start();
    [a, b] = await Promise.all([keyPair('RS256'), keyPair('RS256')]);
    jwks = {
      'https://a.example': await keys.publish('/a', 'same', 'RS256', a.publicKey),
      'https://b.example': await keys.publish('/b', 'same', 'RS256', b.publicKey),
    };
  });

  afterAll(() => keys.stop());

  const signed = (pair: typeof a, iss: string, kid = 'same') =>
    sign(pair.privateKey, { alg: 'RS256', kid }, { iss });

  it('asks each issuer for its own key, once, although both use the same key id', async () => {
    keys.asked.length = 0;
    const verifier = new JwtTokenVerifier({ jwks });
    for (let time = 0; time < 3; time += 1) {
      expect(await verifier.verify(await signed(a, 'https://a.example'))).toBeDefined();
      expect(await verifier.verify(await signed(b, 'https://b.example'))).toBeDefined();
      expect(await verifier.verify(await signed(a, 'https://b.example'))).toBeUndefined();
      expect(await verifier.verify(await signed(b, 'https://a.example'))).toBeUndefined();
    }
    expect(keys.asked.sort()).toEqual(['/a', '/b']);
  });

  it.each(['https://evil.example', 'https://a.example/', '__proto__', 'constructor', ''])(
    'refuses the issuer %j without asking anybody',
    async (iss) => {
      keys.asked.length = 0;
      expect(await verify({ jwks }, await signed(a, iss))).toBeUndefined();
      expect(keys.asked).toEqual([]);
    },
  );

  it('asks no more for a key id nobody knows than once in a while', async () => {
    keys.asked.length = 0;
    const verifier = new JwtTokenVerifier({ jwks });
    for (let time = 0; time < 20; time += 1) {
      const token = await signed(a, 'https://a.example', `guess-${String(time)}`);
      expect(await verifier.verify(token)).toBeUndefined();
    }
    expect(keys.asked.length).toBeLessThanOrEqual(2);
  });

  it('rejects, instead of refusing, when the key server answers with an error', async () => {
    keys.failWith = 500;
    await expect(verify({ jwks }, await signed(a, 'https://a.example'))).rejects.toThrow(/200 OK/);
    keys.failWith = undefined;
  });

  it('rejects, instead of refusing, when the key server is down, and comes back with it', async () => {
    const other = await KeyServer.start();
    const url = await other.publish('/a', 'same', 'RS256', a.publicKey);
    const verifier = new JwtTokenVerifier({ jwks: { 'https://a.example': url } });
    await other.stop();
    const token = await signed(a, 'https://a.example');
    await expect(verifier.verify(token)).rejects.toThrow(/fetch failed/);

    const { port } = new URL(url);
    await new Promise<void>((done) => other.server.listen(Number(port), '127.0.0.1', done));
    expect(await verifier.verify(token)).toBeDefined();
    await other.stop();
  });
});
