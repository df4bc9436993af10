/** Injection token of the resolved options, see `ResolvedRealtimeOptions`. */
export const REALTIME_OPTIONS = Symbol('REALTIME_OPTIONS');

/** Injection token of the broker. Override it to carry messages by other means. */
export const REALTIME_BROKER = Symbol('REALTIME_BROKER');

/** Injection token of what remembers replies of `@Idempotent()` handlers. Override it to share them between nodes. */
export const REALTIME_REPLY_STORE = Symbol('REALTIME_REPLY_STORE');

/** Injection token of the presence store. Override it to share who is where by other means. */
export const REALTIME_PRESENCE_STORE = Symbol('REALTIME_PRESENCE_STORE');

/**
 * Injection token of what counts requests for `@RateLimit()`: on Redis for all nodes with the option
 * `redis`, else in this process. Override it to count elsewhere.
 */
export const REALTIME_RATE_STORE = Symbol('REALTIME_RATE_STORE');

/**
 * Injection token of the connections to Redis; `undefined` without the option `redis`. Broker, presence
 * store, rate store and reply store are made from them.
 */
export const REALTIME_REDIS = Symbol('REALTIME_REDIS');

/** Injection token of the token verifier. Override it in tests to let whoever you like in. */
export const REALTIME_TOKEN_VERIFIER = Symbol('REALTIME_TOKEN_VERIFIER');

/** Injection token of the clock. Override it in tests to control time. */
export const REALTIME_CLOCK = Symbol('REALTIME_CLOCK');

/** Injection token of the source of ids. */
export const REALTIME_RANDOM = Symbol('REALTIME_RANDOM');

/** Injection token of what is told about failures; the default writes to Nest's logger. */
export const REALTIME_OBSERVER = Symbol('REALTIME_OBSERVER');
