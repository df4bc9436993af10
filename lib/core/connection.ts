/**
 * One connection: who it is, in which state it is, and what its frames are handed to. A small state
 * machine that delegates everything else.
 *
 *   awaiting-hello ──connected──▶ open ──drain──▶ draining
 *         │                        │                 │
 *         └────────────────────────┴───── end ───────┴──▶ closed
 *
 * Invariant: before `open` nothing of the peer is handled but one `hello`; what it pipelines behind
 * that is kept, within its own smaller bound, and handled in order afterwards.
 */
import {
  CloseCode,
  decodeClientFrame,
  ErrorCode,
  ProtocolError,
  type AuthenticateFrame,
  type ClientFrame,
  type HelloFrame,
  type Payload,
} from '../protocol/index.js';
import { EarlyFrames } from './early-frames.js';
import { Inbox } from './inbox.js';
import type { CoreLimits } from './limits.js';
import { Outbox } from './outbox.js';
import type { Clock, Handshake, Observer, RealtimeUser, Session } from './ports.js';
import type { Transport, TransportListener } from './ports.js';
import type { RequestContext } from './request-context.js';
import { Requests } from './requests.js';
import { subscribeWish, type RoomFrame } from './room-frame.js';
import type { LocalRoom } from './rooms.js';

/** Where a connection is in its life. */
export type ConnectionState = 'awaiting-hello' | 'open' | 'draining' | 'closed';

/** What a connection delegates to. */
export interface ConnectionHost {
  readonly limits: CoreLimits;
  readonly observer: Observer;
  readonly clock: Clock;
  /** Handlers that may run at once, a connection. */
  readonly concurrency: number;
  /** Authenticates the peer and, in the end, opens or closes the connection. Never rejects. */
  admit(connection: Connection, hello: HelloFrame | undefined): Promise<void>;
  /** Whether a handler answers to the event. */
  handles(event: string): boolean;
  /** Runs the handler of a request. */
  handle(connection: Connection, request: RequestContext): Promise<unknown>;
  /** Handles fresh credentials. Never rejects. */
  authenticate(connection: Connection, frame: AuthenticateFrame): Promise<void>;
  /** Handles a frame about a room. Never rejects. */
  handleRoomFrame(connection: Connection, frame: RoomFrame): Promise<void>;
  /** The connection has ended; called once. */
  ended(connection: Connection, code: number, reason: string): void;
}

/** One peer that is connected to this node. */
export class Connection implements TransportListener {
  /** Rooms it is in. Kept by `Rooms`. */
  readonly rooms = new Map<string, LocalRoom>();
  readonly outbox: Outbox;
  readonly requests: Requests;
  /** Rooms the server has put it into; its client's rights do not matter there. */
  readonly assignedRooms = new Set<string>();
  readonly #early: EarlyFrames;
  readonly #inbox: Inbox;
  #state: ConnectionState = 'awaiting-hello';
  #session: Session | undefined;
  #rightsVersion = 0;
  /** Whether admission has begun: by a `hello`, or without one where the handshake said enough. */
  #greeted = false;
  #hello: HelloFrame | undefined;
  #wasOpen = false;

  constructor(
    /** The server's name of it: random, unique, no secret. */
    readonly id: string,
    readonly handshake: Handshake,
    private readonly transport: Transport,
    private readonly host: ConnectionHost,
  ) {
    const { limits, observer } = host;
    this.outbox = new Outbox(transport, limits.outboxBytes, () => {
      this.close(CloseCode.SlowConsumer, 'reads too slowly');
    });
    this.requests = new Requests(this.outbox, observer, limits.streams, host.clock);
    const pressure = (full: boolean): void => {
      if (full) transport.pause();
      else transport.resume();
    };
    this.#early = new EarlyFrames(limits.preAuthInboxBytes, pressure);
    this.#inbox = new Inbox(limits.inboxBytes, host.concurrency, pressure);
  }

  /** Where it is in its life. */
  get state(): ConnectionState {
    return this.#state;
  }

  /** Whether it is not closed. */
  get isLive(): boolean {
    return this.#state !== 'closed';
  }

  /** By whom and until when; `undefined` until the credentials were found good. */
  get session(): Session | undefined {
    return this.#session;
  }

  /** Who it is; `undefined` until the credentials were found good. */
  get user(): RealtimeUser | undefined {
    return this.#session?.user;
  }

  /** Changes whenever an answer about its rights may have become wrong. */
  get rightsVersion(): number {
    return this.#rightsVersion;
  }

  /** Whether it was open once. */
  get wasOpen(): boolean {
    return this.#wasOpen;
  }

  /** Notes who the peer is, at first or anew. The connection stays closed to frames until {@link open}. */
  identify(session: Session): void {
    this.#session = session;
    this.#rightsVersion += 1;
  }

  /** Makes every answer about its rights that is under way out of date. Returns the new version. */
  changeRights(): number {
    this.#rightsVersion += 1;
    return this.#rightsVersion;
  }

