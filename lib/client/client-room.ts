/**
 * One room: what the application wants, what the server was asked, and where in the stream we are.
 *
 * `#question` names what is open on this connection (an id, or {@link HELLO} for the rooms of a
 * hello, whose answers carry no id). Only its answer counts: when subscribe, unsubscribe, subscribe
 * follow each other quickly, the answers to the first two are stale. Messages that arrive before the
 * answer belong to an earlier subscription and are dropped; the position that the answer continues
 * from covers them.
 */
import {
  isRetryable,
  type ErrorFrame,
  type GapFrame,
  type HelloRoom,
  type MessageFrame,
  type Position,
  type PositionFrame,
  type SubscribedFrame,
  type UnsubscribedFrame,
} from '../protocol/index.js';
import { backoffDelay } from './backoff.js';
import type { Calls } from './calls.js';
import { deferred, type Deferred } from './deferred.js';
import { Emitter } from './emitter.js';
import { clientError, fromErrorFrame, type RealtimeClientError } from './errors.js';
import type { Link } from './link.js';
import { messageInfo, type MessageArguments } from './message-info.js';
import type { Settings } from './options.js';
import { Place } from './place.js';
import type { CallOptions, PublishReceipt, Room, RoomLifecycle, RoomState } from './room.js';

/** The open question of a room that was named in the hello. No id: those are decimal numbers. */
const HELLO = 'hello';

const LIFECYCLE: readonly string[] = [
  'gap',
  'subscribing',
  'subscribed',
  'unsubscribed',
  'error',
] satisfies (keyof RoomLifecycle)[];

/** What a room needs of its client. */
export interface RoomHost {
  readonly settings: Settings;
  readonly link: Link;
  readonly calls: Calls;
  /** Gets errors that nobody listens for in the room. */
  readonly raise: (error: RealtimeClientError) => void;
}

/** Frames about a room. */
export type RoomFrame =
  SubscribedFrame | UnsubscribedFrame | GapFrame | PositionFrame | MessageFrame;

/** See the head of this file. */
export class ClientRoom implements Room {
  readonly name: string;
  readonly #host: RoomHost;
  readonly #lifecycle: Emitter<RoomLifecycle>;
  readonly #messages: Emitter<Record<string, MessageArguments>>;
  #state: RoomState = 'unsubscribed';
  readonly #place = new Place();
  #isWanted = false;
  /** Wanted by `subscribe()`, so that it outlives the last handler. */
  #isHeld = false;
  /** The server put us here, so the last handler's end does not make us leave. */
  #isInvited = false;
  #question: string | undefined;
  #ready: Deferred<void> | undefined;
  #refusals = 0;
  #stopRetry: (() => void) | undefined;

  constructor(name: string, host: RoomHost) {
    const { reportError } = host.settings.environment;
    this.name = name;
    this.#host = host;
    this.#lifecycle = new Emitter(reportError);
    this.#messages = new Emitter(reportError);
  }

  get state(): RoomState {
    return this.#state;
  }

  get position(): Position | undefined {
    return this.#place.position;
  }

  on(event: string, handler: (...args: never) => unknown): () => void {
    if (LIFECYCLE.includes(event)) {
      return this.#lifecycle.on(
        event as keyof RoomLifecycle,
        handler as (...args: RoomLifecycle[keyof RoomLifecycle]) => unknown,
      );
    }
    const off = this.#messages.on(event, handler as (...args: MessageArguments) => unknown);
    this.#want();
    return () => {
      off();
      // Not at once: a component that is replaced takes its handler away just before the next one adds its own.
      queueMicrotask(() => {
        if (this.#messages.size === 0 && !this.#isHeld) this.#leave();
      });
    };
  }

