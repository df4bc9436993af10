import {
  custom,
  flag,
  integer,
  milliseconds,
  undefinedOnes,
  type OptionRules,
} from '../core/index.js';
import type { RedisPlaceOptions } from './redis-source.js';

/** The connection's URL: its password must not be shown, so it is checked by `redisProblems`. */
const secret = custom('a string', (value) => typeof value === 'string');

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const hasNoPrefix = (options: unknown): boolean =>
  !isObject(options) || [undefined, null, ''].includes(options['keyPrefix'] as string | undefined);

/** Rules of `realtime.redis`, some of them those of an emitter too. */
export const REDIS_RULES = {
  url: secret,
  options: custom(
    'options of ioredis without keyPrefix (use the option prefix)',
    (value) => isObject(value) && hasNoPrefix(value),
  ),
  cluster: custom(
    'an object with nodes, at least one, and options of ioredis without keyPrefix',
    (value) =>
      isObject(value) &&
      Array.isArray(value['nodes']) &&
      value['nodes'].length > 0 &&
      hasNoPrefix(value['options']),
  ),
  client: custom(
    'a Redis or Cluster of ioredis without keyPrefix (use the option prefix)',
    (value) =>
      isObject(value) && typeof value['duplicate'] === 'function' && hasNoPrefix(value['options']),
  ),
  prefix: custom(
    'a non-empty string without braces and spaces',
    (value) => typeof value === 'string' && /^[^{}\s]+$/.test(value),
  ),
  sharded: flag,
  probeMs: milliseconds(100),
  timeoutMs: milliseconds(1),
  metaTtlMs: integer(1_000),
  operations: { windowMs: integer(0), perClient: integer(1) },
  checkMs: milliseconds(100),
  lingerMs: milliseconds(0),
  maxQueuedBytes: integer(1_024),
  replicas: integer(0),
  leaseMs: milliseconds(100),
} satisfies OptionRules;

/**
 * What is wrong with them beyond single options.
 *
 * @param path where they stand.
 */
export function redisProblems(place: RedisPlaceOptions, path = 'realtime.redis'): string[] {
  const { url, options, cluster, client } = place;
  const ways = [url, options, cluster, client].filter((way) => way !== undefined).length;
  if (ways !== 1) {
    const got = `${String(ways)}${undefinedOnes(place, ['url', 'options', 'cluster', 'client'])}`;
    return [`${path}: expected exactly one of url, options, cluster and client, got ${got}`];
  }
  if (url === undefined || /^rediss?:$/.test(protocolOf(url))) return [];
  return [`${path}.url: expected a URL such as "redis://host:6379" or "rediss://host:6380"`];
}

function protocolOf(url: string): string {
  return URL.canParse(url) ? new URL(url).protocol : '';
}
