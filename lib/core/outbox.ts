import {
  encodeServerFrame,
  type ConnectedFrame,
  type EncodedServerFrame,
  type ErrorCode,
} from '../protocol/index.js';
import { errorFrame } from './error-frame.js';
import { RealtimeError } from './errors.js';
import { BUNDLE_BYTES, type MessageBundle } from './message-bundle.js';
import type { Observer, Transport } from './ports/index.js';
import { VolatileBacklog, type VolatileMessage } from './volatile-backlog.js';

/** The part of the bound beyond which a peer is behind: volatile messages do not wait behind so much. */
const BEHIND_PART = 1 / 4;

/**
 * What goes to one peer, bounded in bytes. Frames that are sent before the connection is open (by a
 * connect hook, say) are held back, so that `connected` is always the first.
 */
export class Outbox {
  #held: (string | Uint8Array)[] | undefined = [];
  #heldBytes = 0;
  #waiters: (() => void)[] | undefined;
  #closed = false;
  /** Made when a volatile message comes for a peer that is behind; gone when it has caught up. */
  #backlog: VolatileBacklog | undefined;

  /**
   * Whether the connection was used since this was last set to false: by a frame to or from its peer that
   * is neither a sign of life nor a message of a room.
   */
  wasUsed = false;

  /**
   * @param limitBytes most bytes that may wait; one frame alone may be larger.
   * @param overflow called once when the limit is reached; expected to close the connection.
   * @param observer counts volatile messages that are skipped.
   */
  constructor(
    private readonly transport: Transport,
    private readonly limitBytes: number,
    private readonly overflow: () => void,
    private readonly observer?: Pick<Observer, 'ignored'>,
  ) {}

  /** Sends the first frame, then what was held back. */
  open(first: ConnectedFrame): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    this.send(first);
    for (const message of held) this.#transmit(message, message.length);
  }

  /** Encodes and sends one frame. */
  send(frame: EncodedServerFrame): void {
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

  /**
   * Sends a volatile message, unless the peer is behind, which it is from a quarter of the bound on: then
   * the message is skipped, or waits as the latest of its key until the peer has caught up.
   */
  sendVolatile(message: VolatileMessage): void {
    const { bytes } = message;
    const isBehind = this.transport.bufferedBytes > this.limitBytes * BEHIND_PART;
    if (this.#closed) return;
    if (this.#backlog === undefined && !isBehind) {
      this.sendEncoded(bytes, bytes.byteLength);
      return;
    }
    this.#backlog ??= new VolatileBacklog(this.limitBytes * BEHIND_PART);
    for (let skipped = this.#backlog.put(message); skipped > 0; skipped -= 1) {
      this.observer?.ignored('volatile-skipped');
    }
  }

  /** Forgets what waits of a room's volatile messages: the peer is in the room no longer. */
  leaveRoom(room: string): void {
    this.#backlog?.leave(room);
  }

  /**
   * Sends a bundle. Returns false if its messages have to be sent one by one: while anything waits that
   * the bundle could become too much beside, or waits to be sent after `connected`.
   */
  take(bundle: MessageBundle): boolean {
    if (this.#closed || this.#held !== undefined) return false;
    const { bufferedBytes } = this.transport;
    return bufferedBytes + BUNDLE_BYTES <= this.limitBytes && this.transport.take(bundle);
  }

  /** Whether a message of this size can be sent without closing the connection. */
  takes(bytes: number): boolean {
    const waiting = this.transport.bufferedBytes;
    return this.#closed || waiting === 0 || waiting + bytes <= this.limitBytes;
  }

  /**
   * The same for what can wait: whether half of the bound stays free beside it, for what cannot.
   *
   * @param bytes its size. Default 0: whether less than half of the bound waits.
   */
  hasRoom(bytes = 0): boolean {
    return this.takes(bytes + this.limitBytes / 2);
  }

  /** `undefined` while it has room; otherwise a promise that settles when the peer has caught up or is gone. */
  ready(bytes?: number): Promise<void> | undefined {
    if (this.hasRoom(bytes)) return undefined;
    return new Promise((resolve) => {
      this.#waiters ??= [];
      this.#waiters.push(resolve);
    });
  }

  /** Settles when it has room, or is closed. */
  async untilRoom(bytes: number): Promise<void> {
    for (let full = this.ready(bytes); full !== undefined; full = this.ready(bytes)) await full;
  }

  /** Sends a frame that can wait. Settles when it was sent, or never will be. */
  async sendPatiently(frame: EncodedServerFrame): Promise<void> {
    const text = encodeServerFrame(frame);
    for (let full = this.ready(text.length); full !== undefined; full = this.ready(text.length)) {
      await full;
    }
    this.sendEncoded(text, text.length);
  }

  /** The peer has taken everything. */
  drained(): void {
    if (this.#backlog !== undefined) this.#catchUp(this.#backlog);
    const waiters = this.#waiters;
    if (waiters === undefined) return;
    this.#waiters = undefined;
    for (const resolve of waiters) resolve();
  }

  /** Nothing goes out any more; those who wait are let go. */
  close(): void {
    this.#closed = true;
    this.#held = [];
    this.#backlog = undefined;
    this.drained();
  }

  #transmit(message: string | Uint8Array, bytes: number): void {
    if (this.#closed) return;
    this.wasUsed = true;
    if (this.takes(bytes)) this.transport.send(message);
    else this.#overflow();
  }

  /** Tells what was skipped, then sends the latest. Goes on another time if that makes the peer late again. */
  #catchUp(backlog: VolatileBacklog): void {
    while (!backlog.isEmpty && this.hasRoom()) {
      const skipped = backlog.takeSkipped();
      const latest = skipped === undefined ? backlog.takeLatest() : undefined;
      if (skipped !== undefined) this.send({ type: 'skipped', ...skipped });
      if (latest !== undefined) this.sendEncoded(latest.bytes, latest.bytes.byteLength);
    }
    if (backlog.isEmpty) this.#backlog = undefined;
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
