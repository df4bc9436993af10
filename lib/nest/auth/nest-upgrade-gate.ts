import type { IncomingMessage } from 'node:http';

import {
  HttpException,
  Inject,
  Injectable,
  type CanActivate,
  type ExecutionContext,
  type Type,
} from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { isObservable, lastValueFrom } from 'rxjs';

import type { Observer } from '../../core/index.js';
import { ErrorCode } from '../../protocol/index.js';
import {
  clientAddress,
  isOriginAllowed,
  type ClientAddress,
  type Grant,
  type HttpRefusal,
  type UpgradeGate,
} from '../../transport/index.js';
import { exceptionToError } from '../gateways/exception-to-error.js';
import type { ResolvedRealtimeOptions } from '../options/realtime-options.interface.js';
import { REALTIME_OBSERVER, REALTIME_OPTIONS } from '../realtime.tokens.js';
import { authenticationOf, type AuthenticatedRequest } from './authenticated-request.js';
import { TokenAuthGuard } from './token-auth.guard.js';
import { redactQuery } from './token-sources.js';
import { UpgradeEndpoint } from './upgrade-endpoint.js';

const FORBIDDEN: HttpRefusal = { status: 403, code: ErrorCode.Forbidden, message: 'forbidden' };

const STATUS_BY_CODE: ReadonlyMap<string, number> = new Map([
  [ErrorCode.Unauthorized, 401],
  [ErrorCode.Forbidden, 403],
  [ErrorCode.RateLimited, 429],
]);

/** The door: origin, then the guards, with dependency injection, before a request is upgraded. */
@Injectable()
export class NestUpgradeGate implements UpgradeGate {
  readonly addressOf: ClientAddress;

  constructor(
    private readonly moduleRef: ModuleRef,
    @Inject(REALTIME_OPTIONS) private readonly options: ResolvedRealtimeOptions,
    @Inject(REALTIME_OBSERVER) private readonly observer: Observer,
  ) {
    this.addressOf = clientAddress(options.trustProxy);
  }

  async decide(request: AuthenticatedRequest, ip: string): Promise<Grant | HttpRefusal> {
    try {
      // Whether a missing origin matters depends on where the token is: the guard sees to that.
      if (!isOriginAllowed(request, this.options.origins, false)) return FORBIDDEN;
      if (!(await this.#askGuards(request))) return FORBIDDEN;
    } catch (error) {
      return this.#refusal(error);
    }
    const url = redactQuery(request.url ?? '/', this.options.auth?.query);
    const authentication = authenticationOf(request);
    return { ip, url, ...(authentication === undefined ? {} : { authentication }) };
  }

  async #askGuards(request: IncomingMessage): Promise<boolean> {
    const context = executionContext(request);
    for (const guard of this.#guards()) {
      const answer = guard.canActivate(context);
      const allowed = await (isObservable(answer) ? lastValueFrom(answer) : answer);
      if (!allowed) return false;
    }
    return true;
  }

  #guards(): CanActivate[] {
    const types: readonly Type<CanActivate>[] = this.options.auth?.guards ?? [TokenAuthGuard];
    return types.map((type) => this.moduleRef.get<CanActivate>(type, { strict: false }));
  }

  /** What was thrown, as an answer. What was not made for clients is only in the log. */
  #refusal(error: unknown): HttpRefusal {
    const known = exceptionToError(error);
    if (known === undefined) {
      this.observer.failed('upgrade', error);
      return {
        status: 503,
        code: ErrorCode.Unavailable,
        message: 'try again',
        retryAfterSeconds: 1,
      };
    }
    const { code, message } = known;
    const status = error instanceof HttpException ? error.getStatus() : STATUS_BY_CODE.get(code);
    return { status: status ?? 503, code, message };
  }
}

function executionContext(request: IncomingMessage): ExecutionContext {
  const context = new ExecutionContextHost(
    [request],
    UpgradeEndpoint,
    // Only its identity and metadata are looked at.
    // eslint-disable-next-line @typescript-eslint/unbound-method
    UpgradeEndpoint.prototype.onUpgrade,
  );
  context.setType('http');
  return context;
}
