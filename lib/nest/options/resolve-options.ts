import {
  callable,
  custom,
  DEFAULT_HISTORY,
  DEFAULT_LIMITS,
  DEFAULT_SESSION_OPTIONS,
  findProblems,
  flag,
  integer,
  milliseconds,
  RealtimeOptionsError,
  urlPath,
  type OptionRules,
  type SessionOptions,
} from '../../core/index.js';
// Not by the folder's door, which loads `ioredis`.
import { REDIS_RULES, redisProblems } from '../../redis/redis-rules.js';
import {
  clientAddress,
  DEFAULT_ADMISSION_LIMITS,
  DEFAULT_HEARTBEAT,
  DEFAULT_HEAVY_FRAMES,
  defaultTransportLimits,
  isAnchored,
  type TrustProxy,
} from '../../transport/index.js';
import { RATE_LIMIT_RULES, rateLimitProblems } from '../rate-limit/rate-limit-rules.js';
import { AUTH_RULES, authProblems } from './auth-rules.js';
import { HISTORY_RULE, resolveHistory } from './history-option.js';
import { present } from './present.js';
import type {
  RealtimeModuleOptions,
  ResolvedRealtimeOptions,
} from './realtime-options.interface.js';

const origins = custom(
  '"same-origin", "*", a function, or a list of origins and of patterns anchored by ^ and $',
  (value) =>
    value === 'same-origin' ||
    value === '*' ||
    typeof value === 'function' ||
    (Array.isArray(value) && value.every(isOrigin)),
);

function isOrigin(value: unknown): boolean {
  if (value instanceof RegExp) return isAnchored(value);
  return typeof value === 'string' && URL.canParse(value) && new URL(value).origin === value;
}

const trustProxy = custom(
  'false, a number of hops, or addresses and subnets',
  (value) => value === false || Number.isSafeInteger(value) || areSubnets(value),
);

function areSubnets(value: unknown): boolean {
  try {
    clientAddress(value as TrustProxy);
    return typeof value === 'string' || Array.isArray(value);
  } catch {
    return false;
  }
}

const RULES: OptionRules = {
  path: urlPath,
  auth: AUTH_RULES,
  origins,
  trustProxy,
  limits: {
    frameBytes: integer(1_024, 268_435_456),
    maxFragments: integer(1),
    maxBufferedChunks: integer(1),
    inboxBytes: integer(1_024),
    preAuthInboxBytes: integer(1_024),
    outboxBytes: integer(1_024),
    outboxAgeMs: milliseconds(0),
    messagesPerSecond: integer(0),
    messageBurst: integer(1),
    bytesPerSecond: integer(0),
    byteBurst: integer(1),
    rooms: integer(0),
    replayMessages: integer(0),
    streams: integer(0),
    streamBufferBytes: integer(0),
    clientRequests: integer(1),
    idempotentRuns: integer(1),
    connectionsPerUser: integer(1),
    attemptsPerSecond: integer(1),
    attemptBurst: integer(1),
    connectionsPerIp: integer(1),
    ipv6PrefixLength: integer(1, 128),
    pendingUpgrades: integer(1),
    connections: integer(1),
    upgradesPerSecond: integer(0),
    upgradeBurst: integer(1),
    firstHeadersMs: milliseconds(0),
    helloTimeoutMs: milliseconds(1),
    admissionTimeoutMs: milliseconds(1),
  },
  heartbeat: {
    intervalMs: milliseconds(1_000),
    timeoutMs: milliseconds(1_000),
    idleTimeoutMs: milliseconds(0),
  },
  handlers: { concurrency: integer(1) },
  heavyFrames: {
    fromBytes: integer(16_384),
    threads: integer(1),
    queueBytes: integer(1),
    maxFields: integer(1),
  },
  rooms: { history: HISTORY_RULE },
  rateLimit: RATE_LIMIT_RULES,
  redis: REDIS_RULES,
  memory: {
    metaTtlMs: integer(0),
    maxRooms: integer(1),
    maxHistoryBytes: integer(0),
    operations: { windowMs: integer(0), perClient: integer(1), total: integer(1) },
    rates: { maxKeys: integer(1) },
    replies: { maxReplyBytes: integer(0), maxBytes: integer(0), leaseMs: milliseconds(1) },
  },
  shutdown: {
    drainMs: milliseconds(0),
    handover: flag,
    spreadMs: milliseconds(0),
    graceMs: milliseconds(0),
  },
  fallbackAdapter: callable,
};

/**
 * Checks the options and fills in the defaults.
 *
 * @throws RealtimeOptionsError with a line for each broken rule.
 */
export function resolveOptions(
  options: RealtimeModuleOptions | undefined,
): ResolvedRealtimeOptions {
  if (options === undefined) {
    throw new RealtimeOptionsError([
      'realtime: no options were given; import RealtimeModule.forRoot() or forRootAsync(), not the class itself, and return them from useFactory',
    ]);
  }
  const problems = findProblems('realtime', RULES, options);
  if (problems.length === 0 && options.auth !== undefined) {
    problems.push(...authProblems(options.auth));
  }
  if (problems.length === 0 && options.rateLimit !== undefined) {
    problems.push(...rateLimitProblems(options.rateLimit));
  }
  if (problems.length === 0 && options.redis !== undefined) {
    problems.push(...redisProblems(options.redis));
  }
  if (problems.length > 0) throw new RealtimeOptionsError(problems);
  const heartbeat = { ...DEFAULT_HEARTBEAT, idleTimeoutMs: 0, ...present(options.heartbeat) };
  const { intervalMs, timeoutMs } = heartbeat;
  if (timeoutMs <= intervalMs) {
    throw new RealtimeOptionsError([
      `realtime.heartbeat.timeoutMs: expected more than heartbeat.intervalMs (${String(intervalMs)}), got ${String(timeoutMs)}`,
    ]);
  }
  return {
    path: options.path ?? '/realtime',
    auth: options.auth,
    sessions: { ...DEFAULT_SESSION_OPTIONS, ...sessionOptions(options.auth) },
    origins: options.origins ?? 'same-origin',
    trustProxy: options.trustProxy ?? false,
    limits: {
      ...defaultTransportLimits(options.limits?.frameBytes),
      ...DEFAULT_ADMISSION_LIMITS,
      ...DEFAULT_LIMITS,
      firstHeadersMs: 5_000,
      ...present(options.limits),
    },
    heartbeat,
    heavyFrames: options.heavyFrames && {
      ...DEFAULT_HEAVY_FRAMES,
      ...present(options.heavyFrames),
    },
    handlers: { concurrency: options.handlers?.concurrency ?? 1 },
    rooms: { history: resolveHistory(options.rooms?.history, DEFAULT_HISTORY) },
    rateLimit: options.rateLimit,
    redis: options.redis,
    memory: present(options.memory),
    shutdown: shutdownOptions(options),
    fallbackAdapter: options.fallbackAdapter,
  };
}

function shutdownOptions({
  shutdown,
  redis,
}: RealtimeModuleOptions): ResolvedRealtimeOptions['shutdown'] {
  const handover = redis !== undefined;
  return { drainMs: 10_000, handover, spreadMs: 10_000, graceMs: 2_000, ...present(shutdown) };
}

function sessionOptions(auth: RealtimeModuleOptions['auth']): Partial<SessionOptions> {
  const { graceMs, rememberRevokedMs } = auth ?? {};
  return present({ graceMs, rememberRevokedMs });
}
