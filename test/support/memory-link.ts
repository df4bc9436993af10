import type { Clock, Transport, TransportListener } from '../../lib/core/index.js';
import type { ServerFrame } from '../../lib/protocol/index.js';
import type { Heartbeat, Watched } from '../../lib/transport/heartbeat.js';

/** How a link ended. */
export interface LinkEnd {
  readonly code: number;
  readonly reason: string;
}

const decoder = new TextDecoder();

/**
 * Both ends of a link in this process: the server's as a `Transport`, the peer's as what a test does
 * to it. What is sent arrives in the same turn while the peer reads, and waits while it does not.
 */
export class MemoryLink implements Transport, Watched {
  /** Everything the peer has read, in order. */
  readonly received: string[] = [];
  /** How the link ended for the peer; `undefined` while it lives. */
  peerEnd: LinkEnd | undefined;
  /** Every call of `close` and `terminate`, to see that there was one only. */
  readonly closes: LinkEnd[] = [];
  pings = 0;
  pingedAt = 0;
  bytesAtPing: number | undefined;
  readonly stream = { bytesRead: 0 };
  lastHeardAt = 0;
  isPaused = false;
  /** Since when what was sent waits for the peer to read it; kept if it has a clock. */
  waitingSince = 0;
  readonly #outgoing: string[] = [];
  readonly #incoming: (string | Uint8Array)[] = [];
  #buffered = 0;
  #hadToWait = false;
  #isPeerReading = true;
  #answersPings = true;
  #closing: LinkEnd | undefined;
  #ended = false;
  #listener: TransportListener | undefined;
  #heartbeat: Heartbeat | undefined;
  #read = 0;

  constructor(private readonly clock?: Clock) {
    this.#heard();
  }

  // The server's end.

  get bufferedBytes(): number {
    return this.#buffered;
  }

  attach(listener: TransportListener, heartbeat?: Heartbeat): void {
    this.#listener = listener;
    this.#heartbeat = heartbeat;
    heartbeat?.watch(this);
    this.#pump();
  }

  send(message: string | Uint8Array): void {
    if (this.#ended || this.#closing !== undefined) return;
    const text = typeof message === 'string' ? message : decoder.decode(message);
    this.#outgoing.push(text);
    this.#buffered += Buffer.byteLength(text);
    if (!this.#isPeerReading) {
      this.#hadToWait = true;
      this.waitingSince ||= this.clock?.now() ?? 0;
    }
    this.#flush();
  }

  /** What a peer of this kind has read is there at once: nothing is put together for it. */
  take(): boolean {
    return false;
  }

  close(code: number, reason: string): void {
    if (this.#ended || this.#closing !== undefined) return;
    this.closes.push({ code, reason });
    this.#closing = { code, reason };
    this.resume();
    this.#flush();
  }

  terminate(): void {
    if (this.#ended) return;
    this.#outgoing.length = 0;
    this.closes.push({ code: 1006, reason: '' });
    this.#end({ code: 1006, reason: '' }, { code: 1006, reason: '' });
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    this.#heard();
    queueMicrotask(() => {
      this.#pump();
    });
  }

  ping(): void {
    this.pings += 1;
    if (this.#answersPings) this.#heard();
  }

  silent(): void {
    this.#listener?.silent();
  }

  stuck(): void {
    this.#listener?.stuck();
  }

  // The peer's end.

  /** Frames the peer has read and no call of this has given yet. */
  frames(): ServerFrame[] {
    const texts = this.received.slice(this.#read);
    this.#read = this.received.length;
    return texts.map((text) => JSON.parse(text) as ServerFrame);
  }

  /** The peer sends a message as it is, or a frame. */
  say(message: string | Uint8Array | object): void {
    if (this.#ended) return;
    const isRaw = typeof message === 'string' || message instanceof Uint8Array;
    this.#incoming.push(isRaw ? message : JSON.stringify(message));
    this.#pump();
  }

  /** The peer says goodbye. */
  hangUp(code = 1000, reason = ''): void {
    if (!this.#ended) this.#end({ code, reason }, { code, reason });
  }

  /** The link breaks. */
  breakOff(): void {
    this.hangUp(1006, '');
  }

  stopReading(): void {
    this.#isPeerReading = false;
  }

  /** The peer answers pings no longer. */
  fallSilent(): void {
    this.#answersPings = false;
  }

  startReading(): void {
    this.#isPeerReading = true;
    this.#flush();
  }

  #flush(): void {
    if (!this.#isPeerReading || this.#ended) return;
    this.received.push(...this.#outgoing.splice(0));
    this.#buffered = 0;
    this.waitingSince = 0;
    if (this.#hadToWait) {
      this.#hadToWait = false;
      this.#listener?.drained();
    }
    if (this.#closing !== undefined) {
      const { code, reason } = this.#closing;
      // As `ws` and every socket does: not inside the call of `close`.
      this.peerEnd = { code, reason };
      queueMicrotask(() => {
        if (!this.#ended) this.#end({ code, reason }, { code, reason });
      });
    }
  }

  #pump(): void {
    while (this.#listener !== undefined && !this.isPaused && !this.#ended) {
      const message = this.#incoming.shift();
      if (message === undefined) return;
      this.#heard();
      this.#listener.message(message, Buffer.byteLength(message));
    }
  }

  #heard(): void {
    this.lastHeardAt = this.clock?.now() ?? 0;
  }

  #end(seen: LinkEnd, told: LinkEnd): void {
    this.#ended = true;
    this.#buffered = 0;
    this.#outgoing.length = 0;
    this.peerEnd ??= seen;
    this.#heartbeat?.forget(this);
    const listener = this.#listener;
    this.#listener = undefined;
    listener?.closed(told.code, told.reason);
  }
}
