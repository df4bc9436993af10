import {
  decodeClientFrame,
  type ClientFrame,
  type Payload,
  type ProtocolError,
} from '../protocol/index.js';
import type { FrameParser, Observer } from './ports/index.js';

/** An open connection, as far as it takes frames in. */
export interface FrameTaker {
  readonly isLive: boolean;
  /** Stops reading from the peer, and starts again. */
  hold(isHeld: boolean): void;
  /** A frame was read, or what should be one. */
  take(frame: ClientFrame<Payload> | ProtocolError, bytes: number): void;
}

/**
 * The frames of one connection that follow a large one, which is read elsewhere: they wait for it, so
 * that all are handled in the order in which they came. Meanwhile nothing more is read from the peer, so
 * that no more than one read's worth waits.
 */
export class HeavyFrames {
  readonly #waiting: { readonly message: string | Uint8Array; readonly bytes: number }[] = [];
  #isBusy = false;

  constructor(
    private readonly taker: FrameTaker,
    private readonly parser: FrameParser,
    private readonly observer: Observer,
  ) {}

  /** Whether a large frame is being read, so that the next one has to wait. */
  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** Takes a message: a large one, or one behind it. */
  push(message: string | Uint8Array, bytes: number): void {
    this.#waiting.push({ message, bytes });
    if (this.#isBusy) return;
    this.#isBusy = true;
    this.taker.hold(true);
    void this.#work();
  }

  /** Forgets what waits. */
  close(): void {
    this.#waiting.length = 0;
  }

  async #work(): Promise<void> {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const { message, bytes } = next;
      const isLarge = typeof message === 'string' && bytes >= this.parser.fromBytes;
      const frame = isLarge ? await this.#parse(message) : decodeClientFrame(message);
      if (!this.taker.isLive) break;
      this.taker.take(frame, bytes);
    }
    this.#isBusy = false;
    if (this.taker.isLive) this.taker.hold(false);
  }

  async #parse(message: string): Promise<ClientFrame<Payload> | ProtocolError> {
    try {
      return await this.parser.parse(message);
    } catch (error) {
      // Whatever has become of the others' thread, this frame is answered.
      this.observer.failed('reading a large frame on another thread', error);
      return decodeClientFrame(message);
    }
  }
}
