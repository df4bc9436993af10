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
import type { ClientPresence } from './client-presence.js';
import { deferred, type Deferred } from './deferred.js';
import type { Emitter } from './emitter.js';
import { clientError, fromErrorFrame, type RealtimeClientError } from './errors.js';
import { Retry } from './retry.js';
import type { RoomHost, StreamFrame } from './room-host.js';
import { RoomStream } from './room-stream.js';
import type { RoomLifecycle, RoomState } from './room.js';

/** The open question of a room that was named in the hello. No id: those are decimal numbers. */
const HELLO = 'hello';

/** What a subscription needs of its room. */
export interface SubscriptionRoom {
  readonly name: string;
  readonly presence: Pick<ClientPresence, 'subscribed' | 'lost' | 'forget'>;
  readonly lifecycle: Emitter<RoomLifecycle>;
  readonly deliver: (frame: MessageFrame) => void;
}

/** See the head of this file. */
export class Subscription {
  readonly #host: RoomHost;
  readonly #room: SubscriptionRoom;
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
  constructor(host: RoomHost, room: SubscriptionRoom) {
    this.#host = host;
    this.#room = room;
    this.#retry = new Retry(host.settings, () => {
      this.#askAgain();
    });
    this.#stream = new RoomStream({
      lifecycle: room.lifecycle,
      deliver: room.deliver,
      raise: (error) => {
        this.#tell(error);
      },
      isSubscribed: () => this.#state === 'subscribed',
      isAsking: () => this.#question !== undefined,
      ask: () => {
        this.#ask('subscribe');
      },
      askLater: () => {
        this.#retry.later();
      },
    });
  }

  get state(): RoomState {
    return this.#state;
  }

  get position(): Position | undefined {
    return this.#stream.position;
  }

  /** Wants to be in the room, and, for a new handler of `reset`, to have its state. */
  want(needsState = false): void {
    const { closedBy, isConnected } = this.#host.link;
    if (closedBy !== undefined) return;
    if (needsState) this.#stream.needState();
    const wasWanted = this.#isWanted;
    this.#isWanted = true;
    if (wasWanted || this.#state === 'subscribed') {
      if (needsState) this.#askForState();
    } else {
      if (isConnected) this.#ask('subscribe');
      this.#enter('subscribing');
    }
  }

  /** Wants to be in the room until it is left. Resolves when it is. */
  hold(): Promise<void> {
    const { closedBy } = this.#host.link;
    const ready = this.#ready ?? deferred();
    if (closedBy !== undefined) {
      ready.reject(closedBy);
      return ready.promise;
    }
    this.#isHeld = true;
    this.#ready = ready;
    this.want();
    if (this.#state === 'subscribed') this.#settle()?.resolve();
    return ready.promise;
  }

  /** Nobody listens any more. */
  release(): void {
    if (this.#isHeld) return;
    if (this.#isInvited) this.#isWanted = false;
    else this.leave();
  }

  /** Leaves the room, whoever listens. */
  leave(): void {
    if (this.#state === 'unsubscribed') return;
    const isKnownToServer = this.#state === 'subscribed' || this.#question !== undefined;
    if (isKnownToServer && this.#host.link.isConnected) this.#ask('unsubscribe');
    this.#forget(clientError('cancelled', 'The room was left.'));
  }

  /** The room's part of a hello, if it is wanted. */
  hello(): HelloRoom | undefined {
    if (!this.#isWanted) return undefined;
    this.#question = HELLO;
    return { room: this.#room.name, ...this.#stream.wish() };
  }

  /** Frames may be sent: makes up for what was asked since the hello went out. */
  connected(): void {
    if (!this.#isWanted && this.#question === HELLO) this.#ask('unsubscribe');
    else {
      this.#askAgain();
      this.#askForState();
    }
  }

  /** The connection is gone, and the server's knowledge of us with it. */
  lost(): void {
    this.#question = undefined;
    this.#retry.stop();
    this.#room.presence.lost();
    if (this.#isWanted) this.#enter('subscribing');
    else this.#forget();
  }

  /** The client closed for good. */
  close(error: RealtimeClientError): void {
    this.#question = undefined;
    this.#forget(error);
  }

  receive(frame: StreamFrame): void {
    const { type } = frame;
    if (type === 'subscribed' || type === 'unsubscribed') {
      // Without id: about the rooms of the hello, or the server's own doing. With: the answer to a question.
      if (frame.id === undefined ? isId(this.#question) : frame.id !== this.#question) return;
      if (type === 'subscribed') this.#admit(frame);
      else this.#dismiss(frame);
    } else this.#stream.receive(frame);
  }

  /** Takes an error frame, if it answers this room's question. */
  refuse(frame: ErrorFrame): boolean {
    if (frame.id !== this.#question) return false;
    const wasSubscribed = this.#state === 'subscribed';
    this.#question = undefined;
    if (this.#isWanted) this.#reject(fromErrorFrame(frame));
    // The subscription before the question goes on, as far as the server knows.
    if (wasSubscribed && this.state === 'unsubscribed') this.#ask('unsubscribe');
    return true;
  }

  #ask(type: 'subscribe' | 'unsubscribe'): void {
    const { link } = this.#host;
    const id = link.nextId();
    this.#question = id;
    this.#retry.stop();
    link.send({
      type,
      id,
      room: this.#room.name,
      ...(type === 'subscribe' && this.#stream.wish()),
    });
  }

  #askAgain(): void {
    if (this.#isWanted && this.#question === undefined) this.#ask('subscribe');
  }

  #askForState(): void {
    const isOpen = this.#isWanted && this.#host.link.isConnected;
    if (isOpen && this.#stream.mustAskForState) this.#ask('subscribe');
  }

  #admit(frame: SubscribedFrame): void {
    const isUnasked = this.#question === undefined;
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
    this.#room.presence.subscribed();
    proceed();
  }

  #dismiss({ id, reason }: UnsubscribedFrame): void {
    this.#question = undefined;
    // With id it answers our own unsubscribe: the room was left when that was asked.
    if (id !== undefined) return;
    const code = reason ?? 'not-subscribed';
    const message = 'The server ended or refused the subscription.';
    this.#reject(fromErrorFrame({ code, message, retryable: isRetryable(code) }));
  }

  /** The server does not want us here: for now, or for good. */
  #reject(error: RealtimeClientError): void {
    const isAwaited = this.#ready !== undefined;
    const isAboutState = error.code === 'unsupported' && this.#isWanted;
    if (isAboutState && this.#stream.doWithoutState(error)) {
      this.#askAgain();
      return;
    }
    if (error.retryable && this.#isWanted) {
      this.#retry.later(error.retryAfterMs);
      this.#enter('subscribing');
    } else {
      this.#forget(error, error.code);
    }
    if (!isAwaited || this.#room.lifecycle.has('error')) this.#tell(error);
  }

  #tell(error: RealtimeClientError): void {
    if (!this.#room.lifecycle.emit('error', error)) this.#host.raise(error);
  }

  /** Out of the room: nothing is wanted and nothing remembered. Whoever waits to be in it gets the error. */
  #forget(error?: RealtimeClientError, reason?: string): void {
    this.#isWanted = this.#isHeld = this.#isInvited = false;
    this.#stream.forget();
    this.#retry.stop();
    this.#room.presence.forget();
    if (error !== undefined) this.#settle()?.reject(error);
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
    this.#room.lifecycle.emit(state, ...args);
  }
}

/** Whether the open question has an id, so that answers without one are about something older. */
const isId = (question: string | undefined): boolean =>
  question !== undefined && question !== HELLO;
