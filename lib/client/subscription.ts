/**
 * The way into a room: what is wanted, and what the server was asked.
 *
 * `#question` names what is open on this connection (an id, or {@link HELLO} for the rooms of a
 * hello, whose answers carry no id). Only its answer counts: when subscribe, unsubscribe, subscribe
 * follow each other quickly, the answers to the first two are stale. Messages that arrive before the
 * answer belong to an earlier subscription; the position that the answer continues from covers them.
 */
import {
  isRetryable,
  type ErrorFrame,
  type HelloRoom,
  type MessageFrame,
  type Position,
  type SubscribedFrame,
  type UnsubscribedFrame,
} from '../protocol/index.js';
import { ClientPresence, type PresenceRoom } from './client-presence.js';
import { deferred, type Deferred } from './deferred.js';
import { Emitter } from './emitter.js';
import { clientError, fromErrorFrame, RealtimeClientError } from './errors.js';
import { Retry } from './retry.js';
import type { RoomFrame, RoomHost } from './room-host.js';
import { RoomStream, type StreamHost } from './room-stream.js';
import type { RoomLifecycle, RoomState } from './room.js';

/** The open question of a room that was named in the hello. No id: those are decimal numbers. */
const HELLO = 'hello';

/** See the head of this file. */
export abstract class Subscription implements StreamHost, PresenceRoom {
  readonly presence: ClientPresence;
  readonly lifecycle: Emitter<RoomLifecycle>;
  readonly #stream: RoomStream;
  readonly #retry: Retry;
  #state: RoomState = 'unsubscribed';
  #isWanted = false;
  /** Wanted by `subscribe()`, so that it outlives the last handler. */
  #isHeld = false;
  /** The server put us here, so the last handler's end does not make us leave. */
  #isInvited = false;
  #question: string | undefined;
  #ready: Deferred<void> | undefined;

