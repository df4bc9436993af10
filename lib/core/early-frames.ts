import type { ClientFrame, Payload } from '../protocol/index.js';
import { FRAME_OVERHEAD_BYTES } from './inbox.js';

/** A frame that came before its time. */
export interface EarlyFrame {
  readonly frame: ClientFrame<Payload>;
  readonly bytes: number;
}

/**
 * What a peer sends behind its `hello` while it is being admitted: kept in order, and by far less than
 * a trusted peer may have waiting (GHSA-xwhh-v746-pj9m).
 */
export class EarlyFrames {
  #frames: EarlyFrame[] = [];
  #bytes = 0;

  /**
   * @param limitBytes bytes at which the peer is to be paused.
   * @param pressure called with `true` when the bound is reached, with `false` when it is empty again.
   */
  constructor(
    private readonly limitBytes: number,
    private readonly pressure: (full: boolean) => void,
  ) {}

  /** Keeps a frame. */
  push(frame: ClientFrame<Payload>, bytes: number): void {
    this.#frames.push({ frame, bytes });
    this.#bytes += bytes + FRAME_OVERHEAD_BYTES;
    if (this.#bytes >= this.limitBytes) this.pressure(true);
  }

  /** Gives everything back, in order, and is empty. */
  take(): EarlyFrame[] {
    const frames = this.#frames;
    const wasFull = this.#bytes >= this.limitBytes;
    this.#frames = [];
    this.#bytes = 0;
    if (wasFull) this.pressure(false);
    return frames;
  }
}
