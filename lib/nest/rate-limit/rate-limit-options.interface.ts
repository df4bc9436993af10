import type { RealtimeConnection } from '../connection/realtime-connection.js';

/** A request that is to be counted. */
export interface RateLimitedRequest {
  /** Who sent it. */
  readonly client: RealtimeConnection;
  readonly event: string;
  /** Untrusted, and not validated yet: limits come before pipes. */
  readonly payload: unknown;
}

/**
 * Whose requests are counted together.
 *
 * - `'user'`: those of a user, on whatever connections. Users without credentials have a new id with every
 *   connection; they are counted by address.
 * - `'ip'`: those of an address, or of a network of IPv6 (`limits.ipv6PrefixLength`). Users behind one NAT share it.
 * - `'connection'`: those of a connection; who reconnects begins anew.
 * - a function: those for which it gives the same text, such as the room in the payload. It may reject:
 *   then the request is refused as if the handler had thrown.
 */
export type RateLimitKey =
  'user' | 'ip' | 'connection' | ((request: RateLimitedRequest) => string | Promise<string>);

/** How often something may be asked. */
export interface RateLimitOptions {
  /** Requests in each {@link perMs}, on average. Integer from 1 to 1 000 000. */
  readonly limit: number;
  /** Milliseconds, from 1 to 31 days. Windows below a second are as exact as others. */
  readonly perMs: number;
  /** Requests at once, after a rest. Integer from 1 to 1 000 000. Default: `limit`. */
  readonly burst?: number;
  /** Whose requests are counted together. Default `'user'`. */
  readonly key?: RateLimitKey;
  /**
   * How much a request counts. Integer, at least 0, or a function that gives one. Default 1. What is
   * beyond the burst counts as the burst; 0 is let through and not counted.
   */
  readonly cost?: number | ((request: RateLimitedRequest) => number);
}

/** The limit of handlers and gateways that say nothing of their own, and what is common to all limits. */
export interface RealtimeRateLimitOptions extends Partial<RateLimitOptions> {
  /**
   * Nodes that share the rate store. While it cannot be asked, each grants its share of every limit: a
   * limit of 8 in 1 000 ms is one of 8 in 4 000 ms on each of 4 nodes. Integer from 1 to 1 000. Default 1: each
   * node grants the whole limit. Without effect where the store is this process's own.
   */
  readonly nodes?: number;
}
