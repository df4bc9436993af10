import { ErrorCode, Payload } from '../protocol/index.js';
import type { Credit } from './credit.js';
import { RealtimeError } from './errors.js';
import type { Outbox } from './outbox.js';
import type { StreamSink, StreamSource } from './stream.js';
import type { TurnShare } from './turn-share.js';

/** Counted for each waiting item besides its text: a million empty items are not free. */
const ITEM_OVERHEAD_BYTES = 128;

/** What the streams of one connection have in common. */
export class StreamCommons {
  #heldBytes = 0;

  /**
   * @param streamBytes most bytes of items that wait, a stream.
   * @param totalBytes the same for all streams together.
   */
  constructor(
    readonly outbox: Outbox,
    readonly share: TurnShare,
    readonly streamBytes: number,
    private readonly totalBytes: number,
  ) {}

  /** Whether that many bytes more may wait. */
  takes(bytes: number): boolean {
    return this.#heldBytes + bytes <= this.totalBytes;
  }

  /** So many bytes more wait, or less. */
  change(bytes: number): void {
    this.#heldBytes += bytes;
  }
}

/** How a stream ends by itself. */
export interface StreamEnd {
  failed(error: unknown): void;
  completed(): void;
}

interface WaitingItem {
  readonly payload: Payload | undefined;
  readonly bytes: number;
}

/**
 * One stream on its way to its client. It goes as fast as three things allow: the client's credit, the
 * room in the outbox, and what a connection may take of a turn. A source that can wait is held back by
 * {@link ready}; what another makes meanwhile waits here, within bounds.
 *
 * Invariant: items are sent in the order in which they came, and the end after all of them.
 */
export class RequestStream implements StreamSink {
  #waiting: WaitingItem[] = [];
  #waitingBytes = 0;
  #flushing: Promise<void> | undefined;
  /** What the source's end does when everything before it was sent. */
  #end: (() => void) | undefined;
  #stopped = false;
  #stopSource: (() => void) | undefined;

  constructor(
    private readonly id: string,
    private readonly credit: Credit,
    private readonly commons: StreamCommons,
    private readonly ending: StreamEnd,
  ) {}

  /** Begins. @throws what the source throws at its start. */
  start(source: StreamSource): void {
    const stopSource = source.start(this);
    // It may have ended while it was starting; then nobody will stop it later.
    if (this.#stopped) stopSource();
    else this.#stopSource = stopSource;
  }

  /** Ends it without a word; what waits is dropped. To be called once. */
  stop(): void {
    this.#stopped = true;
    this.#end = undefined;
    this.#waiting = [];
    this.#hold(-this.#waitingBytes);
    this.credit.close();
    this.#stopSource?.();
  }

  ready(): Promise<void> | undefined {
    return this.#flushing ?? this.#obstacle(0);
  }

  next(item: unknown): void {
    if (this.#hasEnded) return;
    let payload: Payload | undefined;
    try {
      payload = Payload.of(item);
    } catch (error) {
      // A value that JSON cannot hold. Thrown into the source it might surface anywhere.
      this.ending.failed(error);
      return;
    }
    const bytes = ITEM_OVERHEAD_BYTES + (payload?.text.length ?? 0);
    const { credit, commons } = this;
    const isFree = this.#flushing === undefined && credit.left > 0;
    if (isFree && commons.outbox.hasRoom(bytes)) this.#send(payload);
    else this.#keep({ payload, bytes });
  }

  failed(error: unknown): void {
    this.#finish(() => {
      this.ending.failed(error);
    });
  }

  completed(): void {
    this.#finish(() => {
      this.ending.completed();
    });
  }

  get #hasEnded(): boolean {
    return this.#stopped || this.#end !== undefined;
  }

  #finish(end: () => void): void {
    if (this.#hasEnded) return;
    if (this.#flushing === undefined) end();
    else this.#end = end;
  }

  /** One item may always wait, however large: a source that can wait has made no more than that. */
  #keep(item: WaitingItem): void {
    const { streamBytes } = this.commons;
    const isWithin =
      this.#waitingBytes + item.bytes <= streamBytes && this.commons.takes(item.bytes);
    if (this.#waiting.length > 0 && !isWithin) {
      const message = 'the items of the stream were taken more slowly than they were made';
      this.ending.failed(new RealtimeError(ErrorCode.StreamOverflow, message));
      return;
    }
    this.#waiting.push(item);
    this.#hold(item.bytes);
    if (this.#flushing === undefined) this.#startFlushing();
  }

  #startFlushing(): void {
    this.#flushing = this.#flush().then(() => {
      this.#flushing = undefined;
      // One more may have come since the last was sent.
      if (this.#waiting.length > 0) this.#startFlushing();
      else this.#end?.();
    });
  }

  async #flush(): Promise<void> {
    for (let item = this.#waiting[0]; item !== undefined; item = this.#waiting[0]) {
      const wait = this.#obstacle(item.bytes);
      if (wait === undefined) {
        this.#waiting.shift();
        this.#hold(-item.bytes);
        this.#send(item.payload);
      } else {
        await wait;
      }
    }
  }

  /** What an item has to wait for; `undefined`: nothing. */
  #obstacle(bytes: number): Promise<void> | undefined {
    const { outbox, share } = this.commons;
    return this.credit.ready() ?? outbox.ready(bytes) ?? share.take();
  }

  #send(payload: Payload | undefined): void {
    const { id } = this;
    this.credit.spend();
    this.commons.outbox.send(payload ? { type: 'next', id, payload } : { type: 'next', id });
  }

  #hold(bytes: number): void {
    this.#waitingBytes += bytes;
    this.commons.change(bytes);
  }
}
