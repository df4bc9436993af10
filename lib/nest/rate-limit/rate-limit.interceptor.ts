import { createHash } from 'node:crypto';

import {
  Inject,
  Injectable,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import type { Observable } from 'rxjs';

import { InsuredRateStore, RealtimeError, type RateCharge } from '../../core/index.js';
import { ErrorCode } from '../../protocol/index.js';
import { addressGroup } from '../../transport/index.js';
import type { RealtimeConnection } from '../connection/realtime-connection.js';
import { GatewayExplorer } from '../gateways/gateway-explorer.js';
import { MessageContext } from '../gateways/message-context.js';
import type { ResolvedRealtimeOptions } from '../options/realtime-options.interface.js';
import { REALTIME_OPTIONS } from '../realtime.tokens.js';
import type { RateLimitKey, RateLimitedRequest } from './rate-limit-options.interface.js';
import type { RateLimitGroup } from './rate-limit-rules.js';

/** Longest key that is kept as it is; of a longer one its hash is, or a payload could fill the memory. */
const MAX_KEY_LENGTH = 256;

/**
 * Refuses requests that come more often than `@RateLimit()` or the option `rateLimit` allow. The module
 * runs it around every handler that has a limit, before guards, pipes and other interceptors;
 * `@UseInterceptors()` is not needed.
 *
 * To limit in another way, override this provider: whatever implements `NestInterceptor` will do.
 */
@Injectable()
export class RateLimitInterceptor implements NestInterceptor {
  /** @internal */
  constructor(
    private readonly store: InsuredRateStore,
    private readonly explorer: GatewayExplorer,
    @Inject(REALTIME_OPTIONS) private readonly options: ResolvedRealtimeOptions,
  ) {}

  /**
   * Goes on with the request, or does not.
   *
   * @throws RealtimeError `rate-limited` with `retryAfterMs`.
   */
  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const message = MessageContext.of(context);
    const groups = message && this.explorer.handler(message.event)?.rateLimits;
    if (message !== undefined && groups !== undefined) {
      const client = context.switchToWs().getClient<RealtimeConnection>();
      const payload: unknown = context.switchToWs().getData();
      const request = { client, event: message.event, payload };
      for (const group of groups) await this.#charge(group, request);
    }
    return next.handle();
  }

  async #charge(group: RateLimitGroup, request: RateLimitedRequest): Promise<void> {
    const { ipv6PrefixLength } = this.options.limits;
    const address = () => addressGroup(request.client.ip, ipv6PrefixLength);
    const key = keyText(group.prefix, await subjectOf(group.key, request, address));
    const charges = group.limits.map((limit): RateCharge => ({
      ...limit,
      cost: costOf(limit.cost, request),
    }));
    const verdict = await this.store.consume(key, charges);
    if (verdict.isAllowed) return;
    const { retryAfterMs } = verdict;
    throw new RealtimeError(ErrorCode.RateLimited, 'too many requests', { retryAfterMs });
  }
}

/** Whose request it is. */
function subjectOf(
  key: RateLimitKey,
  request: RateLimitedRequest,
  address: () => string,
): string | Promise<string> {
  const { client } = request;
  if (typeof key === 'function') return key(request);
  if (key === 'connection') return client.id;
  if (key === 'ip') return address();
  // An id that is made for a connection could be shed by making another connection.
  return client.isAnonymous ? `address ${address()}` : `user ${client.user.id}`;
}

/** @throws TypeError if a function of the application gave no text. */
function keyText(prefix: string, subject: unknown): string {
  if (typeof subject !== 'string') {
    throw new TypeError(`rate limit: expected the key to be a string, got ${typeof subject}`);
  }
  if (prefix.length + subject.length <= MAX_KEY_LENGTH) return prefix + subject;
  return createHash('sha256').update(prefix).update(subject).digest('base64url');
}

/** @throws TypeError if a function of the application gave no cost. */
function costOf(
  cost: RateLimitGroup['limits'][number]['cost'],
  request: RateLimitedRequest,
): number {
  if (typeof cost === 'number') return cost;
  const found = cost(request);
  if (Number.isSafeInteger(found) && found >= 0) return found;
  throw new TypeError('rate limit: expected the cost to be an integer >= 0');
}
