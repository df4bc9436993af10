/**
 * One connection after another; two only while the server of the first goes away. Owns the state and
 * the one timer, of the present step; what frames mean is the observer's business.
 *
 * Invariants: `#current` is the connection that the server has let in, `#next` the attempt. With both, rooms
 * and calls move: until `#next` says hello all but new requests go over `#current`; from then on nothing is
 * sent, and what still comes counts, until `#next` is let in. Handlers of the application may call
 * anything: each step does its own work first and `Transitions.announce()`s last.
 */
import { decodeServerFrame, ProtocolError } from '../protocol/index.js';
import type {
  ClientFrame,
  CloseAction,
  ConnectedFrame,
  GoingAwayFrame,
  HelloFrame,
} from '../protocol/index.js';
import { Backoff } from './backoff.js';
import type { ClientState, Loss, StateChange } from './client-state.js';
import { Connection, type ConnectionOwner } from './connection.js';
import { endingError } from './ending.js';
import type { EnvironmentChange } from './environment.js';
import { clientError, fromErrorFrame, type RealtimeClientError } from './errors.js';
import { BAD_FRAME, HIDDEN, NO_ANSWER, NORMAL, REPLACED } from './own-closes.js';
import type { LinkObserver } from './link-observer.js';
import { Liveness } from './liveness.js';
import type { Settings } from './options.js';
import { Transitions } from './transitions.js';

/** How long a move waits for streams that run, and then for the answers that are due. Milliseconds. */
const PATIENCE_MS = 5_000;

/** See the head of this file. */
export class Link implements ConnectionOwner {
  /** Largest frame that the server takes. Bytes; 1 MiB until it says so. */
  maxFrameBytes = 1_048_576;
  /** Why the link is closed, if it is. */
  closedBy: RealtimeClientError | undefined;
  readonly #settings: Settings;
  readonly #observer: LinkObserver;
  readonly #backoff: Backoff;
  readonly #liveness: Liveness;
  readonly #transitions: Transitions;
  #current: Connection | undefined;
  #next: Connection | undefined;
  #renewalId = '';
  /** The present server goes away: whether it gets new requests until then. */
  #isServed: boolean | undefined;
  /** The moment has come, and it is left as soon as what is waited for is there. */
  #isPatient = false;
  #stopTimer: (() => void) | undefined;
  #stopWatching: (() => void) | undefined;

