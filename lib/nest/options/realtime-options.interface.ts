import type { Server } from 'node:http';

import type { CanActivate, Type, WebSocketAdapter } from '@nestjs/common';

import type {
  Authentication,
  CoreLimits,
  Handshake,
  HistoryPolicy,
  RealtimeUser,
  SessionOptions,
  TokenVerifier,
} from '../../core/index.js';
import type {
  MemoryBrokerOptions,
  MemoryRateOptions,
  ReplyBookOptions,
} from '../../memory/index.js';
import type {
  AdmissionLimits,
  AllowedOrigins,
  HeartbeatOptions,
  HeavyFrameOptions,
  TransportLimits,
  TrustProxy,
} from '../../transport/index.js';
import type { JwtOptions } from '../auth/jwt-options.interface.js';
import type { TokenSourceOptions } from '../auth/token-sources.js';
import type { RealtimeRateLimitOptions } from '../rate-limit/rate-limit-options.interface.js';
import type { RealtimeRedisOptions } from '../../redis/index.js';
import type { HistoryOption } from './history-option.js';

/** What a verify function may give: a user, a user with the life of the credentials, or nobody. */
export type VerifiedUser = RealtimeUser | Authentication | null | undefined;

/** Who gets in. At least one of `verify`, `jwt`, `verifier` and `guards` has to be there; of the first three at most one. */
export interface RealtimeAuthOptions extends TokenSourceOptions, Partial<SessionOptions> {
  /**
   * Turns a token into a user: resolves to one with an `id` that is stable and unique if the token is
   * good, to `undefined` or `null` if it is not. A throw means "could not find out": the client is not
   * let in and told to come back. May take 5 s (`limits.admissionTimeoutMs`).
   *
   * Returns `{ user, expiresAt, issuedAt, tokenId }` instead where the credentials run out or can be
   * revoked one by one.
   */
  readonly verify?: (token: string, handshake: Handshake) => VerifiedUser | Promise<VerifiedUser>;
  /** Verifies JSON Web Tokens. Needs the package `jose`. */
  readonly jwt?: JwtOptions;
  /** A provider of the application that verifies tokens. List it under a module's `providers`. */
  readonly verifier?: Type<TokenVerifier>;
  /**
   * Guards that run, in order, inside the upgrade. Providers of the application, made for HTTP: they
   * see the request, and whoever sets `request.user` has authenticated the client. Default:
   * `[TokenAuthGuard]`; list it too if it is to run beside yours.
   */
  readonly guards?: readonly Type<CanActivate>[];
  /**
   * Lets clients in that show no token, each under an id of its own. They reach only what is marked
   * `@Public()`. Default false.
   */
  readonly allowAnonymous?: boolean;
  /** Verifications that run at once; ten times as many may wait. Default 100. */
  readonly concurrency?: number;
}

/** How requests are handled. */
export interface RealtimeHandlerOptions {
  /**
   * Requests of one connection that may be handled at once. Integer, at least 1. Default 1: a client's
   * requests take effect in the order it sent them, as with a chat message after a join.
   */
  readonly concurrency?: number;
}

/** What rooms are like whose class says nothing else, or that no class declares. */
export interface RealtimeRoomsOptions {
  /**
   * What is kept of a room's messages. Default: 1 000 messages, 5 minutes, 1 MiB a room, whichever is
   * reached first. `false`: nothing.
   */
  readonly history?: HistoryOption;
}

/** Finding peers that are gone, and connections that nobody uses. */
export interface RealtimeHeartbeatOptions extends HeartbeatOptions {
  /**
   * Milliseconds after which a connection that is not used ends with 4301: one that is in no room, waits
   * for no answer, and was sent nothing and has sent nothing but pings. At most a sixth later. Default 0:
   * never. The client stays away until its application connects again.
   */
  readonly idleTimeoutMs: number;
}

/** How the server leaves. */
export interface RealtimeShutdownOptions {
  /**
   * Longest wait for clients that move to another node and for requests that are being answered, both
   * together, in milliseconds. Default 10 000. 0: do not wait. The platform has to leave the process
   * some seconds more than that before it kills it.
   */
  readonly drainMs?: number;
  /**
   * Whether other nodes take the clients of this one. Then a client of the SDK opens its connection
   * there before it leaves this one, and misses nothing. Default: true with the option `redis`, else
   * false: a node that is alone closes its connections as soon as it has answered.
   */
  readonly handover?: boolean;
  /**
   * Longest time over which clients are asked to spread their return, in milliseconds. Default 10 000;
   * fewer clients are asked for less, about a second and 2 ms each. 0: all at once. With `handover` at
   * most two fifths of `drainMs`.
   */
  readonly spreadMs?: number;
  /** Longest wait for clients to answer the close, in milliseconds. Default 2 000. Then they are cut. */
  readonly graceMs?: number;
}

