import type { ReconnectPolicy } from './backoff.js';
import type { DropPolicy } from './drop-policies.js';
import { runtimeEnvironment, type Environment, type WebSocketConstructor } from './environment.js';
import { newIdentity, type ClientIdentity } from './identity.js';
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
   * Which calls give way to one that finds no room: `dropOldest` or `dropNewest`, both to be imported.
   * Absent: none, it fails. Whoever loses is told: its promise is rejected with `send-buffer-full`, and it
   * was not sent.
   */
  readonly whenFull?: DropPolicy | undefined;
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
  readonly buffer: {
    readonly maxCalls: number;
    readonly maxBytes: number;
    readonly whenFull: DropPolicy | undefined;
  };
  readonly autoConnect: boolean;
  readonly identity: ClientIdentity;
  readonly environment: Environment;
}

/** Fills in defaults. What was given is taken as it is: `checkOptions` finds what makes no sense. */
export function resolveOptions(url: string | URL, options: RealtimeClientOptions): Settings {
  const environment = { ...runtimeEnvironment(), ...options.environment };
  const { token, reconnect = {}, buffer = {}, WebSocket = environment.WebSocket } = options;
  environment.WebSocket = WebSocket;
  const { requestTimeoutMs = 10_000, connectTimeoutMs = 10_000, autoConnect = true } = options;
  const { identity = newIdentity(environment) } = options;
  const { minDelayMs = 1_000, maxDelayMs = Math.max(30_000, minDelayMs) } = reconnect;
  const { stableAfterMs = 5_000, maxAttempts = Infinity } = reconnect;
  const { maxCalls = 100, maxBytes = 4_194_304, whenFull } = buffer;
  return {
    url: String(url),
    token,
    requestTimeoutMs,
    connectTimeoutMs,
    reconnect: { minDelayMs, maxDelayMs, stableAfterMs, maxAttempts },
    buffer: { maxCalls, maxBytes, whenFull },
    autoConnect,
    identity,
    environment,
  };
}
