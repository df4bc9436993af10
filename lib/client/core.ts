/**
 * What a client is made of, and who gets which frame. The facade, and the features that are imported
 * apart, find it under {@link CORE}.
 */
import {
  isRoomName,
  MAX_HELLO_ROOMS,
  type ConnectedFrame,
  type HelloRoom,
  type ProtocolError,
  type ServerCancelFrame,
  type ServerFrame,
  type ServerRequestFrame,
} from '../protocol/index.js';
import { Calls } from './calls.js';
import type { ClientLifecycle } from './client-api.js';
import type { StateChange } from './client-state.js';
import { ClientRoom } from './client-room.js';
import { deferred, type Deferred } from './deferred.js';
import { Emitter } from './emitter.js';
import { clientError, fromErrorFrame, RealtimeClientError } from './errors.js';
import type { LinkObserver } from './link-observer.js';
import { Link } from './link.js';
import { messageInfo, type MessageArguments } from './message-info.js';
import type { Settings } from './options.js';
import type { RoomHost } from './room-host.js';

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
  readonly lifecycle: Emitter<ClientLifecycle>;
  /** Messages that belong to no room. */
  readonly direct: Emitter<Record<string, MessageArguments>>;
  /** Nothing is answered with silence, not even what this client cannot know. */
  requestTaker: RequestTaker = {
    receive: ({ type, id }) => {
      const code = 'unknown-event';
      if (type === 'request') this.link.send({ type: 'error', id, code, message: code });
    },
    lost: () => undefined,
  };
  /** Who we are on this connection. */
  session: ConnectedFrame | undefined;
  isDelayed = false;
  /** Those that the application has asked for, for the life of the client. By name: `constructor` is one like any other. */
  readonly #rooms = new Map<string, ClientRoom>();
  #ready: Deferred<void> | undefined;

  constructor(settings: Settings) {
    const { reportError } = settings.environment;
    this.settings = settings;
    this.lifecycle = new Emitter(reportError);
    this.direct = new Emitter(reportError);
    this.link = new Link(settings, this);
    this.calls = new Calls(this.link, settings);
  }

  /** Resolves when connected. */
  connect(): Promise<void> {
    const ready = this.#ready ?? deferred();
    const { closedBy, state } = this.link;
    if (closedBy) ready.reject(closedBy);
    else if (state === 'connected') ready.resolve();
    else this.#ready = ready;
    this.link.start();
    return ready.promise;
  }

  /** Tells of what no call is told about. */
  raise(error: RealtimeClientError): void {
    if (!this.lifecycle.emit('error', error)) this.settings.environment.reportError(error);
  }

  /** @throws RealtimeClientError with code `invalid-room`. */
  room(name: string): ClientRoom {
    let room = this.#rooms.get(name);
    if (!room) {
      if (!isRoomName(name)) throw clientError('invalid-room');
      room = new ClientRoom(name, this);
      this.#rooms.set(name, room);
    }
    return room;
  }

  /** The wanted rooms, as many as a hello may carry. The others are asked for once connected. */
  hello(): HelloRoom[] {
    const wanted: HelloRoom[] = [];
    for (const room of this.#rooms.values()) {
      const hello = wanted.length < MAX_HELLO_ROOMS && room.hello();
      if (hello) wanted.push(hello);
    }
    return wanted;
  }

  isAwaiting(streams?: boolean): boolean {
    return this.calls.isAwaiting(streams);
  }

  connected(frame: ConnectedFrame): void {
    this.session = frame;
    this.requestTaker.lost();
    for (const room of this.#rooms.values()) room.connected();
    this.calls.connected();
    this.#ready?.resolve();
    this.#ready = undefined;
    // After a move nobody has said that the connection before is gone.
    this.#delay();
  }

  lost(error?: RealtimeClientError): void {
    this.session = undefined;
    this.requestTaker.lost();
    if (error) this.#ready?.reject(error);
    this.calls.lost(error);
    for (const room of this.#rooms.values()) room.lost(error);
  }

  changed(change: StateChange): void {
    // Also where the hello of the next connection keeps calls and rooms as they are: the one before is gone.
    if (change.state === 'connecting') {
      this.session = undefined;
      this.requestTaker.lost();
    }
    this.#delay();
    this.lifecycle.emit('state', change);
  }

  misread({ code, message, id }: ProtocolError): void {
    // Types of later versions are ignored.
    if (code === 'unknown-type') return;
    // It may have been the answer that somebody waits for.
    if (id) this.received({ type: 'error', id, code, message, retryable: false });
    this.raise(new RealtimeClientError(code, message));
  }

  received(frame: ServerFrame): void {
    const { type } = frame;
    if (type === 'request' || type === 'cancel') this.requestTaker.receive(frame);
    else if (type === 'delayed') this.#delay(frame.delayed, frame.rooms);
    else if (type === 'message' && frame.room === undefined) {
      this.direct.emit(frame.event, frame.payload, messageInfo(frame));
    } else if (type === 'error' && frame.id === undefined) this.raise(fromErrorFrame(frame));
    // Ids are this client's, but for those of messages: they name the message.
    else if ('id' in frame && type !== 'message' && this.calls.receive(frame)) return;
    else if (type === 'error') [...this.#rooms.values()].some((room) => room.refuse(frame));
    // What is late answers nobody. Rooms that the application never asked for concern nobody.
    else if ('room' in frame && type !== 'history') this.#rooms.get(frame.room)?.receive(frame);
  }

  #delay(isDelayed = false, rooms?: readonly string[]): void {
    if (!isDelayed && !this.isDelayed) return;
    this.isDelayed = isDelayed;
    this.lifecycle.emit('delayed', isDelayed, rooms);
  }
}
