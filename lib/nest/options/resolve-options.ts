import { DEFAULT_LIMITS } from '../../core/index.js';
import { DEFAULT_HEARTBEAT, DEFAULT_TRANSPORT_LIMITS } from '../../transport/index.js';
import {
  callable,
  findProblems,
  integer,
  RealtimeOptionsError,
  urlPath,
  type OptionRules,
} from './option-rules.js';
import type {
  RealtimeModuleOptions,
  ResolvedRealtimeOptions,
} from './realtime-options.interface.js';

/** Most milliseconds a timer can take; beyond, `setTimeout` fires at once. */
const MAX_TIMER_MS = 2_147_483_647;

const RULES: OptionRules = {
  path: urlPath,
  auth: { verify: callable },
  limits: {
    frameBytes: integer(1_024, 268_435_456),
    maxFragments: integer(1),
    maxBufferedChunks: integer(1),
    inboxBytes: integer(1_024),
    preAuthInboxBytes: integer(1_024),
    outboxBytes: integer(1_024),
    rooms: integer(0),
    streams: integer(0),
    helloTimeoutMs: integer(1, MAX_TIMER_MS),
    admissionTimeoutMs: integer(1, MAX_TIMER_MS),
  },
  heartbeat: { intervalMs: integer(1_000, MAX_TIMER_MS), timeoutMs: integer(1_000, MAX_TIMER_MS) },
  handlers: { concurrency: integer(1) },
  shutdown: { drainMs: integer(0, MAX_TIMER_MS), graceMs: integer(0, MAX_TIMER_MS) },
  fallbackAdapter: callable,
};

/**
 * Checks the options and fills in the defaults.
 *
 * @throws RealtimeOptionsError with a line for each broken rule.
 */
export function resolveOptions(options: RealtimeModuleOptions): ResolvedRealtimeOptions {
  const problems = findProblems('realtime', RULES, options);
  if (problems.length > 0) throw new RealtimeOptionsError(problems);
  const heartbeat = { ...DEFAULT_HEARTBEAT, ...present(options.heartbeat) };
  const { intervalMs, timeoutMs } = heartbeat;
  if (timeoutMs <= intervalMs) {
    throw new RealtimeOptionsError([
      `realtime.heartbeat.timeoutMs: expected more than heartbeat.intervalMs (${String(intervalMs)}), got ${String(timeoutMs)}`,
    ]);
  }
  if (options.auth !== undefined && typeof options.auth.verify !== 'function') {
    throw new RealtimeOptionsError(['realtime.auth.verify: expected a function, got undefined']);
  }
  return {
    path: options.path ?? '/realtime',
    auth: options.auth,
    limits: { ...DEFAULT_TRANSPORT_LIMITS, ...DEFAULT_LIMITS, ...present(options.limits) },
    heartbeat,
    handlers: { concurrency: options.handlers?.concurrency ?? 1 },
    shutdown: { drainMs: 10_000, graceMs: 2_000, ...present(options.shutdown) },
    fallbackAdapter: options.fallbackAdapter,
  };
}

/** The fields that are not `undefined`: an absent option and one set to `undefined` mean the same. */
function present<T extends object>(options: T | undefined): Partial<T> {
  return Object.fromEntries(
    Object.entries(options ?? {}).filter(([, value]) => value !== undefined),
  ) as Partial<T>;
}
