import { CloseCode, ErrorCode, type ClientFrame, type Payload } from '../protocol/index.js';
import type { ClientRequests } from './client-requests.js';
import type { ConnectionHost } from './connection-host.js';
import { Inbox } from './inbox.js';
import type { Outbox } from './outbox.js';
import type { Requests } from './requests.js';
import type { RoomFrame } from './room-frame.js';

/** A connection, as far as its frames are concerned. */
export interface Dispatched {
  readonly state: string;
  readonly outbox: Outbox;
  readonly requests: Requests;
  readonly clientRequests: ClientRequests;
  close(code: number, reason: string): void;
}

/**
 * Hands each frame of an open connection to what handles it: at once, or in its turn through the
 * inbox. What overtakes is what unblocks: a `cancel`, a `credit` or an answer that waited behind the
 * handler that waits for it would come too late.
 */
export class FrameDispatcher<Connection extends Dispatched> {
  readonly #inbox: Inbox;

  /** @param pressure as that of an {@link Inbox}. */
  constructor(
    private readonly connection: Connection,
    private readonly host: ConnectionHost<Connection>,
    pressure: (full: boolean) => void,
  ) {
    this.#inbox = new Inbox(host.limits.inboxBytes, host.concurrency, pressure, host.clock);
  }

  /** Takes a frame. */
  receive(frame: ClientFrame<Payload>, bytes: number): void {
    const { connection } = this;
    const wasUsed = connection.outbox.wasUsed || frame.type !== 'ping';
    connection.outbox.wasUsed = wasUsed;
    switch (frame.type) {
      case 'hello':
        this.connection.close(CloseCode.BadFrame, 'expected no second hello');
        return;
      case 'ping':
        connection.outbox.send({ ...frame, type: 'pong' });
        // Signs of life are no use.
        connection.outbox.wasUsed = wasUsed;
        return;
      case 'cancel':
        connection.requests.cancel(frame.id);
        return;
      case 'credit':
        connection.requests.credit(frame.id, frame.count);
        return;
      case 'response':
      case 'error':
        connection.clientRequests.answered(frame);
        return;
      case 'authenticate':
        void this.host.authenticate(this.connection, frame);
        return;
      case 'request':
        this.#receiveRequest(frame, bytes);
        return;
      default:
        this.queue(frame, bytes);
    }
  }

  /** Puts a frame about a room at the end of the inbox. */
  queue(frame: RoomFrame, bytes: number): void {
    const run = (): Promise<void> => this.host.handleRoomFrame(this.connection, frame);
    this.#inbox.push({ bytes, exclusive: true, run });
  }

  /** Settles when all frames have their answer, those of these requests and those about rooms, or nobody waits for it. */
  async answered(requests: Requests | undefined): Promise<void> {
    const isDue = (): boolean => (requests?.size ?? 0) > 0 || this.#inbox.exclusive > 0;
    // While one kind was waited for, something of the other may have come.
    while (isDue()) {
      await Promise.all([requests?.idle(), this.#inbox.idle()]);
    }
  }

  /** Forgets everything that waits. */
  clear(): void {
    this.#inbox.clear();
  }

  #receiveRequest(frame: ClientFrame<Payload> & { type: 'request' }, bytes: number): void {
    const { id, event } = frame;
    const { outbox, requests, state } = this.connection;
    const handler = this.host.handler(event);
    if (handler?.isIdempotent === false && frame.retry === true) {
      const message = 'the request was sent before and its handler may not run twice';
      outbox.refuse(ErrorCode.NotIdempotent, message, id);
      return;
    }
    if (state === 'draining') {
      outbox.refuse(ErrorCode.Unavailable, 'the server is shutting down', id);
      return;
    }
    if (handler === undefined) {
      outbox.refuse(ErrorCode.UnknownEvent, 'no handler answers to this event', id);
      return;
    }
    const task = requests.accept(frame, bytes, handler.isIdempotent);
    if (task !== undefined) this.#inbox.push(task);
  }
}