  /** Begins admission without a `hello`. */
  greet(): void {
    this.#greeted = true;
    void this.host.admit(this, undefined);
  }

  /** Takes back {@link greet}: the handshake did not say enough, a `hello` has to. */
  expectHello(): void {
    this.#greeted = false;
    this.#replayEarly();
  }

  /**
   * Says `connected` and handles what came meanwhile. Does nothing if the connection has ended.
   *
   * @param announce called in between, while nothing of the peer has been handled yet.
   */
  open(
    user: RealtimeUser,
    heartbeat: { readonly intervalMs: number; readonly timeoutMs: number },
    announce: () => void,
  ): void {
    if (this.#state !== 'awaiting-hello') return;
    this.#state = 'open';
    const { frameBytes, rooms } = this.host.limits;
    this.outbox.open({
      type: 'connected',
      connectionId: this.id,
      user: { id: user.id },
      heartbeat,
      limits: { frameBytes, rooms },
    });
    // What was held back for it may have been more than it can take.
    if (this.isLive) this.#begin(announce);
  }

  /** Stops taking work; settles when every request has its answer. */
  drain(): Promise<void> {
    if (this.#state === 'open') this.#state = 'draining';
    return this.requests.idle();
  }

  /** Ends it with a code and a reason that the peer sees. */
  close(code: number, reason: string): void {
    if (this.#state === 'closed') return;
    this.transport.close(code, reason);
    this.#end(code, reason);
  }

  message(message: string | Uint8Array, bytes: number): void {
    if (this.#state === 'closed') return;
    if (this.#state === 'awaiting-hello' && bytes > this.host.limits.preAuthInboxBytes) {
      this.close(CloseCode.MessageTooBig, 'too big before connected');
      return;
    }
    const frame = decodeClientFrame(message);
    if (frame instanceof ProtocolError) this.#refuse(frame);
    else this.#route(frame, bytes);
  }

  drained(): void {
    this.outbox.drained();
  }

  silent(): void {
    this.close(CloseCode.HeartbeatTimeout, 'nothing was heard for too long');
  }

  closed(code: number, reason: string): void {
    this.#end(code, reason);
  }

  #begin(announce: () => void): void {
    this.#wasOpen = true;
    announce();
    if (!this.isLive) return;
    for (const wish of this.#hello?.rooms ?? []) this.#queueRoomFrame(subscribeWish(wish), 0);
    this.#hello = undefined;
    this.#replayEarly();
  }

  #refuse(error: ProtocolError): void {
    if (this.#state !== 'awaiting-hello') {
      this.outbox.refuse(error.code, error.message, error.id);
      if (!error.fatal) return;
    }
    this.close(CloseCode.BadFrame, error.message);
  }

  #route(frame: ClientFrame<Payload>, bytes: number): void {
    if (!this.#greeted) this.#receiveHello(frame);
    else if (this.#state === 'awaiting-hello') this.#early.push(frame, bytes);
    else this.#receive(frame, bytes);
  }

  #receiveHello(frame: ClientFrame<Payload>): void {
    if (frame.type !== 'hello') {
      this.close(CloseCode.BadFrame, 'expected hello');
      return;
    }
    this.#greeted = true;
    this.#hello = frame;
    void this.host.admit(this, frame);
  }

  #replayEarly(): void {
    for (const { frame, bytes } of this.#early.take()) {
      if (this.isLive) this.#route(frame, bytes);
    }
  }

  #receive(frame: ClientFrame<Payload>, bytes: number): void {
    switch (frame.type) {
      case 'hello':
        this.close(CloseCode.BadFrame, 'expected no second hello');
        return;
      case 'ping':
        this.outbox.send({ ...frame, type: 'pong' });
        return;
      case 'cancel':
        this.requests.cancel(frame.id);
        return;
      case 'authenticate':
        void this.host.authenticate(this, frame);
        return;
      case 'request':
        this.#receiveRequest(frame, bytes);
        return;
      default:
        this.#queueRoomFrame(frame, bytes);
    }
  }

  #receiveRequest(frame: ClientFrame<Payload> & { type: 'request' }, bytes: number): void {
    const { id, event } = frame;
    if (this.#state === 'draining') {
      this.outbox.refuse(ErrorCode.Unavailable, 'the server is shutting down', id);
      return;
    }
    if (!this.host.handles(event)) {
      this.outbox.refuse(ErrorCode.UnknownEvent, 'no handler answers to this event', id);
      return;
    }
    const run = this.requests.accept(frame, (request) => this.host.handle(this, request));
    if (run !== undefined) this.#inbox.push({ bytes, exclusive: false, run });
  }

  #queueRoomFrame(frame: RoomFrame, bytes: number): void {
    const run = (): Promise<void> => this.host.handleRoomFrame(this, frame);
    this.#inbox.push({ bytes, exclusive: true, run });
  }

  #end(code: number, reason: string): void {
    // A transport may report the end from within its own `close`.
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#early.take();
    this.#inbox.clear();
    this.outbox.close();
    this.requests.close();
    this.host.ended(this, code, reason);
  }
}
