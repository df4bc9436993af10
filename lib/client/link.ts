/**
 * One connection after another, never two at once. Owns the socket, the state and the timers of the
 * attempt; what frames mean is the observer's business.
 *
 * Invariants: `#socket` is set only while connecting or connected; `#stopTimer` is the one timer of
 * the present state (deadline or delay); `#generation` rises when an attempt begins and when it
 * ends, so that whatever an older attempt still awaits can see that it is stale.
 *
 * The application's handlers run inside `#announce()` and may call anything, `close()` included.
 * So each step finishes its own work first and announces last.
 */
import {
  closeAction,
  decodeServerFrame,
  encodeClientFrame,
  ProtocolError,
  SUBPROTOCOL,
  type ClientFrame,
  type CloseAction,
  type CloseCode,
  type ConnectedFrame,
  type HelloFrame,
} from '../protocol/index.js';
import { Backoff } from './backoff.js';
import type { ClientState, Loss, StateChange } from './client-state.js';
import { endingError } from './ending.js';
import type { WebSocketLike } from './environment.js';
import { clientError, fromErrorFrame, type RealtimeClientError } from './errors.js';
import type { LinkObserver } from './link-observer.js';
import { Liveness } from './liveness.js';
import type { Settings } from './options.js';
import { isFinalRefusal, readToken } from './token.js';

// What we close with, for the server's log (PROTOCOL.md, section 10).
const NORMAL: typeof CloseCode.Normal = 1000;
const BAD_FRAME: typeof CloseCode.BadFrame = 4400;
const NO_ANSWER: typeof CloseCode.HelloTimeout = 4408;

/** See the head of this file. */
export class Link {
  readonly #settings: Settings;
  readonly #observer: LinkObserver;
  readonly #clientKey: string;
  readonly #backoff: Backoff;
  readonly #liveness: Liveness;
  readonly #changes: StateChange[] = [];
  #isAnnouncing = false;
  #state: ClientState = 'idle';
  #closedBy: RealtimeClientError | undefined;
  #generation = 0;
  #lastId = 0;
  #renewalId = '';
  #socket: WebSocketLike | undefined;
  #stopTimer: (() => void) | undefined;
  #stopOnline: (() => void) | undefined;

