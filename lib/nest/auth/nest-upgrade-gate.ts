import type { IncomingMessage } from 'node:http';

import {
  HttpException,
  Inject,
  Injectable,
  Logger,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
  type Type,
} from '@nestjs/common';
import { ModuleRef, ModulesContainer } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { isObservable, lastValueFrom } from 'rxjs';

import { RealtimeError, withDeadline, type Clock, type Observer } from '../../core/index.js';
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
import { REALTIME_CLOCK, REALTIME_OBSERVER, REALTIME_OPTIONS } from '../realtime.tokens.js';
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

/** Seconds after which a client that could not be let in for now should try again. */
const RETRY_AFTER_SECONDS = 1;

/**
 * The door: origin, then the guards, with dependency injection, before a request is upgraded.
 *
 * `@UseGuards()` here runs nothing: it makes `TokenAuthGuard` what a testing module's `overrideGuard()`
 * looks for, as it would be on a controller.
 */
@Injectable()
@UseGuards(TokenAuthGuard)
export class NestUpgradeGate implements UpgradeGate {
  readonly addressOf: ClientAddress;
  #warnsOfProxy: boolean;
  #guards: readonly CanActivate[] | undefined;

  constructor(
    private readonly moduleRef: ModuleRef,
    @Inject(REALTIME_OPTIONS) private readonly options: ResolvedRealtimeOptions,
    @Inject(REALTIME_OBSERVER) private readonly observer: Observer,
    @Inject(REALTIME_CLOCK) private readonly clock: Clock,
    private readonly modules: ModulesContainer,
  ) {
    this.addressOf = clientAddress(options.trustProxy);
    this.#warnsOfProxy = options.trustProxy === false;
  }

  /**
   * Finds the guards. Before the first client comes, so that a start fails and not every handshake.
   *
   * @throws Error if one is no provider, or is request-scoped.
   */
  prepare(): readonly CanActivate[] {
    const types: readonly Type<CanActivate>[] = this.options.auth?.guards ?? [TokenAuthGuard];
    return (this.#guards ??= types.map((type) => this.#findGuard(type)));
  }

  async decide(request: AuthenticatedRequest, ip: string): Promise<Grant | HttpRefusal> {
    this.#noticeProxy(request);
    try {
      // Whether a missing origin matters depends on where the token is: the guard sees to that.
      if (!isOriginAllowed(request, this.options.origins, false)) return FORBIDDEN;
      const { admissionTimeoutMs } = this.options.limits;
      const asked = this.#askGuards(request);
      // A guard that hangs would hold its place among the pending upgrades for ever.
      const late = (): Error => new RealtimeError(ErrorCode.Unavailable, 'try again');
      if (!(await withDeadline(this.clock, admissionTimeoutMs, asked, late))) return FORBIDDEN;
    } catch (error) {
      return this.#refusal(error);
    }
    const url = redactQuery(request.url ?? '/', this.options.auth?.query);
    const authentication = authenticationOf(request);
    return { ip, url, ...(authentication === undefined ? {} : { authentication }) };
  }

  /** Behind a proxy that is not trusted everybody has one address, and shares its limits. Said once. */
  #noticeProxy({ headers }: IncomingMessage): void {
    if (!this.#warnsOfProxy || headers['x-forwarded-for'] === undefined) return;
    this.#warnsOfProxy = false;
    new Logger('Realtime').warn(
      'A handshake carries X-Forwarded-For, but realtime.trustProxy is not set: all clients of a proxy count as one address',
    );
  }

  async #askGuards(request: IncomingMessage): Promise<boolean> {
    const context = executionContext(request);
    for (const guard of this.prepare()) {
      const answer = guard.canActivate(context);
      const allowed = await (isObservable(answer) ? lastValueFrom(answer) : answer);
      if (!allowed) return false;
    }
    return true;
  }

  #findGuard(type: Type<CanActivate>): CanActivate {
    const replacement = this.#replacement(type);
    if (replacement !== undefined) return replacement;
    try {
      return this.moduleRef.get<CanActivate>(type, { strict: false });
    } catch (cause) {
      throw new Error(
        `realtime.auth.guards: ${type.name} cannot be had, list it under the providers of a module: ${String(cause)}`,
        { cause },
      );
    }
  }

  /**
   * What stands in for a guard: given by a custom provider, or by a test. Nest keeps a class that is
   * both a provider and named in `@UseGuards()` twice, and `moduleRef` gives whichever comes last.
   */
  #replacement(type: Type<CanActivate>): CanActivate | undefined {
    for (const { providers, injectables } of this.modules.values()) {
      for (const wrapper of [providers.get(type), injectables.get(type)]) {
        if (wrapper !== undefined && wrapper.metatype !== type)
          return wrapper.instance as CanActivate;
      }
    }
    return undefined;
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
        retryAfterSeconds: RETRY_AFTER_SECONDS,
      };
    }
    const { code, message } = known;
    const found = error instanceof HttpException ? error.getStatus() : STATUS_BY_CODE.get(code);
    const status = found ?? 503;
    const isPassing = status === 429 || status === 503;
    return {
      status,
      code,
      message,
      ...(isPassing ? { retryAfterSeconds: RETRY_AFTER_SECONDS } : {}),
    };
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
