import type { RawData, WebSocket } from 'ws';

import type { Clock, Transport, TransportListener } from '../core/index.js';
import { CloseCode } from '../protocol/index.js';
import { cutCloseReason } from './close-reason.js';
import type { Heartbeat, Watched } from './heartbeat.js';

/** One object for every send: an options object a delivery would be garbage a delivery. */
const TEXT = { binary: false };

/** `WebSocket.OPEN`, without importing the class for it. */
const OPEN = 1;

/**
 * Pings and pongs a peer may send within a second; an honest one sends one in many seconds. Below the
 * 60 pongs that may wait unsent before `ws` cuts the link without saying why.
 */
const MAX_CONTROL_FRAMES_PER_SECOND = 50;

/** A `ws` socket as the core's transport. */
export class WsTransport implements Transport, Watched {
  lastHeardAt: number;
  isPaused = false;
  #listener: TransportListener | undefined;
  /** Whether something has waited since everything was taken last. */
  #isBehind = false;
  /**
   * One function for every send. Not the stream's `drain`: that comes only when more waited than its
   * high-water mark (16 to 64 KiB), and whoever waits for less would wait for ever.
   */
  readonly #taken = (): void => {
    if (!this.#isBehind || this.socket.bufferedAmount > 0) return;
    this.#isBehind = false;
    this.#listener?.drained();
  };
  /** Pings and pongs that came in {@link #second}. */
  #controlFrames = 0;
  #second = 0;

  constructor(
    private readonly socket: WebSocket,
    private readonly clock: Clock,
  ) {
    this.lastHeardAt = clock.now();
  }

  get bufferedBytes(): number {
    return this.socket.bufferedAmount;
  }

  /**
   * Connects the socket to its listener. To be called in the turn of the upgrade: a message that came
   * together with the handshake is emitted in the next one.
   */
  attach(listener: TransportListener, heartbeat: Heartbeat): void {
    const { socket } = this;
    this.#listener = listener;
    heartbeat.watch(this);
    const heard = (): void => {
      this.lastHeardAt = this.clock.now();
    };
    socket.on('message', (data, isBinary) => {
      heard();
      const bytes = toBuffer(data);
      this.#listener?.message(isBinary ? bytes : bytes.toString('utf8'), bytes.length);
    });
    const control = (): void => {
      heard();
      this.#countControlFrame();
    };
    socket.on('ping', control);
    socket.on('pong', control);
    // Protocol violations and resets end in `close`, which tells the core; without this listener they
    // would end the process (CVE-2022-21676).
    socket.on('error', () => undefined);
    socket.once('close', (code, reason) => {
      heartbeat.forget(this);
      this.#tellClosed(code, reason.toString('utf8'));
    });
  }

  send(message: string | Uint8Array): void {
    if (this.socket.readyState !== OPEN) return;
    this.socket.send(message, TEXT, this.#taken);
    if (this.socket.bufferedAmount > 0) this.#isBehind = true;
  }

  close(code: number, reason: string): void {
    if (this.socket.readyState !== OPEN) return;
    // A paused link would never read the peer's answer to the close.
    this.resume();
    this.socket.close(code, cutCloseReason(reason));
  }

  terminate(): void {
    this.socket.terminate();
  }

  pause(): void {
    if (this.isPaused || this.socket.readyState !== OPEN) return;
    this.isPaused = true;
    this.socket.pause();
  }

  resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    this.lastHeardAt = this.clock.now();
    this.socket.resume();
  }

  ping(): void {
    if (this.socket.readyState === OPEN) this.socket.ping();
  }

  silent(): void {
    this.#listener?.silent();
  }

  /** Answering pings costs us as much as sending them costs the peer: a flood of them ends the link. */
  #countControlFrame(): void {
    const second = Math.floor(this.lastHeardAt / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#controlFrames = 0;
    }
    this.#controlFrames += 1;
    if (this.#controlFrames <= MAX_CONTROL_FRAMES_PER_SECOND) return;
    const reason = 'too many pings';
    this.close(CloseCode.TooManyRequests, reason);
    // At once: `ws` goes on reading until the peer has answered the close.
    this.#tellClosed(CloseCode.TooManyRequests, reason);
  }

  #tellClosed(code: number, reason: string): void {
    const listener = this.#listener;
    this.#listener = undefined;
    listener?.closed(code, reason);
  }
}

/** `ws` gives Buffers with its default `binaryType`; the other shapes are only there for its types. */
function toBuffer(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}
