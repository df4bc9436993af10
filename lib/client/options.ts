import type { ReconnectPolicy } from './backoff.js';
import { runtimeEnvironment, type Environment, type WebSocketConstructor } from './environment.js';
import { newIdentity, type ClientIdentity } from './identity.js';
import { atLeast, expectObject, expectOption } from './option-checks.js';
import type { TokenSource } from './token.js';

/** How the client comes back after its connection broke. */
export interface ReconnectOptions {
  /** Shortest delay before an attempt. Milliseconds, from 1. Default 1,000. */
  readonly minDelayMs?: number | undefined;
  /** Longest delay before an attempt. Milliseconds, from `minDelayMs`. Default 30,000. */
  readonly maxDelayMs?: number | undefined;
  /** How long a connection must last before the delays start from the shortest again. Milliseconds, from 0. Default 5,000. */
  readonly stableAfterMs?: number | undefined;
  /** Attempts in a row after which the client closes for good. From 0 (never reconnect). Default `Infinity`. */
  readonly maxAttempts?: number | undefined;
}

/** What may wait while there is no connection. What was sent once and waits for its answer counts apart. */
export interface BufferOptions {
  /** Calls that may wait. From 0 (nothing waits). Default 100. */
  readonly maxCalls?: number | undefined;
  /** Bytes of them. From 0. Default 4 MiB. */
  readonly maxBytes?: number | undefined;
  /**
   * What becomes of a call that finds no room. Default `refuse`. Whoever loses is told: its promise is
   * rejected with `send-buffer-full`, and it was not sent.
   *
   * - `refuse`: it fails.
   * - `drop-oldest`: those that have waited longest fail, and it waits.
   * - `drop-newest`: those that have waited shortest fail, and it waits in their place.
   */
  readonly whenFull?: 'refuse' | 'drop-oldest' | 'drop-newest' | undefined;
}

/** Options of a `RealtimeClient`. */
export interface RealtimeClientOptions {
  /** Credentials. Absent means none. */
  readonly token?: TokenSource | undefined;
  /** Makes sockets. Default the runtime's `WebSocket`; needed on Node 20, which has none: pass `ws`'s. */
  readonly WebSocket?: WebSocketConstructor | undefined;
  /**
   * Longest time from `request()` or `publish()` to its answer, waiting for a connection included.
   * Milliseconds, from 1. Default 10,000. It cannot be switched off. Streams have no such limit.
   */
  readonly requestTimeoutMs?: number | undefined;
  /** Longest time of an attempt to connect: token, handshake and welcome together. Milliseconds, from 1. Default 10,000. */
  readonly connectTimeoutMs?: number | undefined;
  /** How to come back after a broken connection. */
  readonly reconnect?: ReconnectOptions | undefined;
  /** What may wait while there is no connection. */
  readonly buffer?: BufferOptions | undefined;
  /** Whether to connect without being asked to. Default `true`. Use `false` for clients made during server-side rendering. */
  readonly autoConnect?: boolean | undefined;
  /** Who the client is to the server: that of an `Outbox`. Default: somebody new. */
  readonly identity?: ClientIdentity | undefined;
  /** @internal Replaces parts of the world in tests. */
  readonly environment?: Partial<Environment> | undefined;
}

/** Options with every default filled in. */
export interface Settings {
  readonly url: string;
  readonly token: TokenSource | undefined;
  readonly requestTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly reconnect: ReconnectPolicy;
  readonly buffer: { readonly [K in keyof BufferOptions]-?: NonNullable<BufferOptions[K]> };
  readonly autoConnect: boolean;
  readonly identity: ClientIdentity;
  readonly environment: Environment;
}

/** The identity, if an outbox may have made it. */
function checkIdentity(identity: Partial<ClientIdentity>): ClientIdentity {
  const { clientKey, attempt, lastId } = identity;
  const passes =
    typeof clientKey === 'string' && typeof attempt === 'number' && typeof lastId === 'number';
  return expectOption('identity', identity, "an outbox's", passes) as ClientIdentity;
}

function checkReconnect(reconnect: ReconnectOptions): ReconnectPolicy {
  expectObject('reconnect', reconnect);
  const minDelayMs = atLeast(1, 'reconnect.minDelayMs', reconnect.minDelayMs ?? 1_000);
  const { maxDelayMs = Math.max(30_000, minDelayMs) } = reconnect;
  return {
    minDelayMs,
    maxDelayMs: atLeast(minDelayMs, 'reconnect.maxDelayMs', maxDelayMs),
    stableAfterMs: atLeast(0, 'reconnect.stableAfterMs', reconnect.stableAfterMs ?? 5_000),
    maxAttempts: atLeast(0, 'reconnect.maxAttempts', reconnect.maxAttempts ?? Infinity),
  };
}

const FULL_RULES = ['refuse', 'drop-oldest', 'drop-newest'] as const;

function checkBuffer(buffer: BufferOptions): Settings['buffer'] {
  expectObject('buffer', buffer);
  const { whenFull = 'refuse' } = buffer;
  const fullRule = `one of ${FULL_RULES.join(', ')}`;
  return {
    maxCalls: atLeast(0, 'buffer.maxCalls', buffer.maxCalls ?? 100),
    maxBytes: atLeast(0, 'buffer.maxBytes', buffer.maxBytes ?? 4_194_304),
    whenFull: expectOption('buffer.whenFull', whenFull, fullRule, FULL_RULES.includes(whenFull)),
  };
}

/**
 * Fills in defaults and checks kinds and ranges, so that a mistake shows when the client is made and not
 * when the connection breaks for the first time.
 *
 * @throws RealtimeClientError with code `invalid-option`.
 */
export function resolveOptions(url: string | URL, options: RealtimeClientOptions): Settings {
  const { token, reconnect = {}, buffer = {}, autoConnect = true } = options;
  const environment = { ...runtimeEnvironment(), ...options.environment };
  const { WebSocket = environment.WebSocket } = options;
  environment.WebSocket = WebSocket;
  // Rendering on a server makes clients where there is none.
  const canOpen = (WebSocket === undefined && !autoConnect) || typeof WebSocket === 'function';
  expectOption('WebSocket', WebSocket, 'a constructor', canOpen);
  const isUrl = typeof url === 'string' || url instanceof URL;
  // Storage gives null for a token that is not there.
  const isToken = ['string', 'function'].includes(typeof (token ?? ''));
  const isSwitch = typeof autoConnect === 'boolean';
  return {
    url: String(expectOption('url', url, 'a string or a URL', isUrl)),
    token: expectOption('token', token, 'a string or a function', isToken),
    requestTimeoutMs: atLeast(1, 'requestTimeoutMs', options.requestTimeoutMs ?? 10_000),
    connectTimeoutMs: atLeast(1, 'connectTimeoutMs', options.connectTimeoutMs ?? 10_000),
    reconnect: checkReconnect(reconnect),
    buffer: checkBuffer(buffer),
    autoConnect: expectOption('autoConnect', autoConnect, 'true or false', isSwitch),
    identity: checkIdentity(options.identity ?? newIdentity(environment)),
    environment,
  };
}