  constructor(
    readonly name: string,
    protected readonly host: RoomHost,
  ) {
    this.lifecycle = new Emitter(host.settings.environment.reportError);
    this.presence = new ClientPresence(host, this);
    this.#stream = new RoomStream(this);
    this.#retry = new Retry(host.settings, () => {
      this.#askAgain();
    });
  }

  /** Gives a message to who listens. */
  abstract deliver(frame: MessageFrame): void;

  /** Nobody listens any more, maybe. */
  abstract release(): void;

  get state(): RoomState {
    return this.#state;
  }

  get position(): Position | undefined {
    return this.#stream.position;
  }

  /** Whether the server has not answered yet. */
  get isAsking(): boolean {
    return !!this.#question;
  }

  /** Asks again after a while. */
  askLater(): void {
    this.#retry.postpone();
  }

  /** Wants to be in the room, and, for a new handler of `reset`, to have its state. */
  want(needsState = false): void {
    const { closedBy, isConnected } = this.host.link;
    if (closedBy) return;
    if (needsState) this.#stream.needState();
    const wasWanted = this.#isWanted;
    this.#isWanted = true;
    if (wasWanted || this.#state === 'subscribed') {
      if (needsState) this.#askForState();
    } else {
      if (isConnected) this.ask();
      this.#enter('subscribing');
    }
  }

  subscribe(): Promise<void> {
    const { closedBy } = this.host.link;
    const ready = (this.#ready ??= deferred());
    if (closedBy) this.#settle()?.reject(closedBy);
    else {
      this.#isHeld = true;
      this.want();
      if (this.#state === 'subscribed') this.#settle()?.resolve();
    }
    return ready.promise;
  }

  /** Nobody listens any more. */
  protected abandon(): void {
    if (this.#isHeld) return;
    if (this.#isInvited) this.#isWanted = false;
    else this.unsubscribe();
  }

  unsubscribe(): void {
    if (this.#state === 'unsubscribed') return;
    const isKnownToServer = this.#state === 'subscribed' || this.isAsking;
    if (isKnownToServer && this.host.link.isConnected) this.ask('unsubscribe');
    this.#forget(clientError('cancelled'));
  }

  /** The room's part of a hello, if it is wanted. */
  hello(): HelloRoom | undefined {
    if (!this.#isWanted) return undefined;
    this.#question = HELLO;
    return { room: this.name, ...this.#stream.wish() };
  }

  /** Frames may be sent: makes up for what was asked since the hello went out. */
  connected(): void {
    // After a move nobody has said that the connection before is gone: what only that was asked is never answered.
    if (this.#question !== HELLO) this.#question = undefined;
    this.presence.lost();
    if (!this.#isWanted && this.#state === 'subscribed') this.#forget();
    else if (!this.#isWanted && this.#question === HELLO) this.ask('unsubscribe');
    else {
      this.#askAgain();
      this.#askForState();
    }
  }

  /** The connection is gone, and the server's knowledge of us with it. With an error: for good. */
  lost(error?: RealtimeClientError): void {
    this.#question = undefined;
    this.#retry.stop();
    this.presence.lost();
    if (this.#isWanted && !error) this.#enter('subscribing');
    else this.#forget(error);
  }

  receive(frame: RoomFrame): void {
    const { type } = frame;
    if (type === 'presence' || type === 'presence-change') this.presence.receive(frame);
    else if (type === 'subscribed' || type === 'unsubscribed') {
      // Without id: about the rooms of the hello, or the server's own doing. With: the answer to a question.
      if ((frame.id ?? HELLO) !== (this.#question ?? HELLO)) return;
      // During a move the connection before may still answer its own hello.
      if (this.#question === HELLO && !this.host.link.isConnected) return;
      if (type === 'subscribed') this.#admit(frame);
      else this.#dismiss(frame);
    } else this.#stream.receive(frame);
  }

  /** Takes an error frame, if it answers this room's question. */
  refuse(frame: ErrorFrame): boolean {
    if (frame.id !== this.#question) return this.presence.refuse(frame);
    const wasSubscribed = this.#state === 'subscribed';
    this.#question = undefined;
    if (this.#isWanted) this.#reject(fromErrorFrame(frame));
    // The subscription before the question goes on, as far as the server knows.
    if (wasSubscribed && this.state === 'unsubscribed') this.ask('unsubscribe');
    return true;
  }

  /** Asks the server, by default to be in the room. */
  ask(type: 'subscribe' | 'unsubscribe' = 'subscribe'): void {
    const { link } = this.host;
    const id = link.nextId();
    this.#question = id;
    this.#retry.stop();
    link.send({
      type,
      id,
      room: this.name,
      ...(type === 'subscribe' && this.#stream.wish()),
    });
  }

  #askAgain(): void {
    if (this.#isWanted && !this.isAsking) this.ask();
  }

  #askForState(): void {
    const isOpen = this.#isWanted && this.host.link.isConnected;
    if (isOpen && this.#stream.mustAskForState) this.ask();
  }

  #admit(frame: SubscribedFrame): void {
    const isUnasked = !this.isAsking;
    const wasSubscribed = this.#state === 'subscribed';
    // Said twice: the messages' own offsets keep us honest.
    if (isUnasked && wasSubscribed) return;
    // Asking for something within a room is no wish to be in it.
    if (!wasSubscribed) this.#isInvited = isUnasked && !this.#isWanted;
    this.#question = undefined;
    this.#retry.succeeded();
    const proceed = this.#stream.begin(frame, isUnasked);
    const { recovered, replayed = 0 } = frame;
    this.#settle()?.resolve();
    this.#enter('subscribed', { position: this.position ?? frame, recovered, replayed });
    // Handlers may have left.
    if (this.#state !== 'subscribed') return;
    this.presence.subscribed();
    proceed();
  }

  #dismiss({ id, reason }: UnsubscribedFrame): void {
    this.#question = undefined;
    // With id it answers our own unsubscribe: the room was left when that was asked.
    if (id) return;
    const code = reason ?? 'not-subscribed';
    this.#reject(new RealtimeClientError(code, code, { retryable: isRetryable(code) }));
  }

  /** The server does not want us here: for now, or for good. */
  #reject(error: RealtimeClientError): void {
    const isAwaited = !!this.#ready;
    const isAboutState = error.code === 'unsupported' && this.#isWanted;
    if (isAboutState && this.#stream.doWithoutState(error)) {
      this.#askAgain();
      return;
    }
    if (error.retryable && this.#isWanted) {
      this.#retry.postpone(error.retryAfterMs);
      this.#enter('subscribing');
    } else {
      this.#forget(error, error.code);
    }
    if (!isAwaited || this.lifecycle.has('error')) this.raise(error);
  }

  /** Tells of what went wrong. */
  raise(error: RealtimeClientError): void {
    if (!this.lifecycle.emit('error', error)) this.host.raise(error);
  }

  /** Out of the room: nothing is wanted and nothing remembered. Whoever waits to be in it gets the error. */
  #forget(error?: RealtimeClientError, reason?: string): void {
    this.#isWanted = this.#isHeld = this.#isInvited = false;
    this.#stream.forget();
    this.#retry.stop();
    this.presence.forget();
    if (error) this.#settle()?.reject(error);
    this.#enter('unsubscribed', { reason });
  }

  /** Who waits for the subscription, to be told for the last time. */
  #settle(): Deferred<void> | undefined {
    const ready = this.#ready;
    this.#ready = undefined;
    return ready;
  }

  #enter<S extends RoomState>(state: S, ...args: RoomLifecycle[S]): void {
    if (this.#state === state) return;
    this.#state = state;
    this.lifecycle.emit(state, ...args);
  }
}
