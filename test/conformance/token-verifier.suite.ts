/** The contract of `TokenVerifier` (lib/core/ports), to be run over every implementation. */
import { expect } from '@jest/globals';

import type { TokenVerifier } from '../../lib/core/index.js';
import { handshake } from '../support/fakes.js';
import { check, type Check } from './suite.js';

/** A verifier, and what changes its mind. */
export interface VerifierWorld {
  readonly verifier: TokenVerifier;
  readonly good: { readonly token: string; readonly userId: string };
  readonly bad: readonly (string | undefined)[];
  /** From now on the owner of the good token is known but not welcome. */
  ban(): void;
  /** From now on the good token is good no longer. */
  revoke(): void;
  /** From now on nothing can be found out. */
  breakDown(): void;
  dispose(): void;
}

export const verifierChecks: readonly Check<VerifierWorld>[] = [
  check('V1', 'resolves to the user of good credentials', async ({ verifier, good }) => {
    const authentication = await verifier.verify(good.token, handshake());
    expect(authentication?.user.id).toBe(good.userId);
  }),

  check(
    'V1',
    'resolves to undefined for credentials that are not good',
    async ({ verifier, bad }) => {
      for (const token of bad) {
        expect(await verifier.verify(token, handshake())).toBeUndefined();
      }
    },
  ),

  check('V2', 'rejects with forbidden somebody who is known but not welcome', async (world) => {
    world.ban();
    await expect(world.verifier.verify(world.good.token, handshake())).rejects.toMatchObject({
      name: 'RealtimeError',
      code: 'forbidden',
    });
  }),

  check('V3', 'rejects when it cannot be found out, and does not say who it is', async (world) => {
    world.breakDown();
    const asked = world.verifier.verify(world.good.token, handshake());
    await expect(asked).rejects.toBeInstanceOf(Error);
    await expect(asked).rejects.not.toMatchObject({ code: 'forbidden' });
  }),

  check('V4', 'decides anew on every call', async (world) => {
    const { verifier, good } = world;
    expect(await verifier.verify(good.token, handshake())).toBeDefined();
    expect(await verifier.verify(good.token, handshake())).toBeDefined();
    world.revoke();
    expect(await verifier.verify(good.token, handshake())).toBeUndefined();
  }),
];
