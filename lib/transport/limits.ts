import type { ServerOptions } from 'ws';

/** Limits of the WebSocket layer. None of `ws`' defaults is relied upon. */
export interface TransportLimits {
  /** Largest message, in bytes. Default 1 MiB. Beyond it `ws` closes with 1009 before it allocates. */
  readonly frameBytes: number;
  /**
   * Most fragments a message may come in. Default 64, or one for each 16 KiB of {@link frameBytes} if that is
   * more: browsers send large messages in parts of some 128 KiB. Stops a message dripped in fragments of one
   * byte from holding about 120 bytes of heap for each (CVE-2026-48779).
   */
  readonly maxFragments: number;
  /**
   * Most chunks of TCP data that may wait for a message to become whole. Default 1 024, or one for each KiB of
   * {@link frameBytes} if that is more: a slow line delivers hardly more at a time. Same attack.
   */
  readonly maxBufferedChunks: number;
  /**
   * Milliseconds the oldest byte may wait for a peer to take it. Default 60 000: who takes the outbox's
   * mebibyte more slowly than in a minute (17 KB/s) is better served by what it missed. 0: no bound.
   * Beyond it the connection closes with 4100, a sixth of the heartbeat later at most. Stops a peer that
   * reads a byte now and then from holding a full outbox for ever.
   */
  readonly outboxAgeMs: number;
}

/** What applies where nothing else is said: a message of the largest size has to fit, in the parts that honest peers send. */
export const defaultTransportLimits = (frameBytes = 1_048_576): TransportLimits => ({
  frameBytes,
  maxFragments: Math.max(64, Math.ceil(frameBytes / 16_384)),
  maxBufferedChunks: Math.max(1_024, Math.ceil(frameBytes / 1_024)),
  outboxAgeMs: 60_000,
});

/** How long a peer may take to answer our close before the link is cut, in milliseconds. */
export const CLOSE_TIMEOUT_MS = 5_000;

/** Messages of one peer that are handed out before the others have their turn. */
export const MESSAGES_PER_TURN = 128;

/**
 * Pings and pongs a peer may send within a second; an honest one sends one in many seconds. Below the
 * 60 pongs that may wait unsent before `ws` cuts the link without saying why.
 */
export const MAX_CONTROL_FRAMES_PER_SECOND = 50;

/** Every option of `ws` that bounds or decides something, set by name. */
export function wsOptions(limits: TransportLimits): ServerOptions {
  // Its type declarations do not know these two yet.
  const options: ServerOptions & { closeTimeout: number; maxPendingAutoPongs: number } = {
    noServer: true,
    clientTracking: false,
    // Inflating is a memory risk and a CPU cost by default; see SECURITY.md.
    perMessageDeflate: false,
    maxPayload: limits.frameBytes,
    maxFragments: limits.maxFragments,
    maxBufferedChunks: limits.maxBufferedChunks,
    // Whatever `CloseDeadlines` had no turn for: `ws` cuts all links that are due in one turn.
    closeTimeout: 2 * CLOSE_TIMEOUT_MS,
    autoPong: true,
    // A peer that pings and does not read would make us keep its pongs.
    maxPendingAutoPongs: 60,
    skipUTF8Validation: false,
  };
  return options;
}
