import type { MessageBundle } from '../message-bundle.js';
import type { Authentication } from './authentication.js';

/**
 * One peer's link, whatever carries it.
 *
 * T1 what is sent arrives in the order it was sent, each message whole.
 * T2 `send` never throws and never waits; after `close`, `terminate` or the link's end it does nothing.
 * T3 `close` lets the peer see everything sent before, then code and reason; a second call does nothing.
 * T4 `closed` of the listener is called exactly once for every link, however it ends, and no other
 *    method of the listener after it.
 * T5 after `pause`, `message` is called only for what was already read from the network, and that is
 *    at most one read's worth; `resume` continues without loss. Both may be repeated.
 * T6 `bufferedBytes` counts what was sent and not yet taken by the operating system. At most 64 KiB that
 *    only wait for writes to other peers are not counted: that is not the peer's doing.
 * T7 after `bufferedBytes` was more than 0 when `send` returned, `drained` is called once it is 0 again.
 * T8 `silent` is called when nothing, not even an answer to a ping, came from the peer for the
 *    heartbeat's timeout; time in which the link was paused does not count.
 * T9 the first message of the peer reaches the listener even if it came together with the handshake.
 * T10 the messages of a bundle that was taken are sent as by `send`, each in the place where it was added:
 *    what is sent behind the bundle closes it.
 * T11 `stuck` is called when the oldest byte that was sent has waited for the bound's time to be taken by
 *    the operating system; not where there is no bound, and not for time in which this process slept.
 */
export interface Transport {
  /** Sends one text message, given as a string or as the UTF-8 bytes of one. */
  send(message: string | Uint8Array): void;
  /**
   * Sends what is in a bundle, and what is added to it until it is closed. Returns false, and does
   * nothing, where that cannot be done: the messages are to be sent one by one.
   */
  take(bundle: MessageBundle): boolean;
  /** Ends the link politely. `reason` is cut to 123 bytes on a code point. */
  close(code: number, reason: string): void;
  /** Ends the link at once; the peer sees 1006. */
  terminate(): void;
  /** Stops reading from the peer, so that the peer's writes come to a halt. */
  pause(): void;
  /** Reads again. */
  resume(): void;
  /** Bytes that wait in this process for the peer to take them. */
  readonly bufferedBytes: number;
}

/** What a transport tells about its peer. */
export interface TransportListener {
  /**
   * The peer sent a message: a string for text, bytes for binary.
   *
   * @param bytes its size on the wire.
   */
  message(message: string | Uint8Array, bytes: number): void;
  /** Everything sent was taken by the operating system. */
  drained(): void;
  /** Nothing was heard of the peer for too long; it is probably gone. */
  silent(): void;
  /** What was sent waits too long for the peer to take it (T11). */
  stuck(): void;
  /** The link has ended. `code` is 1006 when nobody said goodbye. */
  closed(code: number, reason: string): void;
}

/** What is known of a peer before its first message. Nothing in it is trustworthy but `ip`. */
export interface Handshake {
  /** Address of the peer. */
  readonly ip: string;
  /** Path and query as requested, percent-encoding kept. */
  readonly url: string;
  /** Request headers, names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Who it is, if the handshake has settled that already. */
  readonly authentication?: Authentication;
  /** Whether a subprotocol was negotiated; then the connection has to say `hello`. */
  readonly negotiated: boolean;
}
