import type { IncomingMessage } from 'node:http';

import type { Authentication, RealtimeUser } from '../../core/index.js';

/** A request on which a guard has noted who sent it. */
export interface AuthenticatedRequest extends IncomingMessage {
  /** Set by a guard: who it is. The usual place, so that guards made for HTTP work. */
  user?: RealtimeUser;
  /** Set by `TokenAuthGuard`: the same with the life of the credentials. */
  authentication?: Authentication;
}

/** What guards have noted on a request, if anything. */
export function authenticationOf(request: AuthenticatedRequest): Authentication | undefined {
  const { user, authentication } = request;
  if (user === undefined) return undefined;
  // A guard that came later may have replaced the user; then the credentials are not this one's.
  return authentication?.user === user ? authentication : { user };
}
