import type { JsonCodec } from '../protocol/index.js';
import type { DropPolicy } from './drop-policies.js';
import { runtimeEnvironment, type Environment, type WebSocketConstructor } from './environment.js';
import { newIdentity, type ClientIdentity } from './identity.js';
import { tokenCalls, type TokenCalls } from './token-calls.js';
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
  /** How frames become text and back. Default `JSON`; `binaryJson`, to be imported, for payloads with bytes. */
  readonly json?: JsonCodec | undefined;
  /** Who the client is to the server: that of an `Outbox`. Default: somebody new. */
  readonly identity?: ClientIdentity | undefined;
  /** @internal Replaces parts of the world in tests. */
  readonly environment?: Partial<Environment> | undefined;
}

/**
 * Options as the client's parts take them: what is absent has its default where it is used, so that pages
 * carry its name once.
 */
export interface Settings extends RealtimeClientOptions {
  readonly url: string;
  readonly reconnect: ReconnectOptions;
  readonly buffer: BufferOptions;
  readonly json: JsonCodec;
  readonly identity: ClientIdentity;
  readonly environment: Environment;
  readonly tokens: TokenCalls;
}

/** What belongs to the client besides its options. What was given is taken as it is: `checkOptions` finds what makes no sense. */
export function resolveOptions(url: string | URL, options: RealtimeClientOptions): Settings {
  const environment = { ...runtimeEnvironment(), ...options.environment };
  const { reconnect = {}, buffer = {}, json = JSON, identity = newIdentity(environment) } = options;
  environment.WebSocket = options.WebSocket ?? environment.WebSocket;
  const tokens = tokenCalls(options.token, environment.now, options.connectTimeoutMs);
  return { ...options, url: String(url), reconnect, buffer, json, identity, environment, tokens };
}
