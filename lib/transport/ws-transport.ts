import type { Duplex } from 'node:stream';

import { WebSocket } from 'ws';

import type { Clock, MessageBundle, Transport, TransportListener } from '../core/index.js';
import { CloseCode } from '../protocol/index.js';
import { cutCloseReason } from './close-reason.js';
import type { Gathering } from './gathering.js';
import type { Heartbeat, Watched } from './heartbeat.js';
import { MAX_CONTROL_FRAMES_PER_SECOND, MESSAGES_PER_TURN } from './limits.js';
import type { LinkedWebSocket, SocketLink } from './linked-web-socket.js';
import type { ReadTurns, Unread } from './read-turns.js';
import { wireBytes, type Outgoing } from './text-frame.js';
import type { TurnWriter } from './turn-writer.js';

/**
 * Bytes that are gathered for one link before they are written, though the turn is not over: a turn
 * that sends a lot must not look like a peer that reads slowly.
 */
const GATHER_BYTES = 65_536;

const { OPEN } = WebSocket;

const NOTHING = new Uint8Array(0);

/**
 * A `ws` socket as the core's transport. `ws` does the handshake, reads, answers pings and closes;
 * messages are written to the TCP socket beneath it, once a turn of the event loop.
 */
export class WsTransport implements Transport, Watched, Gathering, SocketLink, Unread {
  lastHeardAt: number;
  isPaused = false;
  pingedAt = 0;
  bytesAtPing: number | undefined;
  #listener: TransportListener | undefined;
  #heartbeat: Heartbeat | undefined;
  /** What was sent and not written yet; one message, most of the time. */
  #gathered: Outgoing | Outgoing[] | undefined;
  #gatheredBytes = 0;
  /** So many of them were put off for other links (T6). Fewer than {@link GATHER_BYTES}. */
  #putOffBytes = 0;
  /** The last of what was gathered, if that may still become more. Not counted in the bytes. */
  #open: MessageBundle | undefined;
  /** Since when the oldest byte waits that the operating system has not taken. 0: it has taken all. */
  waitingSince = 0;
  /** When the first byte was written behind those that {@link waitingSince} is about. 0: none was. */
  #laterSince = 0;
  /** Whether something waited when a `send` returned, and `drained` was not called since. */
  #owesDrained = false;
  /** Whether we have ended it, or know that it has ended. */
  #isOver = false;
  /** Pings and pongs that came in {@link #second}. */
  #controlFrames = 0;
  #second = 0;

  /** Messages that were handed out since the last turn that was waited for. */
  #handedOut = 0;
  /** Messages that were read and wait for the next turn: one read's worth at most. */
  #unread: { readonly data: Buffer; readonly isBinary: boolean }[] | undefined;

  /** @param stream what the WebSocket was made of. */
  constructor(
    private readonly socket: LinkedWebSocket,
    readonly stream: Duplex & { readonly bytesRead?: number },
    private readonly writer: TurnWriter,
    private readonly reads: ReadTurns,
    private readonly clock: Clock,
  ) {
    this.lastHeardAt = clock.now();
  }

  get bufferedBytes(): number {
    // The stream is not asked where it has nothing: one look less at a cold object a delivery.
    const waiting = this.waitingSince > 0 ? this.stream.writableLength : 0;
    return this.gatheredBytes - this.#putOffBytes + waiting;
  }

  get gatheredBytes(): number {
    return this.#gatheredBytes + (this.#open?.bytes ?? 0);
  }

  /**
   * Connects the socket to its listener. To be called in the turn of the upgrade: a message that came
   * together with the handshake is emitted in the next one.
   */
  attach(listener: TransportListener, heartbeat: Heartbeat): void {
    this.#listener = listener;
    this.#heartbeat = heartbeat;
    this.socket.link = this;
    heartbeat.watch(this);
  }