  constructor(settings: Settings, observer: LinkObserver) {
    this.#settings = settings;
    this.#observer = observer;
    this.#transitions = new Transitions(observer);
    this.#backoff = new Backoff(settings.reconnect, settings.environment);
    this.#liveness = new Liveness(settings.environment, {
      ping: () => {
        this.send({ type: 'ping' });
      },
      dead: () => {
        if (this.#current) this.#abandon(this.#current, NO_ANSWER, 'heartbeat-timeout');
      },
      unsent: () => this.bufferedBytes,
    });
  }

  get state(): ClientState {
    return this.#transitions.state;
  }

  /** Whether frames may be sent. */
  get isConnected(): boolean {
    return !!this.#current && !this.#next?.saidHello;
  }

  /** Whether the server would take a new request. */
  get takesRequests(): boolean {
    return this.isConnected && this.#isServed !== false;
  }

  /** Whether the server goes away: it has refused a request, or says so again, and gets no new ones. */
  holdRequests(): boolean {
    if (this.#isServed) {
      this.#isServed = false;
      if (this.#isPatient) this.#move();
    }
    return this.#isServed === false;
  }

  /** Bytes that were sent and have not left this machine. */
  get bufferedBytes(): number {
    return this.#current?.bufferedBytes ?? 0;
  }

  /** A fresh id for a frame. Ids rise for the life of the client. */
  nextId(): string {
    return String((this.#settings.identity.lastId += 1));
  }

  /** Begins, or does not wait for the next attempt any longer. */
  start(): void {
    if (this.state !== 'idle' && this.state !== 'waiting') return;
    this.#stopWatching ??= this.#settings.environment.onChange((change) => {
      this.#notice(change);
    });
    this.#attempt();
  }

  /** Ends for good: says goodbye if there is somebody to say it to. */
  close(): void {
    this.#end(clientError('closed'), { code: NORMAL, reason: 'closed' });
  }

  /** Sends a frame or its text. Only while connected; otherwise nothing happens. */
  send(frame: ClientFrame | string): void {
    const text = typeof frame === 'string' ? frame : this.#settings.json.stringify(frame);
    if (this.isConnected) this.#current?.send(text);
  }

  hello(): HelloFrame {
    const { clientKey, attempt } = this.#settings.identity;
    return { type: 'hello', clientKey, attempt, rooms: this.#observer.hello() };
  }

  received(connection: Connection, data: unknown): void {
    const isCurrent = connection === this.#current;
    if (isCurrent) this.#liveness.touch();
    const frame = decodeServerFrame(data, this.#settings.json);
    if (frame instanceof ProtocolError) {
      if (frame.fatal) this.#abandon(connection, BAD_FRAME, frame.code);
      else if (isCurrent) this.#observer.misread(frame);
    } else if (frame.type === 'connected') this.#welcome(connection, frame);
    else if (frame.type === 'going-away') this.#leave(connection, frame);
    else if (frame.type === 'error' && frame.id === undefined && frame.retryAfterMs) {
      this.#backoff.hinted(frame.retryAfterMs);
      if (isCurrent) this.#observer.received(frame);
    } else if (!isCurrent) return;
    else if (frame.type === 'authenticate') this.#renew(connection);
    else if (frame.type === 'error' && frame.id === this.#renewalId) {
      this.#observer.raise(fromErrorFrame(frame));
    } else {
      this.#observer.received(frame);
      if (this.#isPatient && !this.#observer.isAwaiting(this.#isServed)) this.#move();
    }
  }

  ended(connection: Connection, loss: Loss, action: CloseAction): void {
    const isOld = this.#next && connection === this.#current;
    const error = !(isOld && loss.code === REPLACED) && endingError(loss, action, this.#settings);
    connection.release();
    if (error) this.#end(error, loss);
    // The next one's token is older than the refusal, unless the server has it already: a new attempt.
    else if (isOld && (action !== 'refresh' || this.#next?.saidHello)) this.#lean(loss);
    else {
      const delayMs = this.#backoff.next(action);
      if (this.#current && connection === this.#next) {
        this.#next = undefined;
        this.#attemptLater(delayMs);
      } else if (delayMs !== undefined) this.#wait({ ...loss, delayMs });
      else this.#end(clientError('attempts-exhausted', { details: loss }), loss);
    }
  }

  refused(connection: Connection, error: RealtimeClientError): void {
    const loss = { reason: error.code };
    if (!error.retryable) this.#end(error, loss);
    // While connected the server has asked for a fresh token: it decides what follows.
    else if (connection !== this.#current) this.ended(connection, loss, 'reconnect');
    if (error.retryable) this.#observer.raise(error);
  }

  #attempt(): void {
    const { connectTimeoutMs = 10_000, identity } = this.#settings;
    this.#isServed &&= false;
    this.#isPatient = false;
    identity.attempt += 1;
    const next = (this.#next = new Connection(this.#settings, this));
    this.#setTimer(connectTimeoutMs, () => {
      this.#abandon(next, NO_ANSWER, 'connect-timeout');
    });
    if (!this.#current) this.#transitions.enter('connecting');
    this.#transitions.announce();
    if (next === this.#next) next.start();
  }

  #attemptLater(delayMs: number | undefined): void {
    if (delayMs === undefined) return;
    this.#setTimer(delayMs, () => {
      this.#attempt();
    });
  }

  #welcome(connection: Connection, frame: ConnectedFrame): void {
    if (connection !== this.#next) return;
    const old = this.#current;
    this.#setTimer();
    this.#current = connection;
    this.#next = this.#isServed = undefined;
    this.maxFrameBytes = frame.limits.frameBytes;
    this.#backoff.connected();
    this.#liveness.start(frame.heartbeat);
    this.#observer.connected(frame);
    if (old) old.release(REPLACED);
    else this.#transitions.enter('connected');
    this.#transitions.announce();
  }

  /** The server will close: goes elsewhere at a random moment, so that not everybody comes at once. */
  #leave(connection: Connection, frame: GoingAwayFrame): void {
    const delayMs = this.#backoff.announced(frame);
    if (connection !== this.#current || this.holdRequests()) return;
    this.#isServed = !!frame.served;
    this.#setTimer(delayMs, () => {
      this.#move();
    });
  }

  /** Streams first, which hold nobody up while the server serves on; then what new requests wait for. */
  #move(hasWaited = !this.#observer.isAwaiting(this.#isServed)): void {
    this.#isPatient = true;
    if (!hasWaited) {
      this.#setTimer(PATIENCE_MS, () => {
        this.#move(true);
      });
    } else if (this.#isServed) this.holdRequests();
    else this.#attempt();
  }

  /** The old connection went before the new one was there: that is an ordinary attempt now. */
  #lean(loss: Loss): void {
    this.#current = undefined;
    this.#liveness.stop();
    this.#transitions.enter('connecting', loss);
    // What the hello said stands.
    if (!this.#next?.saidHello) this.#observer.lost();
    this.#transitions.announce();
  }

  /** Shows fresh credentials. A fixed token is not fresh: then the server closes, and that decides. */
  #renew(connection: Connection): void {
    if (typeof this.#settings.token !== 'function') return;
    connection.withToken((token) => {
      if (token) this.send({ type: 'authenticate', id: (this.#renewalId = this.nextId()), token });
    });
  }

  #notice(change: EnvironmentChange): void {
    if (this.state === 'waiting') {
      const delayMs = change === 'wake' ? this.#backoff.woken() : undefined;
      if (delayMs === 0) this.#attempt();
      else this.#attemptLater(delayMs);
    } else if (change === 'hide') {
      this.#release(HIDDEN, 'hidden');
      this.#wait({ reason: 'hidden' });
    } else if (this.isConnected) this.#liveness.probe();
  }

  /** Gives a connection up from this side. */
  #abandon(connection: Connection, code: number, reason: string): void {
    connection.release(code, reason);
    this.ended(connection, { reason }, 'reconnect');
  }

  #wait(more: Loss & Pick<StateChange, 'delayMs'>): void {
    this.#release();
    this.#attemptLater(more.delayMs);
    this.#transitions.enter('waiting', more);
    this.#observer.lost();
    this.#transitions.announce();
  }

  #end(error: RealtimeClientError, loss: Loss): void {
    if (this.closedBy) return;
    this.closedBy = error;
    this.#release();
    this.#stopWatching?.();
    this.#transitions.enter('closed', loss);
    this.#observer.lost(error);
    this.#transitions.announce();
    // The application's own close is no news to it.
    if (loss.code !== NORMAL) this.#observer.raise(error);
  }

  /** Lets go of connections and timers. */
  #release(code: number = NORMAL, reason?: string): void {
    this.#setTimer();
    this.#liveness.stop();
    for (const connection of [this.#current, this.#next]) connection?.release(code, reason);
    this.#current = this.#next = this.#isServed = undefined;
  }

  /** The timer of the next step, instead of the one of the step before. */
  #setTimer(delayMs = 0, callback?: () => void): void {
    this.#stopTimer?.();
    this.#stopTimer = callback && this.#settings.environment.after(delayMs, callback);
  }
}
