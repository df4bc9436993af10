import { DEFAULT_MAX_FRAME_BYTES } from '../protocol/index.js';
import type { HistoryPolicy } from './ports/index.js';

/** Limits of one node, each on by default. What each stops stands beside it. */
export interface CoreLimits {
  /**
   * Largest frame a client may send, in bytes. Default 1 MiB. Stops one peer from making the node
   * hold and parse arbitrary amounts.
   */
  readonly frameBytes: number;
  /**
   * Bytes of received frames that may wait for their turn, a connection. Default 1 MiB. Beyond it the
   * node stops reading from that peer until half of it is handled. Stops a peer that sends faster
   * than its handlers work.
   */
  readonly inboxBytes: number;
  /**
   * The same before authentication, and the largest frame then: a `hello` with a hundred rooms fits.
   * Default 64 KiB. Stops strangers from filling memory (GHSA-xwhh-v746-pj9m) and from having a
   * mebibyte of JSON parsed.
   */
  readonly preAuthInboxBytes: number;
  /**
   * Bytes that may wait for a peer to read them. Default 1 MiB; a single larger frame passes when
   * nothing else waits. Beyond it the connection closes with 4100. Stops a peer that reads slowly or
   * not at all: bare `ws` buffered 127 MB for one.
   */
  readonly outboxBytes: number;
  /**
   * Frames a connection may send a second on average, once it is open. Integer, at least 0. Default 2 000.
   * 0: no bound. A frame beyond it is refused with `rate-limited`; who goes on regardless is closed with
   * 4429. Stops one peer from taking the processor: at 20 µs a request the default is 4 % of a core. A
   * chat sends a few a second, a game at 60 frames a second some hundred.
   */
  readonly messagesPerSecond: number;
  /**
   * Frames it may send at once after a rest. Integer, at least 1. Default 4 000: four times what the SDK
   * has in flight at most, so that it may send all of it again. Without effect if
   * {@link messagesPerSecond} is 0.
   */
  readonly messageBurst: number;
  /**
   * The same in bytes of frames. Default 8 MiB. 0: no bound. Stops one peer from having the node parse
   * all the time.
   */
  readonly bytesPerSecond: number;
  /**
   * Bytes it may send at once after a rest. Integer, at least 1. Default 16 MiB, what the SDK keeps at
   * most to send again. A single larger frame passes after a rest. Without effect if
   * {@link bytesPerSecond} is 0.
   */
  readonly byteBurst: number;
  /** Rooms a connection may be in. Default 100. Stops one peer from making the node index without bound. */
  readonly rooms: number;
  /**
   * Missed messages that are replayed to a client that comes back to a room. Default 10 000; who missed
   * more is told so (`limit`). Stops a peer from having the node read and send without bound.
   */
  readonly replayMessages: number;
  /** Connections a user may have on this node. Default 100. The newest is refused with 4429. */
  readonly connectionsPerUser: number;
  /** Streams of a connection that may be open at once. Default 100. Stops one peer from opening sources without bound. */
  readonly streams: number;
  /**
   * Bytes of a stream's items that may wait because its client takes them more slowly than a source
   * that cannot wait makes them (an Observable). Default 256 KiB; a single larger item may wait alone.
   * Beyond it the stream ends with `stream-overflow`. All streams of a connection together are bounded
   * by `outboxBytes`. Stops a peer that gives no credit from filling memory.
   */
  readonly streamBufferBytes: number;
  /**
   * Requests of the server that a client may have to answer at once, a connection. Default 100; one
   * more is refused with `rate-limited`. Stops a silent client from collecting them.
   */
  readonly clientRequests: number;
  /**
   * Handlers marked `@Idempotent()` that may run at once for a user on this node, those whose connection
   * has ended included. Default 1 000; one more is refused with `rate-limited`. Stops a client that
   * asks, leaves and comes back from starting handlers without bound.
   */
  readonly idempotentRuns: number;
  /** Milliseconds from the handshake to a valid `hello`. Default 10 000. Stops idle strangers. */
  readonly helloTimeoutMs: number;
  /** Milliseconds the verifier and the connect hooks may take. Default 5 000. */
  readonly admissionTimeoutMs: number;
}

/** What applies where nothing else is said. */
export const DEFAULT_LIMITS: CoreLimits = {
  frameBytes: DEFAULT_MAX_FRAME_BYTES,
  inboxBytes: 1_048_576,
  preAuthInboxBytes: 65_536,
  outboxBytes: 1_048_576,
  messagesPerSecond: 2_000,
  messageBurst: 4_000,
  bytesPerSecond: 8_388_608,
  byteBurst: 16_777_216,
  rooms: 100,
  replayMessages: 10_000,
  connectionsPerUser: 100,
  streams: 100,
  streamBufferBytes: 262_144,
  clientRequests: 100,
  idempotentRuns: 1_000,
  helloTimeoutMs: 10_000,
  admissionTimeoutMs: 5_000,
};

/** What is kept of a room that says nothing else: enough for a phone that changes from Wi-Fi to mobile. */
export const DEFAULT_HISTORY: HistoryPolicy = {
  size: 1_000,
  ttlMs: 300_000,
  bytes: 1_048_576,
};