  subscribe(): Promise<void> {
    const { closedBy } = this.#host.link;
    const ready = this.#ready ?? deferred();
    if (closedBy !== undefined) {
      ready.reject(closedBy);
      return ready.promise;
    }
    this.#isHeld = true;
    this.#ready = ready;
    this.#want();
    if (this.#state === 'subscribed') this.#settle()?.resolve();
    return ready.promise;
  }

  unsubscribe(): void {
    this.#isInvited = false;
    this.#leave();
  }

  async publish(event: string, payload?: unknown, options?: CallOptions): Promise<PublishReceipt> {
    const question = { type: 'publish', room: this.name, event, payload } as const;
    const frame = await this.#host.calls.ask(question, 'published', options);
    return { epoch: frame.epoch, offset: frame.offset, durability: frame.durability };
  }

  /** The room's part of a hello, if it is wanted. */
  hello(): HelloRoom | undefined {
    if (!this.#isWanted) return undefined;
    this.#question = HELLO;
    return { room: this.name, ...this.position };
  }

  /** Frames may be sent: makes up for what was asked since the hello went out. */
  connected(): void {
    if (!this.#isWanted && this.#question === HELLO) this.#ask('unsubscribe');
    else this.#askAgain();
  }

  /** The connection is gone, and the server's knowledge of us with it. */
  lost(): void {
    this.#question = undefined;
    this.#stopRetry?.();
    if (this.#isWanted) this.#enter('subscribing');
    else this.#forget();
  }

  /** The client closed for good. */
  close(error: RealtimeClientError): void {
    this.#question = undefined;
    this.#forget(error);
  }

  receive(frame: RoomFrame): void {
    const { type } = frame;
    if (type === 'subscribed' || type === 'unsubscribed') {
      // Without id: about the rooms of the hello, or the server's own doing. With: the answer to a question.
      if (frame.id === undefined ? isId(this.#question) : frame.id !== this.#question) return;
      if (type === 'subscribed') this.#admit(frame);
      else this.#dismiss(frame);
    } else if (this.#state === 'subscribed') {
      if (type === 'gap') this.#lifecycle.emit('gap', this.#place.jump(frame, frame.reason));
      else if (type === 'position') this.#advance(frame);
      else this.#deliver(frame);
    }
  }

  /** Takes an error frame, if it answers this room's question. */
  refuse(frame: ErrorFrame): boolean {
    if (frame.id !== this.#question) return false;
    this.#question = undefined;
    if (this.#isWanted) this.#reject(fromErrorFrame(frame));
    return true;
  }

  #want(): void {
    if (this.#isWanted || this.#host.link.closedBy !== undefined) return;
    this.#isWanted = true;
    if (this.#state === 'subscribed') return;
    if (this.#host.link.isConnected) this.#ask('subscribe');
    this.#enter('subscribing');
  }

  #leave(): void {
    if (this.#isInvited) this.#isWanted = false;
    else if (this.#state !== 'unsubscribed') {
      const isKnownToServer = this.#state === 'subscribed' || this.#question !== undefined;
      if (isKnownToServer && this.#host.link.isConnected) this.#ask('unsubscribe');
      this.#forget(clientError('cancelled', 'The room was left.'));
    }
  }

  #ask(type: 'subscribe' | 'unsubscribe'): void {
    const { link } = this.#host;
    const id = link.nextId();
    this.#question = id;
    this.#stopRetry?.();
    const position = type === 'subscribe' ? this.position : undefined;
    link.send({ type, id, room: this.name, ...position });
  }

  #askAgain(): void {
    if (this.#isWanted && this.#question === undefined) this.#ask('subscribe');
  }

  #admit(frame: SubscribedFrame): void {
    const isUnasked = this.#question === undefined;
    // Said twice: the messages' own offsets keep us honest.
    if (isUnasked && this.#state === 'subscribed') return;
    this.#isInvited = isUnasked && !this.#isWanted;
    this.#question = undefined;
    this.#stopRetry?.();
    this.#refusals = 0;
    const gap = this.#place.continueFrom(frame);
    const { epoch, offset, recovered, replayed = 0 } = frame;
    this.#settle()?.resolve();
    const position = this.position ?? { epoch, offset };
    this.#enter('subscribed', { position, recovered, replayed });
    if (gap !== undefined) this.#lifecycle.emit('gap', gap);
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
    if (error.retryable && this.#isWanted) {
      this.#retry(error.retryAfterMs);
      this.#enter('subscribing');
    } else {
      this.#forget(error, error.code);
    }
    if (!this.#lifecycle.emit('error', error) && !isAwaited) this.#host.raise(error);
  }

  #retry(atLeastMs = 0): void {
    const { environment, reconnect } = this.#host.settings;
    this.#refusals += 1;
    const delayMs = backoffDelay(this.#refusals, reconnect, environment.random());
    this.#stopRetry = environment.after(Math.max(delayMs, atLeastMs), () => {
      this.#askAgain();
    });
  }

  /** Out of the room: nothing is wanted and nothing remembered. Whoever waits to be in it gets the error. */
  #forget(error?: RealtimeClientError, reason?: string): void {
    this.#isWanted = this.#isHeld = this.#isInvited = false;
    this.#place.forget();
    this.#stopRetry?.();
    if (error !== undefined) this.#settle()?.reject(error);
    this.#enter('unsubscribed', { reason });
  }

  /** Who waits for the subscription, to be told for the last time. */
  #settle(): Deferred<void> | undefined {
    const ready = this.#ready;
    this.#ready = undefined;
    return ready;
  }

  #deliver(frame: MessageFrame): void {
    const info = messageInfo(frame);
    if (info.position === undefined || this.#advance(info.position)) {
      this.#messages.emit(frame.event, frame.payload, info);
    }
  }

  /** Moves to the next message; tells of a hole before it. Returns `false` for duplicates, or if that made the handler leave. */
  #advance(position: Position): boolean {
    const step = this.#place.advance(position);
    if (typeof step === 'object') this.#lifecycle.emit('gap', step);
    return step !== false && this.#state === 'subscribed';
  }

  #enter<S extends RoomState>(state: S, ...args: RoomLifecycle[S]): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#lifecycle.emit(state, ...args);
  }
}

/** Whether the open question has an id, so that answers without one are about something older. */
const isId = (question: string | undefined): boolean =>
  question !== undefined && question !== HELLO;
