import type { Authentication, Handshake, Random, TokenVerifier } from '../../core/index.js';
import type { RealtimeAuthOptions } from '../options/realtime-options.interface.js';

/** Asks the function of `realtime.auth.verify`. Nobody gets in without a token. */
export class FunctionTokenVerifier implements TokenVerifier {
  constructor(private readonly options: RealtimeAuthOptions) {}

  async verify(
    token: string | undefined,
    handshake: Handshake,
  ): Promise<Authentication | undefined> {
    if (token === undefined) return undefined;
    const found = (await this.options.verify(token, handshake)) ?? undefined;
    if (found === undefined) return undefined;
    const authentication = 'user' in found ? found : { user: found };
    const { id } = authentication.user;
    if (typeof id !== 'string' || id === '') {
      throw new TypeError('realtime.auth.verify: expected a user whose id is a non-empty string');
    }
    return authentication;
  }
}

/** Lets everybody in, each under an id of its own. Used when `realtime.auth` is absent. */
export class AnonymousTokenVerifier implements TokenVerifier {
  constructor(private readonly random: Random) {}

  verify(): Promise<Authentication> {
    return Promise.resolve({ user: { id: `anonymous:${this.random.id()}` } });
  }
}
