import type { ClientFrame, Payload, ProtocolError } from '../../protocol/index.js';

/**
 * Reads large frames without holding up the event loop.
 *
 * `parse` gives what `decodeClientFrame` would give for the same text, later. Frames may be finished in
 * another order than they were given: who gives it two frames of one connection at once loses their order.
 */
export interface FrameParser {
  /** Size from which a frame is worth the way, in bytes. */
  readonly fromBytes: number;
  /**
   * Reads a frame.
   *
   * @throws (rejects) whatever goes wrong with the thread; never because of the text.
   */
  parse(text: string): Promise<ClientFrame<Payload> | ProtocolError>;
}
