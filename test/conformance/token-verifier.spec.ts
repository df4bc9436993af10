import { describe, expect, it } from '@jest/globals';
import { SignJWT } from 'jose';

import { RealtimeError, type TokenVerifier } from '../../lib/core/index.js';
import { BoundedTokenVerifier } from '../../lib/nest/auth/bounded-token-verifier.js';
import { JwtTokenVerifier } from '../../lib/nest/auth/jwt-token-verifier.js';
import {
  AnonymousTokenVerifier,
  FunctionTokenVerifier,
  NoTokenVerifier,
} from '../../lib/nest/auth/token-verifier.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import { CountingRandom, handshake } from '../support/fakes.js';
import { runSuite } from './suite.js';
import { verifierChecks, type VerifierWorld } from './token-verifier.suite.js';

/** What an application's own check does about the one token it knows. */
class Mood {
  #mood: 'normal' | 'banned' | 'revoked' | 'broken' = 'normal';

  ban = (): void => {
    this.#mood = 'banned';
  };
  revoke = (): void => {
    this.#mood = 'revoked';
  };
  breakDown = (): void => {
    this.#mood = 'broken';
  };
  dispose = (): void => undefined;

  /** Resolves to the user if the token is known. */
  async decide<User>(user: User | undefined): Promise<User | undefined> {
    await Promise.resolve();
    if (this.#mood === 'broken') throw new Error('the directory does not answer');
    if (user === undefined || this.#mood === 'revoked') return undefined;
    if (this.#mood === 'banned') throw new RealtimeError('forbidden', 'not welcome');
    return user;
  }
}

const good = { token: 'good', userId: 'ada' };

function functionWorld(
  wrap: (verifier: TokenVerifier) => TokenVerifier,
  bad: VerifierWorld['bad'],
) {
  return (): Promise<VerifierWorld> => {
    const mood = new Mood();
    const verifier = new FunctionTokenVerifier((token) =>
      mood.decide(token === good.token ? { id: good.userId } : undefined),
    );
    return Promise.resolve({ ...mood, verifier: wrap(verifier), good, bad });
  };
}

const BAD = ['bad', '', '__proto__'];

runSuite(
  'FunctionTokenVerifier',
  verifierChecks,
  functionWorld((verifier) => verifier, [...BAD, undefined]),
);

runSuite(
  'BoundedTokenVerifier',
  verifierChecks,
  functionWorld(
    (inner) => {
      const bounds = { concurrency: 2, waiting: 2, timeoutMs: 1_000 };
      return new BoundedTokenVerifier(inner, new ManualClock(), bounds);
    },
    [...BAD, undefined],
  ),
);

runSuite(
  'AnonymousTokenVerifier over another',
  verifierChecks,
  functionWorld((inner) => new AnonymousTokenVerifier(new CountingRandom(), inner), BAD),
);

runSuite('JwtTokenVerifier', verifierChecks, async () => {
  const mood = new Mood();
  const secret = 'a secret of at least thirty-two bytes';
  const sign = (key: string): Promise<string> =>
    new SignJWT({})
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject(good.userId)
      .sign(new TextEncoder().encode(key));
  const token = await sign(secret);
  const verifier = new JwtTokenVerifier({
    secret,
    user: ({ sub }) => mood.decide(sub === undefined ? undefined : { id: sub }),
  });
  const bad = [await sign('another secret of thirty-two bytes!'), 'a.b.c', ...BAD, undefined];
  return { ...mood, verifier, good: { token, userId: good.userId }, bad };
});

describe('AnonymousTokenVerifier', () => {
  it('V1 finds everybody good who shows no token, each under an id of its own', async () => {
    const verifier = new AnonymousTokenVerifier(new CountingRandom());
    const ids = await Promise.all(
      [undefined, undefined, 'whatever'].map(async (token) => {
        const authentication = await verifier.verify(token, handshake());
        return authentication?.user.id;
      }),
    );
    expect(new Set(ids).size).toBe(3);
  });

  it('V1 says of strangers among users that they are anonymous', async () => {
    const verifier = new AnonymousTokenVerifier(new CountingRandom(), new NoTokenVerifier());
    expect(await verifier.verify(undefined, handshake())).toMatchObject({ isAnonymous: true });
  });
});

describe('FunctionTokenVerifier', () => {
  it('V3 rejects a user without an id, who could be anybody', async () => {
    for (const user of [{ id: '' }, { id: 7 }, {}]) {
      const verifier = new FunctionTokenVerifier(() => user as { id: string });
      await expect(verifier.verify('token', handshake())).rejects.toThrow(/id is a non-empty/);
    }
  });

  it('V3 rejects when the function throws instead of rejecting', async () => {
    const verifier = new FunctionTokenVerifier(() => {
      throw new Error('no directory');
    });
    await expect(verifier.verify('token', handshake())).rejects.toThrow('no directory');
  });
});
