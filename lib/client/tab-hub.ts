/**
 * One connection to the server, and the sockets of all pages that share it.
 *
 * Each socket's client speaks the protocol as if it were alone. Ids get the client's key in front on
 * their way to the server, and lose it on the way back. What belongs to a room goes to everyone: a
 * client ignores rooms that it is not in, and what it has seen. A room is left when its last client
 * leaves it. To the server all pages are one client instance.
 *
 * When the server goes away each client moves by itself, as if it were alone, all at the moment that is
 * chosen here. Their next sockets share another connection, so this one takes no new ones from then on,
 * and ends when the last client has left it.
 */
import {
  SUBPROTOCOL,
  type CloseCode,
  type ConnectedFrame,
  type GoingAwayFrame,
  type HelloFrame,
} from '../protocol/index.js';
import type { WebSocketConstructor, WebSocketLike } from './environment.js';
import { NO_ANSWER, REPLACED } from './own-closes.js';
import type { AnyFrame, SharedConnectedFrame } from './tab-frame.js';
import { MAX_TAG_BYTES, TabMember } from './tab-member.js';
import type { FromHub, SharedIdentity, ToHub } from './tab-messages.js';

const GOING_AWAY: typeof CloseCode.GoingAway = 1001;

/** What a hub needs of its page. */
export interface TabHubHost {
  readonly WebSocket: WebSocketConstructor;
  readonly post: (message: FromHub) => void;
  /** From 0 up to, not including, 1. */
  readonly random: () => number;
  /** Who all pages together are to the server, for one more connection. */
  readonly nextIdentity: () => SharedIdentity;
}

/** See the head of this file. */
export class TabHub {
  readonly #host: TabHubHost;
  /** Its name, which no other has. */
  readonly #hub: string;
  readonly #members = new Map<string, TabMember>();
  /** Requests of the server, and how many clients have not said that they cannot answer. */
  readonly #questions = new Map<string, number>();
  /** Ids of calls that the server has not answered. */
  readonly #underWay = new Set<string>();
  #upstream: WebSocketLike | undefined;
  /** The key that it said hello with. */
  #sharedKey = '';
  /** The last `delayed` frame: pages that come later have to know as well. */
  #delay: string | undefined;
  /** The `connected` frame, once the server has let us in. */
  #welcome: string | undefined;
  /** The `going-away` frame as the clients get it. */
  #farewell: string | undefined;
  /** Rooms that clients have taken with them to the next connection, once there are such clients. */
  #moved: Set<string> | undefined;

  constructor(host: TabHubHost, name: string) {
    this.#host = host;
    this.#hub = name;
  }

  /** Whether somebody shares it. */
  get isShared(): boolean {
    return this.#members.size > 0;
  }

  /** Whether the server goes away: who comes now belongs on the next connection. */
  get isLeaving(): boolean {
    return this.#farewell !== undefined;
  }

  /** Whether a socket shares it. */
  has(name: string): boolean {
    return this.#members.has(name);
  }

