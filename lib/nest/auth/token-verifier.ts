import type { Handshake, Random, RealtimeUser, TokenVerifier } from '../../core/index.js';
import type { RealtimeAuthOptions } from '../options/realtime-options.interface.js';

/** Asks the function of `realtime.auth.verify`. Nobody gets in without a token. */
export class FunctionTokenVerifier implements TokenVerifier {
  constructor(private readonly options: RealtimeAuthOptions) {}

  async verify(token: string | undefined, handshake: Handshake): Promise<RealtimeUser | undefined> {
    if (token === undefined) return undefined;
    const user = (await this.options.verify(token, handshake)) ?? undefined;
    if (user === undefined) return undefined;
    if (typeof user.id !== 'string' || user.id === '') {
      throw new TypeError('realtime.auth.verify: expected a user whose id is a non-empty string');
    }
    return user;
  }
}

/** Lets everybody in, each under an id of its own. Used when `realtime.auth` is absent. */
export class AnonymousTokenVerifier implements TokenVerifier {
  constructor(private readonly random: Random) {}

  verify(): Promise<RealtimeUser> {
    return Promise.resolve({ id: `anonymous:${this.random.id()}` });
  }
}
