import { SetMetadata } from '@nestjs/common';

import type { RateLimitOptions } from '../rate-limit/rate-limit-options.interface.js';

/** Metadata key of the limits of a handler or gateway; an empty list: none. */
export const REALTIME_RATE_LIMIT_METADATA = 'realtime:rate-limit';

/**
 * Limits how often a `@SubscribeMessage()` handler may be asked: `@RateLimit({ limit: 5, perMs: 1_000 })`.
 * On a gateway it limits all its handlers together that have no limit of their own. It takes the place of the
 * limit in the module's options.
 *
 * Of several limits each has to allow the request: five a second and a hundred a minute. Those with the
 * same `key` are asked in one step, and a refused request counts in none of them; with different keys they
 * are asked one after the other, and what the first has allowed counts although the second refuses.
 *
 * It runs before guards, pipes and interceptors, so that what is refused costs next to nothing. The client
 * gets `rate-limited` with a true `retryAfterMs`. A repeat of an `@Idempotent()` request that gets the
 * first reply again is not counted.
 *
 * Values that break their rules fail at start-up.
 */
export const RateLimit = (
  ...limits: readonly [RateLimitOptions, ...RateLimitOptions[]]
): ClassDecorator & MethodDecorator => SetMetadata(REALTIME_RATE_LIMIT_METADATA, limits);

/** Takes a handler, or the handlers of a gateway that have no limit of their own, out of every limit. */
export const SkipRateLimit = (): ClassDecorator & MethodDecorator =>
  SetMetadata(REALTIME_RATE_LIMIT_METADATA, []);