  /** Takes what a socket says. */
  receive(message: ToHub): void {
    const { from } = message;
    const member = this.#members.get(from);
    if (message.kind === 'open') {
      // Asked twice when it is not clear who has the connection.
      if (member === undefined) this.#members.set(from, new TabMember(from, message.url));
      this.#host.post({ kind: 'opened', hub: this.#hub, to: from });
    } else if (member === undefined) return;
    else if (message.kind === 'close') {
      const { code, reason } = message;
      this.drop(from, code, reason);
      // Who comes back at once would be let in to the same dead connection, and the others never see its end.
      if (code === NO_ANSWER && this.#upstream) this.#giveUp(code, reason ?? '');
    } else this.#forward(member, JSON.parse(message.data) as AnyFrame);
  }

  /** A socket is gone. With the last one goes the connection, which is no goodbye where others went on elsewhere. */
  drop(name: string, code = 4000, reason = 'page closed'): void {
    const member = this.#members.get(name);
    this.#members.delete(name);
    if (member === undefined) return;
    if (code === REPLACED) this.#moved = new Set([...(this.#moved ?? []), ...member.rooms]);
    const isLast = !this.isShared;
    if (!isLast || this.#moved) {
      for (const room of [...member.rooms]) this.#leaveRoom(member, { type: '', id: 'left', room });
    }
    if (isLast) this.close(this.#moved ? REPLACED : code, reason);
  }

  /** A page is gone without a word. */
  dropPage(page: string): void {
    for (const name of [...this.#members.keys()]) if (name.startsWith(page)) this.drop(name);
  }

  /** Ends the connection. */
  close(code: number, reason: string): void {
    const upstream = this.#upstream;
    this.#forget();
    if (upstream === undefined) return;
    upstream.onopen = upstream.onmessage = upstream.onclose = null;
    upstream.close(code, reason);
  }

  /** Ends the connection for everybody. */
  #giveUp(code: number, reason: string): void {
    this.close(code, reason);
    this.#ended(code, reason);
  }

  #ended(code: number, reason: string): void {
    // Replaced by the connection that others have moved to: who is still here is to follow, not to stop.
    const isLeft = this.isLeaving && code === REPLACED;
    this.#forget();
    this.#members.clear();
    this.#host.post({ kind: 'closed', hub: this.#hub, code: isLeft ? GOING_AWAY : code, reason });
  }

  /** What was the connection's goes with it. */
  #forget(): void {
    this.#upstream = this.#welcome = this.#delay = this.#farewell = this.#moved = undefined;
    this.#questions.clear();
    this.#underWay.clear();
  }

  #forward(member: TabMember, frame: AnyFrame): void {
    if (frame.type === 'hello') {
      member.hello = frame as unknown as HelloFrame;
      if (this.#welcome !== undefined) this.#greet(member, this.#welcome);
      else if (this.#upstream === undefined) this.#connect(member, member.hello);
    } else if (this.#welcome === undefined) return;
    else if (frame.type === 'unsubscribe') this.#leaveRoom(member, frame);
    else if (frame.type === 'response') this.#answer(frame, true);
    else if (frame.type === 'error') this.#answer(frame, frame.code !== 'unknown-event');
    else if (frame.action === 'unwatch') {
      member.watched.delete(frame.room ?? '');
      if (!this.#has((other) => other.watched.has(frame.room ?? ''))) this.#send(member.tag(frame));
    } else {
      if (frame.type === 'subscribe') member.rooms.add(frame.room ?? '');
      if (frame.action === 'watch') member.watched.set(frame.room ?? '', frame.id ?? '');
      this.#ask(member.tag(frame));
    }
  }

  /** A page that was loaded again repeats what the server may still be busy with, on this very connection: one answer will do. */
  #ask(frame: AnyFrame & { readonly id: string }): void {
    const { type, id } = frame;
    const isCall = type === 'request' || type === 'publish';
    if (isCall && this.#underWay.has(id)) return;
    if (isCall) this.#underWay.add(id);
    this.#send(frame);
  }

  #leaveRoom(member: TabMember, frame: AnyFrame): void {
    const { id, room = '' } = frame;
    member.rooms.delete(room);
    if (this.#moved?.has(room) || this.#has((other) => other.rooms.has(room))) {
      this.#tell(member, { type: 'unsubscribed', id, room });
    } else this.#send(member.tag({ type: 'unsubscribe', id, room }));
  }

  /** The first answer counts; that nobody can answer is one only when everybody has said so. */
  #answer(frame: AnyFrame, isAnswer: boolean): void {
    const id = frame.id ?? '';
    const left = (this.#questions.get(id) ?? 0) - 1;
    if (left < 0) return;
    this.#questions.set(id, left);
    if (!isAnswer && left > 0) return;
    this.#questions.delete(id);
    this.#send(frame);
  }

  #connect({ url, name }: TabMember, { token }: HelloFrame): void {
    let upstream: WebSocketLike;
    try {
      this.#upstream = upstream = new this.#host.WebSocket(url, [SUBPROTOCOL]);
    } catch (cause) {
      // Others may have come with a better one. Told as text: not everything that is thrown can be cloned.
      this.#members.delete(name);
      this.#host.post({ kind: 'refused', to: name, cause: String(cause) });
      return;
    }
    const identity = this.#host.nextIdentity();
    this.#sharedKey = identity.clientKey;
    const hello = { type: 'hello', ...identity, rooms: [] };
    upstream.onopen = () => {
      upstream.send(JSON.stringify(token === undefined ? hello : { ...hello, token }));
    };
    upstream.onmessage = ({ data }: { data: string }) => {
      this.#receiveFrame(data);
    };
    upstream.onclose = ({ code, reason }: { code: number; reason: string }) => {
      this.#ended(code, reason);
    };
    upstream.onerror = () => undefined;
  }

  #receiveFrame(data: string): void {
    const frame = JSON.parse(data) as AnyFrame;
    const { type, id = '' } = frame;
    const dot = id.indexOf('.');
    // The last one: the socket of the page before may not be known to be gone.
    const owner = [...this.#members.values()]
      .reverse()
      .find(({ prefix }) => prefix === id.slice(0, dot));
    if (type !== 'next') this.#underWay.delete(id);
    if (type === 'connected') {
      this.#welcome = this.#shared(frame as unknown as ConnectedFrame);
      for (const member of this.#members.values())
        if (member.hello) this.#greet(member, this.#welcome);
    } else if (type === 'request' || type === 'cancel') {
      if (type === 'request') this.#questions.set(id, this.#members.size);
      this.#post(data);
    } else if (type === 'authenticate') {
      // One has to show credentials, and any can.
      for (const [to] of [...this.#members].slice(0, 1)) this.#post(data, to);
    } else if (type === 'going-away') {
      this.#farewell = this.#chosen(frame as unknown as GoingAwayFrame);
      this.#post(this.#farewell);
    } else if (dot < 0) {
      if (type === 'delayed') this.#delay = data;
      this.#post(data);
    } else if (owner) this.#route(owner, frame, id.slice(dot + 1));
  }

  /** The server's welcome as the clients get it. */
  #shared(frame: ConnectedFrame): string {
    const frameBytes = frame.limits.frameBytes - MAX_TAG_BYTES;
    const limits = { ...frame.limits, frameBytes };
    const shared: SharedConnectedFrame = { ...frame, limits, sharedKey: this.#sharedKey };
    return JSON.stringify(shared);
  }

  /** One moment of the window for all, so that one connection follows. */
  #chosen(frame: GoingAwayFrame): string {
    const { afterMs, windowMs } = frame;
    const moment = Math.round(afterMs + this.#host.random() * windowMs);
    return JSON.stringify({ ...frame, afterMs: moment, windowMs: 0 });
  }

  #route(owner: TabMember, frame: AnyFrame, id: string): void {
    const { room = '' } = frame;
    if (frame.type === 'presence' && owner.watched.get(room) === id) {
      // Who is there is news to everyone who watches.
      for (const member of this.#members.values()) {
        const watch = member.watched.get(room);
        if (watch !== undefined) this.#tell(member, { ...frame, id: watch });
      }
    } else this.#tell(owner, owner.untag(frame, id));
  }

  #greet(member: TabMember, welcome: string): void {
    for (const data of [welcome, this.#delay, this.#farewell]) {
      if (data !== undefined) this.#post(data, member.name);
    }
    for (const wish of member.wishes()) this.#send(wish);
  }

  #has(isSo: (member: TabMember) => boolean): boolean {
    return [...this.#members.values()].some(isSo);
  }

  #tell({ name }: TabMember, frame: AnyFrame): void {
    this.#post(JSON.stringify(frame), name);
  }

  /** To a socket, or to all that share the connection. */
  #post(data: string, to?: string): void {
    const frame = { kind: 'frame', hub: this.#hub, data } as const;
    this.#host.post(to === undefined ? frame : { ...frame, to });
  }

  #send(frame: AnyFrame): void {
    this.#upstream?.send(JSON.stringify(frame));
  }
}
