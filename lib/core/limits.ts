import { DEFAULT_MAX_FRAME_BYTES } from '../protocol/index.js';

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
  /** Rooms a connection may be in. Default 100. Stops one peer from making the node index without bound. */
  readonly rooms: number;
  /** Connections a user may have on this node. Default 100. The newest is refused with 4429. */
  readonly connectionsPerUser: number;
  /** Streams of a connection that may be open at once. Default 100. Stops one peer from opening sources without bound. */
  readonly streams: number;
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
  rooms: 100,
  connectionsPerUser: 100,
  streams: 100,
  helloTimeoutMs: 10_000,
  admissionTimeoutMs: 5_000,
};
