/**
 * What a client is made of, and who gets which frame. The facade, and the features that are imported
 * apart, find it under {@link CORE}.
 */
import type {
  ConnectedFrame,
  HelloRoom,
  ProtocolError,
  ServerCancelFrame,
  ServerFrame,
  ServerRequestFrame,
} from '../protocol/index.js';
import { Calls } from './calls.js';
import type { ClientLifecycle } from './client-api.js';
import type { StateChange } from './client-state.js';
import { deferred, type Deferred } from './deferred.js';
import { Emitter } from './emitter.js';
import { fromErrorFrame, type RealtimeClientError } from './errors.js';
import type { LinkObserver } from './link-observer.js';
import { Link } from './link.js';
import { messageInfo, type MessageArguments } from './message-info.js';
import type { Settings } from './options.js';
import type { RoomHost } from './room-host.js';
import { Rooms } from './rooms.js';

/** Where a client keeps its {@link Core}. A symbol: no name that an application could use. */
export const CORE: unique symbol = Symbol();

/** Takes the server's requests. */
export interface RequestTaker {
  readonly receive: (frame: ServerRequestFrame | ServerCancelFrame) => void;
  /** The connection is gone, and whoever waits for answers with it. */
  readonly lost: () => void;
}

/** See the head of this file. */
export class Core implements LinkObserver, RoomHost {
  readonly settings: Settings;
  readonly link: Link;
  readonly calls: Calls;
  readonly rooms: Rooms;
  readonly lifecycle: Emitter<ClientLifecycle>;
  /** Messages that belong to no room. */
  readonly direct: Emitter<Record<string, MessageArguments>>;
  requestTaker: RequestTaker | undefined;
  /** Who we are on this connection. */
  session: ConnectedFrame | undefined;
  isDelayed = false;
  #ready: Deferred<void> | undefined;

  constructor(settings: Settings) {
    const { reportError } = settings.environment;
    this.settings = settings;
    this.lifecycle = new Emitter(reportError);
    this.direct = new Emitter(reportError);
    this.link = new Link(settings, this);
    this.calls = new Calls(this.link, settings);
    this.rooms = new Rooms(this);
  }

  /** Resolves when connected. */
  connect(): Promise<void> {
    const ready = this.#ready ?? deferred();
    const { closedBy, state } = this.link;
    if (closedBy !== undefined) ready.reject(closedBy);
    else if (state === 'connected') ready.resolve();
    else this.#ready = ready;
    this.link.start();
    return ready.promise;
  }

  /** Tells of what no call is told about. */
  raise(error: RealtimeClientError): void {
    if (!this.lifecycle.emit('error', error)) this.settings.environment.reportError(error);
  }

  hello(): readonly HelloRoom[] {
    return this.rooms.hello();
  }

  isAwaiting(): boolean {
    return this.calls.isAwaiting;
  }

  connected(frame: ConnectedFrame): void {
    this.session = frame;
    this.requestTaker?.lost();
    this.rooms.each((room) => {
      room.connected();
    });
    this.calls.connected();
    this.#ready?.resolve();
    this.#ready = undefined;
    // After a move nobody has said that the connection before is gone.
    this.#delay();
  }

  lost(): void {
    this.session = undefined;
    this.requestTaker?.lost();
    this.calls.lost();
    this.rooms.each((room) => {
      room.lost();
    });
  }

  closed(error: RealtimeClientError): void {
    this.session = undefined;
    this.requestTaker?.lost();
    this.#ready?.reject(error);
    this.calls.close(error);
    this.rooms.each((room) => {
      room.close(error);
    });
  }

  changed(change: StateChange): void {
    this.#delay();
    this.lifecycle.emit('state', change);
  }

  misread({ code, message, id }: ProtocolError): void {
    // Types of later versions are ignored.
    if (code === 'unknown-type') return;
    const error = { type: 'error', code, message, retryable: false } as const;
    // It may have been the answer that somebody waits for.
    if (id !== undefined) this.received({ ...error, id });
    this.received(error);
  }

  received(frame: ServerFrame): void {
    switch (frame.type) {
      case 'request':
      case 'cancel':
        if (this.requestTaker) this.requestTaker.receive(frame);
        else if (frame.type === 'request') this.#refuse(frame);
        break;
      case 'response':
      case 'next':
      case 'complete':
      case 'published':
      case 'history':
        this.calls.receive(frame);
        break;
      case 'delayed':
        this.#delay(frame.delayed, frame.rooms);
        break;
      case 'error':
        if (frame.id === undefined) this.raise(fromErrorFrame(frame));
        else if (!this.rooms.refuse(frame)) this.calls.receive(frame);
        break;
      case 'presence':
        if (!this.calls.receive(frame)) this.rooms.receive(frame.room, frame);
        break;
      case 'message':
        if (frame.room === undefined) {
          this.direct.emit(frame.event, frame.payload, messageInfo(frame));
        } else this.rooms.receive(frame.room, frame);
        break;
      default:
        // `pong` and `authenticated` have done their work by arriving; the rest is the link's.
        if ('room' in frame) this.rooms.receive(frame.room, frame);
    }
  }

  #delay(isDelayed = false, rooms?: readonly string[]): void {
    if (!isDelayed && !this.isDelayed) return;
    this.isDelayed = isDelayed;
    this.lifecycle.emit('delayed', isDelayed, rooms);
  }

  /** Nothing is answered with silence, not even what this client cannot know. */
  #refuse({ id }: ServerRequestFrame): void {
    const code = 'unknown-event';
    this.link.send({ type: 'error', id, code, message: code });
  }
}
