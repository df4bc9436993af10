import { custom, findProblems, integer, type OptionRules, type Rate } from '../../core/index.js';
import { REALTIME_RATE_LIMIT_METADATA } from '../decorators/rate-limit.decorator.js';
import type {
  RateLimitKey,
  RateLimitOptions,
  RealtimeRateLimitOptions,
} from './rate-limit-options.interface.js';

/** Limits that count the same requests together: they are asked in one step. */
export interface RateLimitGroup {
  /** What its keys begin with: where the limits were declared, by what they count, and their numbers. */
  readonly prefix: string;
  readonly key: RateLimitKey;
  readonly limits: readonly (Rate & { readonly cost: NonNullable<RateLimitOptions['cost']> })[];
}

/** 31 days. With the largest burst, the arithmetic is still within whole numbers. */
const MAX_WINDOW_MS = 2_678_400_000;
const MAX_LIMIT = 1_000_000;

const KEYS: ReadonlySet<unknown> = new Set(['user', 'ip', 'connection']);

const LIMIT_RULES: OptionRules = {
  limit: integer(1, MAX_LIMIT),
  perMs: integer(1, MAX_WINDOW_MS),
  burst: integer(1, MAX_LIMIT),
  key: custom(
    '"user", "ip", "connection" or a function',
    (value) => KEYS.has(value) || typeof value === 'function',
  ),
  cost: custom(
    'an integer >= 0 or a function',
    (value) => typeof value === 'function' || (Number.isSafeInteger(value) && Number(value) >= 0),
  ),
};

/** Rules of `realtime.rateLimit`. */
export const RATE_LIMIT_RULES: OptionRules = { ...LIMIT_RULES, nodes: integer(1, 1_000) };

/** What is wrong with `realtime.rateLimit` beyond single options. */
export function rateLimitProblems(options: RealtimeRateLimitOptions): string[] {
  const { limit, perMs, burst, key, cost } = options;
  const isLimit = [limit, perMs, burst, key, cost].some((value) => value !== undefined);
  return isLimit ? incomplete('realtime.rateLimit', options) : [];
}

function incomplete(path: string, { limit, perMs }: RealtimeRateLimitOptions): string[] {
  return limit === undefined || perMs === undefined ? [`${path}: expected limit and perMs`] : [];
}

/** Where limits may be declared: the nearest to the handler that says something counts. */
export interface RateLimitPlaces {
  readonly event: string;
  readonly callback: object;
  readonly metatype: { readonly name: string } & object;
  readonly options: RealtimeRateLimitOptions | undefined;
}

/**
 * The limits of a handler, in groups; none: it is not limited.
 *
 * @throws Error with a line for each broken rule.
 */
export function rateLimitsOf({
  event,
  callback,
  metatype,
  options,
}: RateLimitPlaces): RateLimitGroup[] {
  const own = declaredOn(callback);
  if (own !== undefined) return groupsOf(`event ${event}`, own);
  const shared = declaredOn(metatype);
  if (shared !== undefined) return groupsOf(`class ${metatype.name}`, shared);
  const { limit, perMs } = options ?? {};
  if (limit === undefined || perMs === undefined) return [];
  return groupsOf('all', [{ ...options, limit, perMs }]);
}

function declaredOn(target: object): readonly RateLimitOptions[] | undefined {
  return Reflect.getMetadata(REALTIME_RATE_LIMIT_METADATA, target) as
    readonly RateLimitOptions[] | undefined;
}

/** What is wrong with the limits that a decorator was given. */
export function decoratorProblems(name: string, target: object): string[] {
  return (declaredOn(target) ?? []).flatMap((limit) => {
    const path = `${name} @RateLimit()`;
    const problems = findProblems(path, LIMIT_RULES, limit);
    return problems.length > 0 ? problems : incomplete(path, limit);
  });
}

function groupsOf(scope: string, limits: readonly RateLimitOptions[]): RateLimitGroup[] {
  const byKey = new Map<RateLimitKey, RateLimitGroup['limits'][number][]>();
  for (const { limit, perMs, burst = limit, key = 'user', cost = 1 } of limits) {
    byKey.set(key, [...(byKey.get(key) ?? []), { limit, perMs, burst, cost }]);
  }
  return [...byKey].map(([key, grouped], index) => {
    const kind = typeof key === 'string' ? key : `own ${String(index)}`;
    const rates = grouped.map(({ limit, perMs, burst }) => [limit, perMs, burst].join('/'));
    // As JSON, so that no two of them can look alike, whatever an event is called.
    return { prefix: JSON.stringify([scope, kind, ...rates]), key, limits: grouped };
  });
}
