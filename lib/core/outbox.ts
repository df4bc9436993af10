import {
  encodeServerFrame,
  type ConnectedFrame,
  type ErrorCode,
  type EncodedPayload,
  type ServerFrame,
} from '../protocol/index.js';
import { errorFrame } from './error-frame.js';
import { RealtimeError } from './errors.js';
import type { Transport } from './ports.js';

/** A frame whose payload, if any, is already JSON text. */
export type OutgoingFrame = ServerFrame<EncodedPayload>;

/**
 * What goes to one peer, bounded in bytes. Frames that are sent before the connection is open (by a
 * connect hook, say) are held back, so that `connected` is always the first.
 */
export class Outbox {
  #held: (string | Uint8Array)[] | undefined = [];
  #heldBytes = 0;
  #waiters: (() => void)[] = [];
  #closed = false;

  /**
   * @param limitBytes most bytes that may wait; one frame alone may be larger.
   * @param overflow called once when the limit is reached; expected to close the connection.
   */
  constructor(
    private readonly transport: Transport,
    private readonly limitBytes: number,
    private readonly overflow: () => void,
  ) {}

  /** Sends the first frame, then what was held back. */
  open(first: ConnectedFrame): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    this.send(first);
    for (const message of held) this.#transmit(message, message.length);
  }

  /** Encodes and sends one frame. */
  send(frame: OutgoingFrame): void {
    const text = encodeServerFrame(frame);
    this.sendEncoded(text, text.length);
  }

  /** Sends an error with this code, under the id of what it answers, if there is one. */
  refuse(code: ErrorCode, message: string, id?: string): void {
    this.send(errorFrame(new RealtimeError(code, message), id));
  }

  /**
   * Sends a message that was encoded before, perhaps once for many peers.
   *
   * @param bytes its size; for a string its length will do, the transport counts exactly.
   */
  sendEncoded(message: string | Uint8Array, bytes: number): void {
    if (this.#held === undefined) this.#transmit(message, bytes);
    else this.#hold(message, bytes);
  }

  /** `undefined` while there is room; otherwise a promise that settles when the peer has caught up or is gone. */
  ready(): Promise<void> | undefined {
    if (this.#closed || this.transport.bufferedBytes < this.limitBytes / 2) return undefined;
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** The peer has taken everything. */
  drained(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const resolve of waiters) resolve();
  }

  /** Nothing goes out any more; those who wait are let go. */
  close(): void {
    this.#closed = true;
    this.#held = [];
    this.drained();
  }

  #transmit(message: string | Uint8Array, bytes: number): void {
    if (this.#closed) return;
    const waiting = this.transport.bufferedBytes;
    if (waiting > 0 && waiting + bytes > this.limitBytes) this.#overflow();
    else this.transport.send(message);
  }

  #hold(message: string | Uint8Array, bytes: number): void {
    if (this.#closed) return;
    const isFirst = this.#heldBytes === 0;
    this.#heldBytes += bytes;
    if (this.#heldBytes > this.limitBytes && !isFirst) this.#overflow();
    else this.#held?.push(message);
  }

  #overflow(): void {
    this.close();
    this.overflow();
  }
}
