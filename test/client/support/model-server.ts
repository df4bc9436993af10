import type { ClientFrame, MessageFrame, ServerFrame } from '../../../lib/protocol/index.js';
import type { FakeSocket } from './fake-socket.js';
import { NAME } from './rooms.js';
import { connectedFrame, message } from './world.js';

/** What a run does to the server. */
export interface Faults {
  /** Whether the room offers its state; it is `{ epoch, offset }`. */
  readonly isStateful: boolean;
}

/**
 * A server with one room, for properties. It keeps the promises of its verdicts and gaps; what is in
 * between may be lost, late, twice or in the wrong order.
 *
 * It handles one frame of the client at a time and sends into `#down`, from which the test takes.
 */
export class ModelServer {
  epoch = 1;
  /** The room's position. */
  top = 0;
  /** The lowest offset that is held. */
  #oldest = 1;
  #socket: FakeSocket | undefined;
  #handled = 0;
  #isSubscribed = false;
  readonly #down: ServerFrame[] = [];

  constructor(private readonly faults: Faults) {}

  /** The stream's name. */
  get epochName(): string {
    return `e${String(this.epoch)}`;
  }

  /** A new connection; what was on the old one is gone. */
  accept(socket: FakeSocket): void {
    this.#socket = socket;
    this.#handled = 0;
    this.#isSubscribed = false;
    this.#down.length = 0;
  }

  /** Handles the client's next frame, if there is one. */
  handle(): boolean {
    const frame = this.#socket?.sent[this.#handled];
    if (frame === undefined) return false;
    this.#handled += 1;
    this.#answer(frame);
    return true;
  }

  /** Lets the next frame arrive, if there is one. */
  deliver(): boolean {
    const frame = this.#down.shift();
    if (frame !== undefined) this.#socket?.receive(frame);
    return frame !== undefined;
  }

  /** Stores a message and sends it to the subscriber. */
  publish(): void {
    this.top += 1;
    if (this.#isSubscribed) this.#down.push(message(this.top, this.epochName));
  }

  /** Evicts the oldest messages. */
  trim(count: number): void {
    this.#oldest = Math.min(this.top + 1, this.#oldest + count);
  }

  /** The store lost everything; who is subscribed is told. */
  loseStore(): void {
    this.epoch += 1;
    this.top = 0;
    this.#oldest = 1;
    this.#tellGap('epoch-changed');
  }

  /** Messages are lost for the subscriber, and it is told. */
  gap(): void {
    this.#down.splice(0, this.#down.length, ...this.#down.filter(({ type }) => type !== 'message'));
    this.#tellGap('evicted');
  }

  /** A message on the way is lost, and nobody is told. */
  drop(at: number): void {
    const index = this.#messages()[at];
    if (index !== undefined) this.#down.splice(index, 1);
  }

  /** A message overtakes the one before it. */
  swap(at: number): void {
    const index = this.#messages()[at];
    const before = this.#down[(index ?? 0) - 1];
    const frame = this.#down[index ?? 0];
    if (index === undefined || before?.type !== 'message' || frame === undefined) return;
    this.#down.splice(index - 1, 2, frame, before);
  }

  /** A message of the epoch comes again. */
  replay(offset: number): void {
    if (this.#isSubscribed && offset > 0 && offset <= this.top) {
      this.#down.push(message(offset, this.epochName));
    }
  }

  #messages(): number[] {
    return this.#down.flatMap(({ type }, index) => (type === 'message' ? [index] : []));
  }

  #tellGap(reason: 'evicted' | 'epoch-changed'): void {
    if (!this.#isSubscribed) return;
    this.#down.push({ type: 'gap', room: NAME, epoch: this.epochName, offset: this.top, reason });
  }

  #answer(frame: ClientFrame): void {
    if (frame.type === 'hello') {
      this.#down.push(connectedFrame);
      for (const wish of frame.rooms ?? []) this.#subscribe({}, wish);
    } else if (frame.type === 'subscribe') {
      this.#subscribe({ id: frame.id }, frame);
    } else if (frame.type === 'unsubscribe') {
      this.#isSubscribed = false;
      this.#down.push({ type: 'unsubscribed', id: frame.id, room: NAME });
    }
  }

  #subscribe(
    id: { readonly id?: string },
    wish: { readonly epoch?: string; readonly offset?: number; readonly snapshot?: boolean },
  ): void {
    const { epoch, offset, snapshot } = wish;
    if (snapshot === true && !this.faults.isStateful) {
      const refusal = { code: 'unsupported', message: 'x', retryable: false } as const;
      if (id.id === undefined) {
        this.#down.push({ type: 'unsubscribed', room: NAME, reason: 'unsupported' });
      } else this.#down.push({ type: 'error', id: id.id, ...refusal });
      return;
    }
    this.#isSubscribed = true;
    const place = {
      type: 'subscribed',
      room: NAME,
      epoch: this.epochName,
      offset: this.top,
    } as const;
    const missed = this.#missedSince(epoch, offset);
    if (offset !== undefined && missed !== undefined) {
      this.#down.push({ ...place, ...id, recovered: true, replayed: missed.length }, ...missed);
      return;
    }
    const verdict = offset === undefined ? {} : ({ recovered: false, reason: 'evicted' } as const);
    const state = { epoch: this.epochName, offset: this.top };
    this.#down.push({ ...place, ...id, ...verdict, ...(snapshot === true && { snapshot: state }) });
  }

  #missedSince(epoch: string | undefined, offset = 0): MessageFrame[] | undefined {
    if (epoch !== this.epochName || offset > this.top || offset + 1 < this.#oldest)
      return undefined;
    const count = this.top - offset;
    return Array.from({ length: count }, (_, n) => message(offset + 1 + n, this.epochName));
  }
}
