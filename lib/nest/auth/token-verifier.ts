import type { ModuleRef } from '@nestjs/core';

import type { Authentication, Handshake, Random, TokenVerifier } from '../../core/index.js';
import type { RealtimeAuthOptions } from '../options/realtime-options.interface.js';

/** Asks the function of `realtime.auth.verify`. */
export class FunctionTokenVerifier implements TokenVerifier {
  constructor(private readonly ask: NonNullable<RealtimeAuthOptions['verify']>) {}

  async verify(
    token: string | undefined,
    handshake: Handshake,
  ): Promise<Authentication | undefined> {
    if (token === undefined) return undefined;
    const found = (await this.ask(token, handshake)) ?? undefined;
    if (found === undefined) return undefined;
    const authentication = 'user' in found ? found : { user: found };
    const { id } = authentication.user;
    if (typeof id !== 'string' || id === '') {
      throw new TypeError('realtime.auth.verify: expected a user whose id is a non-empty string');
    }
    return authentication;
  }
}

/** Asks a provider of the application. Looked up on first use: the module is made before it. */
export class ProviderTokenVerifier implements TokenVerifier {
  #verifier: TokenVerifier | undefined;

  constructor(
    private readonly moduleRef: ModuleRef,
    private readonly type: NonNullable<RealtimeAuthOptions['verifier']>,
  ) {}

  async verify(
    token: string | undefined,
    handshake: Handshake,
  ): Promise<Authentication | undefined> {
    this.#verifier ??= this.moduleRef.get<TokenVerifier>(this.type, { strict: false });
    return this.#verifier.verify(token, handshake);
  }
}

/** Nobody: for applications whose own guards authenticate during the upgrade. */
export class NoTokenVerifier implements TokenVerifier {
  verify(): Promise<undefined> {
    return Promise.resolve(undefined);
  }
}

/**
 * Lets everybody in who shows no token, each under an id of its own. With `auth.allowAnonymous` a
 * token that is shown has to be good all the same.
 */
export class AnonymousTokenVerifier implements TokenVerifier {
  /**
   * @param inner verifies tokens that are shown; absent: they are not looked at.
   */
  constructor(
    private readonly random: Random,
    private readonly inner?: TokenVerifier,
  ) {}

  async verify(
    token: string | undefined,
    handshake: Handshake,
  ): Promise<Authentication | undefined> {
    if (this.inner === undefined) return { user: this.#user(), isFleeting: true };
    if (token !== undefined) return this.inner.verify(token, handshake);
    return { user: this.#user(), isAnonymous: true, isFleeting: true };
  }

  #user(): { readonly id: string } {
    return { id: `anonymous:${this.random.id()}` };
  }
}
