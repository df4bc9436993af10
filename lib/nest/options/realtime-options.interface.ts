import type { Server } from 'node:http';

import type { WebSocketAdapter } from '@nestjs/common';

import type { Authentication, CoreLimits, Handshake, RealtimeUser } from '../../core/index.js';
import type { HeartbeatOptions, TransportLimits } from '../../transport/index.js';

/** What a verify function may give: a user, a user with the life of the credentials, or nobody. */
export type VerifiedUser = RealtimeUser | Authentication | null | undefined;

/** How tokens become users. */
export interface RealtimeAuthOptions {
  /**
   * Turns a token into a user: resolves to one with an `id` that is stable and unique if the token is
   * good, to `undefined` or `null` if it is not. A throw means "could not find out": the client is not
   * let in and told to come back. May take 5 s (`limits.admissionTimeoutMs`).
   *
   * Returns `{ user, expiresAt, issuedAt, tokenId }` instead where the credentials run out or can be
   * revoked one by one.
   */
  readonly verify: (token: string, handshake: Handshake) => VerifiedUser | Promise<VerifiedUser>;
}

/** How requests are handled. */
export interface RealtimeHandlerOptions {
  /**
   * Requests of one connection that may be handled at once. Integer, at least 1. Default 1: a client's
   * requests take effect in the order it sent them, as with a chat message after a join.
   */
  readonly concurrency?: number;
}

/** How the server leaves. */
export interface RealtimeShutdownOptions {
  /** Longest wait for requests that are being answered, in milliseconds. Default 10 000. 0: do not wait. */
  readonly drainMs?: number;
  /** Longest wait for clients to answer the close, in milliseconds. Default 2 000. Then they are cut. */
  readonly graceMs?: number;
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
  /** Bounds, each on by default. */
  readonly limits?: Partial<CoreLimits & TransportLimits>;
  /** Finding peers that are gone. */
  readonly heartbeat?: Partial<HeartbeatOptions>;
  readonly handlers?: RealtimeHandlerOptions;
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
  createRealtimeOptions(): RealtimeModuleOptions | Promise<RealtimeModuleOptions>;
}

/** The options with every default filled in. */
export interface ResolvedRealtimeOptions {
  readonly path: string;
  readonly auth: RealtimeAuthOptions | undefined;
  readonly limits: CoreLimits & TransportLimits;
  readonly heartbeat: HeartbeatOptions;
  readonly handlers: Required<RealtimeHandlerOptions>;
  readonly shutdown: Required<RealtimeShutdownOptions>;
  readonly fallbackAdapter: ((httpServer: Server) => WebSocketAdapter) | undefined;
}