  send(message: string | Uint8Array): void {
    if (this.#isOver) return;
    this.#closeBundle();
    const frame = typeof message === 'string' ? message : this.writer.frame(message);
    this.#gather(frame);
    this.#gatheredBytes += wireBytes(frame);
    if (this.#gatheredBytes >= GATHER_BYTES) this.flush();
    if (this.bufferedBytes > 0) this.#owesDrained = true;
  }

  take(bundle: MessageBundle): boolean {
    if (this.#isOver) return false;
    this.#closeBundle();
    if (this.#gatheredBytes >= GATHER_BYTES) this.flush();
    if (this.waitingSince > 0) return false;
    this.#gather(bundle);
    this.#open = bundle;
    this.#owesDrained = true;
    this.writer.taken(bundle);
    return true;
  }

  flush(): void {
    const gathered = this.#gathered;
    if (gathered === undefined) return;
    this.#closeBundle();
    const joined = this.writer.join(gathered, this.#gatheredBytes);
    this.#forget();
    // The peer may have said goodbye since; nothing may follow our answer to that.
    if (this.socket.readyState !== OPEN) return;
    const { stream } = this;
    stream.write(joined);
    const wasWaiting = this.waitingSince > 0;
    if (stream.writableLength === 0) {
      this.waitingSince = this.#laterSince = 0;
      this.#taken();
    } else if (wasWaiting) this.#laterSince ||= this.clock.now();
    else {
      this.waitingSince = this.clock.now();
      this.#awaitTaken();
    }
  }

  putOff(): void {
    this.#closeBundle();
    this.#putOffBytes = this.#gatheredBytes;
  }

  close(code: number, reason: string): void {
    if (this.socket.readyState !== OPEN) return;
    // A paused link would never read the peer's answer to the close.
    this.resume();
    this.flush();
    this.#isOver = true;
    this.socket.close(code, cutCloseReason(reason));
  }

  terminate(): void {
    this.#isOver = true;
    this.#forget();
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
    if (this.#unread === undefined) this.socket.resume();
    else this.reads.add(this);
  }

  ping(): void {
    if (this.socket.readyState === OPEN) this.socket.ping();
  }

  silent(): void {
    this.#listener?.silent();
  }

  stuck(): void {
    this.#listener?.stuck();
  }

  received(data: Buffer, isBinary: boolean): void {
    this.lastHeardAt = this.clock.now();
    if (this.#unread !== undefined) {
      if (this.#unread.push({ data, isBinary }) === 1) this.socket.pause();
      return;
    }
    this.#handedOut += 1;
    if (this.#handedOut === MESSAGES_PER_TURN) {
      this.#unread = [];
      this.reads.add(this);
    }
    this.#handOut(data, isBinary);
  }

  readMore(): void {
    // Whoever paused it goes on with it.
    if (this.isPaused) return;
    const unread = this.#unread ?? [];
    this.#unread = unread.length > MESSAGES_PER_TURN ? unread.slice(MESSAGES_PER_TURN) : undefined;
    this.#handedOut = 0;
    if (this.#unread !== undefined) this.reads.add(this);
    for (const { data, isBinary } of unread.slice(0, MESSAGES_PER_TURN)) {
      this.#handOut(data, isBinary);
    }
    if (this.#unread === undefined && unread.length > 0) this.#readOn();
  }

  /**
   * Answering pings costs us as much as sending them costs the peer: a flood of
   * them ends the link.
   */
  controlled(): void {
    this.lastHeardAt = this.clock.now();
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

  ended(code: number, reason: string): void {
    this.#isOver = true;
    // What was read before the end comes before it.
    const unread = this.#unread ?? [];
    this.#unread = undefined;
    for (const { data, isBinary } of unread) this.#handOut(data, isBinary);
    this.#heartbeat?.forget(this);
    this.#forget();
    this.#tellClosed(code, reason);
  }

  /** What was handed out may have made the listener pause. */
  #readOn(): void {
    if (!this.isPaused) this.socket.resume();
  }

  #handOut(data: Buffer, isBinary: boolean): void {
    this.#listener?.message(isBinary ? data : data.toString('utf8'), data.length);
  }

  #gather(part: Outgoing): void {
    const gathered = this.#gathered;
    if (gathered === undefined) {
      this.#gathered = part;
      this.writer.add(this);
    } else if (Array.isArray(gathered)) gathered.push(part);
    else this.#gathered = [gathered, part];
  }

  /** What is added to it from now on would come too early. */
  #closeBundle(): void {
    if (this.#open === undefined) return;
    this.#open.close();
    this.#gatheredBytes += wireBytes(this.#open);
    this.#open = undefined;
  }

  #forget(): void {
    this.#gathered = undefined;
    this.#open = undefined;
    this.#gatheredBytes = this.#putOffBytes = 0;
  }

  /**
   * Waits until the stream has given everything away. Not by its `drain`, which comes only when more
   * waited than its high-water mark (16 to 64 KiB): by a write of nothing behind the rest.
   */
  #awaitTaken(): void {
    this.stream.write(NOTHING, (error) => {
      // The link breaks, and says so elsewhere.
      if (error != null) return;
      // What waited before is gone: the peer reads, though it may have nothing to say.
      this.lastHeardAt = this.clock.now();
      const isWaiting = this.stream.writableLength > 0;
      this.waitingSince = isWaiting ? this.#laterSince || this.lastHeardAt : 0;
      this.#laterSince = 0;
      if (isWaiting) this.#awaitTaken();
      else if (this.#gathered === undefined) this.#taken();
    });
  }

  #taken(): void {
    if (!this.#owesDrained) return;
    this.#owesDrained = false;
    this.#listener?.drained();
  }

  #tellClosed(code: number, reason: string): void {
    const listener = this.#listener;
    this.#listener = undefined;
    listener?.closed(code, reason);
  }
}
