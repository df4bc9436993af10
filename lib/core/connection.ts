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
  ProtocolError,
  type ClientFrame,
  type HelloFrame,
  type Payload,
} from '../protocol/index.js';
import { clientName } from './client-name.js';
import { ClientRequests } from './client-requests.js';
import type { ConnectionHost } from './connection-host.js';
import { EarlyFrames } from './early-frames.js';
import { FrameDispatcher } from './frame-dispatcher.js';
import { Intake } from './intake.js';
import type { LocalRoom } from './local-room.js';
import { Outbox } from './outbox.js';
import type {
  Handshake,
  RealtimeUser,
  Session,
  Transport,
  TransportListener,
} from './ports/index.js';
import { ReadPressure } from './read-pressure.js';
import { Requests } from './requests.js';
import { subscribeWish } from './room-frame.js';
import { Turns } from './turns.js';

/** Where a connection is in its life. */
export type ConnectionState = 'awaiting-hello' | 'open' | 'draining' | 'closed';

/** One peer that is connected to this node. */
export class Connection implements TransportListener {
  /** Rooms it is in. Kept by `Rooms`. */
  readonly rooms = new Map<string, LocalRoom>();
  readonly outbox: Outbox;
  // Made on first use: most connections listen and ask for nothing.
  #requests: Requests | undefined;
  #clientRequests: ClientRequests | undefined;
  #replays: Turns | undefined;
  #early: EarlyFrames | undefined;
  #intake: Intake | undefined;
  readonly #dispatcher: FrameDispatcher<Connection>;
  readonly #reading: ReadPressure;
  #state: ConnectionState = 'awaiting-hello';
  #session: Session | undefined;
  #rightsVersion = 0;
  /** Whether admission has begun: by a `hello`, or without one where the handshake said enough. */
  #greeted = false;
  #hello: HelloFrame | undefined;
  #clientKey: string | undefined;
  #attempt: number | undefined;
  #wasOpen = false;

  constructor(
    /** The server's name of it: random, unique, no secret. */
    readonly id: string,
    readonly handshake: Handshake,
    private readonly transport: Transport,
    private readonly host: ConnectionHost<Connection>,
  ) {
    const { limits, observer } = host;
    this.outbox = new Outbox(transport, limits.outboxBytes, this.stuck.bind(this), observer);
    this.#reading = new ReadPressure(transport);
    this.#dispatcher = new FrameDispatcher<Connection>(this, host, this.#reading.press);
  }

  /** Its unanswered requests. */
  get requests(): Requests {
    const { outbox, host } = this;
    this.#requests ??= new Requests(outbox, host, (request) => host.handle(this, request));
    return this.#requests;
  }

  /** What the server has asked its client. */
  get clientRequests(): ClientRequests {
    const { observer, limits } = this.host;
    this.#clientRequests ??= new ClientRequests(this.outbox, observer, limits.clientRequests);
    if (!this.isLive) this.#clientRequests.close();
    return this.#clientRequests;
  }

  /** Its replays of missed messages: one page at a time. */
  get replays(): Turns {
    this.#replays ??= new Turns();
    return this.#replays;
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

  /**
   * Names the client instance behind it: the same for a client that comes back, never the same for two
   * users. Holds the client's key, which is nobody else's business.
   */
  get client(): string {
    return clientName(this.#session, this.#clientKey ?? `@${this.id}`);
  }

  /** Which of its client's connections it is; `undefined` if the client does not say. */
  get attempt(): number | undefined {
    return this.#attempt;
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

  /** Takes no more requests; settles when everything that was taken has its answer. */
  drain(): Promise<void> {
    if (this.#state === 'open') this.#state = 'draining';
    return this.#dispatcher.answered(this.#requests);
  }

  /** Ends it. The peer sees code and reason. */
  close(code: number, reason: string): void {
    if (this.#state === 'closed') return;
    this.transport.close(code, reason);
    this.#end(code, reason);
  }

  message(message: string | Uint8Array, bytes: number): void {
    if (this.#state === 'closed') return;
    if (this.#state !== 'awaiting-hello') {
      this.#intake ??= new Intake(this, this.host);
      this.#intake.receive(message, bytes);
    } else if (bytes <= this.host.limits.preAuthInboxBytes) {
      this.take(decodeClientFrame(message), bytes);
    } else this.close(CloseCode.MessageTooBig, 'too big before connected');
  }

  /** Handles what was read of a message. To be called in the order in which the messages came. */
  take(frame: ClientFrame<Payload> | ProtocolError, bytes: number): void {
    if (frame instanceof ProtocolError) this.#refuse(frame);
    else this.#route(frame, bytes);
  }

  /** Stops reading from the peer while a large frame is read elsewhere, and starts again. */
  hold(isHeld: boolean): void {
    this.#reading.hold(isHeld);
  }

  drained(): void {
    this.outbox.drained();
  }

  stuck(): void {
    this.close(CloseCode.SlowConsumer, 'reads too slowly');
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
    for (const wish of this.#hello?.rooms ?? []) this.#dispatcher.queue(subscribeWish(wish), 0);
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
    else if (this.#state === 'awaiting-hello') {
      this.#early ??= new EarlyFrames(this.host.limits.preAuthInboxBytes, this.#reading.press);
      this.#early.push(frame, bytes);
    } else this.#dispatcher.receive(frame, bytes);
  }

  #receiveHello(frame: ClientFrame<Payload>): void {
    if (frame.type !== 'hello') {
      this.close(CloseCode.BadFrame, 'expected hello');
      return;
    }
    this.#greeted = true;
    this.#hello = frame;
    this.#clientKey = frame.clientKey;
    this.#attempt = frame.attempt;
    void this.host.admit(this, frame);
  }

  #replayEarly(): void {
    const early = this.#early?.take() ?? [];
    for (const { frame, bytes } of early) {
      if (this.isLive) this.#route(frame, bytes);
    }
    if (this.#state !== 'awaiting-hello') this.#early = undefined;
  }

  #end(code: number, reason: string): void {
    // A transport may report the end from within its own `close`.
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#early?.take();
    this.#intake?.close();
    this.#dispatcher.clear();
    this.outbox.close();
    this.#requests?.close();
    this.#clientRequests?.close();
    this.host.ended(this, code, reason);
  }
}
