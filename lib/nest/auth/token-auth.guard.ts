import {
  ForbiddenException,
  Inject,
  Injectable,
  UnauthorizedException,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';

import type { Authentication, Handshake, TokenVerifier } from '../../core/index.js';
import { isOriginAllowed } from '../../transport/index.js';
import { RealtimeConnection } from '../connection/realtime-connection.js';
import type { ResolvedRealtimeOptions } from '../options/realtime-options.interface.js';
import { REALTIME_OPTIONS, REALTIME_TOKEN_VERIFIER } from '../realtime.tokens.js';
import type { AuthenticatedRequest } from './authenticated-request.js';
import { findToken, redactQuery, type FoundToken } from './token-sources.js';
import { UpgradeEndpoint } from './upgrade-endpoint.js';

/**
 * Lets in who shows a good token. It runs by itself inside the upgrade of every WebSocket; there a
 * client without a token passes, because it may still show one in its `hello`, and until then nothing
 * of it is handled.
 *
 * On an HTTP route (`@UseGuards(TokenAuthGuard)`) a token is required. On a gateway it refuses
 * anonymous sessions, which the module does for every handler that is not `@Public()` anyway.
 *
 * Replace it by `auth.guards`, or in tests by `overrideProvider(TokenAuthGuard)`: a guard that sets
 * `request.user` has authenticated the client.
 */
@Injectable()
export class TokenAuthGuard implements CanActivate {
  constructor(
    @Inject(REALTIME_TOKEN_VERIFIER) private readonly verifier: TokenVerifier,
    @Inject(REALTIME_OPTIONS) private readonly options: ResolvedRealtimeOptions,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    if (context.getType() === 'ws') {
      const client: unknown = context.switchToWs().getClient();
      return client instanceof RealtimeConnection && !client.isAnonymous;
    }
    const request = context.switchToHttp().getRequest<AuthenticatedRequest>();
    const found = findToken(request, this.options.auth ?? {});
    if (found === undefined) {
      if (context.getClass() === UpgradeEndpoint) return true;
      throw new UnauthorizedException('expected a token');
    }
    const authentication = await this.#verify(request, found);
    request.authentication = authentication;
    request.user = authentication.user;
    return true;
  }

  async #verify(request: AuthenticatedRequest, found: FoundToken): Promise<Authentication> {
    // A browser adds cookies to whatever a page asks for; only `Origin` tells whose page it was. The
    // upgrade has looked at it before, an HTTP route has not.
    if (found.isAmbient && !isOriginAllowed(request, this.options.origins, true)) {
      throw new ForbiddenException('expected an Origin header of an allowed origin');
    }
    const authentication = await this.verifier.verify(found.token, this.#handshake(request));
    if (authentication === undefined) throw new UnauthorizedException('invalid credentials');
    return authentication;
  }

  #handshake(request: AuthenticatedRequest): Handshake {
    return {
      ip: request.socket.remoteAddress ?? '',
      url: redactQuery(request.url ?? '/', this.options.auth?.query),
      headers: request.headers,
      negotiated: request.headers['sec-websocket-protocol'] !== undefined,
    };
  }
}