  constructor(settings: Settings, observer: LinkObserver) {
    const { environment, reconnect } = settings;
    this.#settings = settings;
    this.#observer = observer;
    this.#clientKey = environment.randomKey();
    this.#backoff = new Backoff(reconnect, environment);
    this.#liveness = new Liveness(environment, {
      ping: () => {
        this.send({ type: 'ping' });
      },
      dead: () => {
        this.#abandon(NO_ANSWER, 'heartbeat-timeout');
      },
    });
  }

  get state(): ClientState {
    return this.#state;
  }

  get isConnected(): boolean {
    return this.#state === 'connected';
  }

  /** Why the link is closed, if it is. */
  get closedBy(): RealtimeClientError | undefined {
    return this.#closedBy;
  }

  /** Bytes that were sent and have not left this machine. */
  get bufferedBytes(): number {
    return this.#socket?.bufferedAmount ?? 0;
  }

  /** A fresh id for a frame. Ids rise for the life of the client. */
  nextId(): string {
    this.#lastId += 1;
    return String(this.#lastId);
  }

  /** Begins, or does not wait for the next attempt any longer. */
  start(): void {
    if (this.#state === 'idle' || this.#state === 'waiting') this.#attempt();
  }

  /** Ends for good: says goodbye if there is somebody to say it to. */
  close(): void {
    this.#end(clientError('closed', 'The client was closed.'), { code: NORMAL, reason: 'closed' });
  }

  /** Sends a frame or its text. Only while connected; otherwise nothing happens. */
  send(frame: ClientFrame | string): void {
    const text = typeof frame === 'string' ? frame : encodeClientFrame(frame);
    if (this.isConnected) this.#socket?.send(text);
  }

  #attempt(): void {
    const { connectTimeoutMs, environment } = this.#settings;
    this.#release();
    this.#enter('connecting');
    this.#stopTimer = environment.after(connectTimeoutMs, () => {
      this.#abandon(NO_ANSWER, 'connect-timeout');
    });
    const generation = this.#generation;
    this.#announce();
    if (generation === this.#generation) {
      this.#withToken((token) => {
        this.#open(token);
      });
    }
  }

  /** Gets the token and goes on, unless the connection or attempt has ended meanwhile. */
  #withToken(proceed: (token: string | undefined) => void): void {
    const generation = this.#generation;
    const isCurrent = () => generation === this.#generation;
    readToken(
      this.#settings.token,
      (token) => {
        if (isCurrent()) proceed(token);
      },
      (cause) => {
        if (isCurrent()) this.#refuseToken(cause);
      },
    );
  }

  #refuseToken(cause: unknown): void {
    const isFinal = isFinalRefusal(cause);
    const reason = isFinal ? 'unauthorized' : 'token-failed';
    const error = clientError(reason, 'The token function failed.', { cause, retryable: !isFinal });
    if (isFinal) {
      this.#end(error, { reason });
      return;
    }
    // While connected the server has asked for a fresh token: it decides what follows.
    if (!this.isConnected) this.#lose({ reason }, 'reconnect');
    this.#observer.failed(error);
  }

  #open(token: string | undefined): void {
    const { url, environment } = this.#settings;
    try {
      if (environment.WebSocket === undefined) throw new TypeError('No WebSocket here.');
      this.#listen(new environment.WebSocket(url, [SUBPROTOCOL]), token);
    } catch (cause) {
      // A malformed URL or a forbidden one (ws: from https:) stays so: trying again is no use.
      const reason = 'invalid-url';
      this.#end(clientError(reason, 'The runtime refused to connect.', { cause }), { reason });
    }
  }

  #listen(socket: WebSocketLike, token: string | undefined): void {
    this.#socket = socket;
    socket.onopen = () => {
      const rooms = this.#observer.hello();
      const attempt = this.#generation;
      const hello: HelloFrame = { type: 'hello', clientKey: this.#clientKey, attempt, rooms };
      // An empty token is none: the server would refuse the field.
      socket.send(encodeClientFrame(token ? { ...hello, token } : hello));
    };
    socket.onmessage = ({ data }: { data: unknown }) => {
      this.#receive(data);
    };
    socket.onclose = ({ code, reason }: { code: number; reason: string }) => {
      this.#lose({ code, reason }, closeAction(code));
    };
    // What went wrong is not told to pages, and a close always follows.
    socket.onerror = () => undefined;
  }

  #receive(data: unknown): void {
    this.#liveness.touch();
    const frame = decodeServerFrame(data);
    if (frame instanceof ProtocolError) this.#misread(frame);
    else if (frame.type === 'connected') this.#welcome(frame);
    else if (frame.type === 'going-away') this.#backoff.announced(frame);
    else if (!this.isConnected) return;
    else if (frame.type === 'authenticate') this.#renew();
    else if (frame.type === 'error' && frame.id === this.#renewalId) {
      this.#observer.failed(fromErrorFrame(frame));
    } else this.#observer.received(frame);
  }

  #misread({ fatal, code, message, id }: ProtocolError): void {
    if (fatal) {
      this.#abandon(BAD_FRAME, code);
    } else if (code !== 'unknown-type') {
      // Types of later versions are ignored. Others may have been the answer that somebody waits for.
      const error = { code, message, retryable: false };
      if (id !== undefined) this.#observer.received({ type: 'error', id, ...error });
      this.#observer.received({ type: 'error', ...error });
    }
  }

  #welcome(frame: ConnectedFrame): void {
    if (this.#state !== 'connecting') return;
    this.#stopTimers();
    this.#enter('connected');
    this.#backoff.connected();
    this.#liveness.start(frame.heartbeat);
    this.#observer.connected(frame);
    this.#announce();
  }

  /** Shows fresh credentials. A fixed token is not fresh: then the server closes, and that decides. */
  #renew(): void {
    if (typeof this.#settings.token !== 'function') return;
    this.#withToken((token) => {
      if (token) this.send({ type: 'authenticate', id: (this.#renewalId = this.nextId()), token });
    });
  }

  /** Gives the connection up from this side. */
  #abandon(code: number, reason: string): void {
    this.#release(code, reason);
    this.#lose({ reason }, 'reconnect');
  }

  #lose(loss: Loss, action: CloseAction): void {
    this.#release();
    const { environment, token } = this.#settings;
    let error = endingError(loss, action, typeof token === 'function');
    const delayMs = error === undefined ? this.#backoff.next(action) : undefined;
    if (delayMs === undefined) {
      error ??= clientError('attempts-exhausted', 'Too many attempts failed.', { details: loss });
      this.#end(error, loss);
      return;
    }
    this.#enter('waiting', { ...loss, delayMs });
    const again = () => {
      this.#attempt();
    };
    this.#stopTimer = environment.after(delayMs, again);
    this.#stopOnline = environment.onOnline(again);
    this.#observer.lost();
    this.#announce();
  }

  #end(error: RealtimeClientError, loss: Loss): void {
    if (this.#closedBy !== undefined) return;
    this.#closedBy = error;
    this.#release();
    this.#enter('closed', loss);
    this.#observer.closed(error);
    this.#announce();
    // The application's own close is no news to it.
    if (loss.code !== NORMAL) this.#observer.failed(error);
  }

  /** Lets go of socket and timers. A socket that is closed already takes no notice. */
  #release(code: number = NORMAL, reason?: string): void {
    this.#generation += 1;
    this.#stopTimers();
    this.#liveness.stop();
    const socket = this.#socket;
    if (socket === undefined) return;
    this.#socket = undefined;
    // `onerror` stays: `ws` throws an error that nobody listens for, such as that of an aborted handshake.
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(code, reason);
  }

  #stopTimers(): void {
    this.#stopTimer?.();
    this.#stopOnline?.();
    this.#stopTimer = this.#stopOnline = undefined;
  }

  #enter(state: ClientState, more?: Omit<StateChange, 'state' | 'previous'>): void {
    this.#changes.push({ state, previous: this.#state, ...more });
    this.#state = state;
  }

  /** Tells transitions in order, also those that a handler causes while it is being told. */
  #announce(): void {
    if (this.#isAnnouncing) return;
    this.#isAnnouncing = true;
    for (let next = this.#changes.shift(); next !== undefined; next = this.#changes.shift()) {
      this.#observer.changed(next);
    }
    this.#isAnnouncing = false;
  }
}
