import type { RealtimeConnection } from '../connection/realtime-connection.js';

/**
 * A gateway that wants a word before a client is let in.
 *
 * Called after the client was authenticated and awaited before it is told so; what the client sends
 * meanwhile waits. All gateways' hooks run one after the other, within 5 s together
 * (`limits.admissionTimeoutMs`).
 *
 * A throw keeps the client out: `forbidden` (a `RealtimeError`, `ForbiddenException` or such) closes
 * with 4403, `unauthorized` with 4401, anything else with 1011 and a line in the log.
 *
 * Nest's own `handleConnection` is called after it and is not waited for.
 */
export interface OnRealtimeConnect {
  /** Lets the client in by returning (or resolving), keeps it out by throwing (or rejecting). */
  onRealtimeConnect(client: RealtimeConnection): void | Promise<void>;
}