/** What a single node remembers. */
export interface RealtimeMemoryOptions extends MemoryBrokerOptions {
  /**
   * How much is kept of the replies of `@Idempotent()` handlers; for how long, and of how many requests,
   * say `operations`. Without effect where `REALTIME_REPLY_STORE` is overridden.
   */
  readonly replies?: Omit<ReplyBookOptions, 'operations'>;
  /** How many keys of rate limits are remembered. */
  readonly rates?: MemoryRateOptions;
}

/** Every bound of a server. */
export interface RealtimeLimits extends CoreLimits, TransportLimits, AdmissionLimits {
  /**
   * Milliseconds in which a new TCP connection has to send its first request's headers. Default
   * 5 000. 0: no bound but Node's own 60 s. Stops slow senders from holding sockets. It applies to
   * every connection of the HTTP server, because what a connection is for stands in those headers.
   */
  readonly firstHeadersMs: number;
}

/** What `RealtimeModule.forRoot()` takes. Everything has a default. */
export interface RealtimeModuleOptions {
  /** Path that WebSockets connect to. Starts with `/`. Default `/realtime`. */
  readonly path?: string;
  /**
   * How clients prove who they are. Absent: everyone is let in under a user id of their own
   * (`anonymous:…`); a warning at start-up says so.
   */
  readonly auth?: RealtimeAuthOptions;
  /** Where pages may connect from. Default `'same-origin'`. */
  readonly origins?: AllowedOrigins;
  /** Which proxies may say whom they speak for. Default false: none. */
  readonly trustProxy?: TrustProxy;
  /** Bounds, each on by default. */
  readonly limits?: Partial<RealtimeLimits>;
  /**
   * Reading large frames on other threads, for which `piscina` has to be installed; `{}` for the defaults.
   * Absent: they are read like all others, which takes the event loop 10 to 20 ms for a mebibyte of
   * ordinary JSON and 60 ms and more for one that was made for it.
   */
  readonly heavyFrames?: Partial<HeavyFrameOptions>;
  /** Finding peers that are gone, and connections that nobody uses. */
  readonly heartbeat?: Partial<RealtimeHeartbeatOptions>;
  readonly handlers?: RealtimeHandlerOptions;
  readonly rooms?: RealtimeRoomsOptions;
  /**
   * The limit of all handlers together that have none of their own and whose gateway has none; see
   * `@RateLimit()` and `@SkipRateLimit()`. Absent: no limit but that of a connection's frames
   * (`limits.messagesPerSecond`).
   */
  readonly rateLimit?: RealtimeRateLimitOptions;
  /**
   * Redis for several nodes: rooms, presence, replies and commands are shared. Absent: this node is alone.
   */
  readonly redis?: RealtimeRedisOptions;
  /** Bounds of what a single node remembers. Without effect where `REALTIME_BROKER` is overridden. */
  readonly memory?: RealtimeMemoryOptions;
  readonly shutdown?: RealtimeShutdownOptions;
  /**
   * Makes the adapter of the app's other gateways, such as `(server) => new IoAdapter(server)`. With
   * it, gateways that are neither `@RealtimeGateway()` nor declare this module's path belong to that
   * adapter. Absent: every gateway of the app is served here.
   */
  readonly fallbackAdapter?: (httpServer: Server) => WebSocketAdapter;
}

/** For `forRootAsync({ useClass })` and `useExisting`: a provider that makes the options. */
export interface RealtimeOptionsFactory {
  /** Makes the options. Called once, at start-up. */
  createRealtimeOptions(): RealtimeModuleOptions | Promise<RealtimeModuleOptions>;
}

/** The options with every default filled in. */
export interface ResolvedRealtimeOptions {
  readonly path: string;
  readonly auth: RealtimeAuthOptions | undefined;
  readonly sessions: SessionOptions;
  readonly origins: AllowedOrigins;
  readonly trustProxy: TrustProxy;
  readonly limits: RealtimeLimits;
  readonly heartbeat: RealtimeHeartbeatOptions;
  readonly heavyFrames: HeavyFrameOptions | undefined;
  readonly handlers: Required<RealtimeHandlerOptions>;
  readonly rooms: { readonly history: HistoryPolicy };
  readonly rateLimit: RealtimeRateLimitOptions | undefined;
  readonly redis: RealtimeRedisOptions | undefined;
  readonly memory: RealtimeMemoryOptions;
  readonly shutdown: Required<RealtimeShutdownOptions>;
  /** Makes the adapter of the app's other gateways. */
  readonly fallbackAdapter: ((httpServer: Server) => WebSocketAdapter) | undefined;
}
