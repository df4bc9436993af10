import type { ClientFrame, ServerFrame } from '../../../lib/protocol/index.js';
import type { FakeSocket } from './fake-socket.js';
import { NAME } from './rooms.js';
import { connectedFrame, message } from './world.js';

/** One connection of a {@link TabServer}. */
interface Connection {
  readonly socket: FakeSocket;
  readonly down: ServerFrame[];
  handled: number;
  clientKey: string;
  attempt: number;
  isSubscribed: boolean;
  isLeaving: boolean;
}

/**
 * A service with one room and any number of connections, for properties. It keeps the protocol's
 * promises: positions, replay, one connection a client instance but for those that were asked to leave,
 * and requests that take effect once.
 */
export class TabServer {
  /** The room's position. */
  top = 0;
  /** How often each request took effect, by what it asked for. */
  readonly effects = new Map<unknown, number>();
  /** Client keys that were seen. */
  readonly clientKeys = new Set<string>();
  readonly #known = new Set<string>();
  readonly #sockets: readonly FakeSocket[];
  #seen = 0;
  #open: Connection[] = [];

  /** @param sockets where new connections are found, in the order in which they were made. */
  constructor(sockets: readonly FakeSocket[]) {
    this.#sockets = sockets;
  }

  /** Connections that are open. */
  get size(): number {
    return this.#connections().length;
  }

  /** Lets the next connection in, or turns it away. */
  accept(isWelcome = true): void {
    const socket = this.#sockets[this.#seen];
    if (socket === undefined) return;
    this.#seen += 1;
    if (!isWelcome) socket.drop(1006);
    else {
      const start = { handled: 0, clientKey: '', attempt: 0 };
      const flags = { isSubscribed: false, isLeaving: false };
      this.#open.push({ socket, down: [], ...start, ...flags });
      socket.open();
    }
  }

  /** Handles what came on a connection, a number of frames at most. */
  handle(which: number, most = Infinity): void {
    const connection = this.#pick(which);
    for (let left = most; connection?.socket.isLive && left > 0; left -= 1) {
      const frame = connection.socket.sent[connection.handled];
      if (frame === undefined) return;
      connection.handled += 1;
      this.#answer(connection, frame);
    }
  }

  /** Has what was sent on a connection arrive, a number of frames at most. */
  deliver(which: number, most = Infinity): void {
    const connection = this.#pick(which);
    const arriving = connection?.down.splice(0, Math.min(most, connection.down.length));
    for (const frame of arriving ?? []) connection?.socket.receive(frame);
  }

  publish(): void {
    this.top += 1;
    for (const { isSubscribed, down } of this.#connections()) {
      if (isSubscribed) down.push(message(this.top));
    }
  }

  /** Asks a connection to leave. */
  announce(which: number): void {
    const connection = this.#pick(which);
    if (connection === undefined || connection.clientKey === '' || connection.isLeaving) return;
    connection.isLeaving = true;
    const times = { afterMs: 500, windowMs: 1_000, served: true };
    connection.down.push({ type: 'going-away', ...times });
  }

  /** Closes a connection that was asked to leave; what was answered arrives before. */
  dismiss(which: number): void {
    const connection = this.#pick(which);
    if (connection?.isLeaving) this.#close(connection, 1001);
  }

  /** A connection breaks. */
  drop(which: number): void {
    this.#pick(which)?.socket.drop(1006);
  }

  #connections(): Connection[] {
    return (this.#open = this.#open.filter(({ socket }) => socket.isLive));
  }

  #pick(which: number): Connection | undefined {
    const connections = this.#connections();
    return connections[which % Math.max(1, connections.length)];
  }

  #close(connection: Connection, code: number): void {
    for (const frame of connection.down.splice(0)) connection.socket.receive(frame);
    connection.socket.drop(code);
  }

  #answer(connection: Connection, frame: ClientFrame): void {
    const { down } = connection;
    if (frame.type === 'hello') this.#welcome(connection, frame);
    else if (frame.type === 'subscribe') this.#subscribe(connection, frame);
    else if (frame.type === 'unsubscribe') {
      connection.isSubscribed = false;
      down.push({ type: 'unsubscribed', id: frame.id, room: frame.room });
    } else if (frame.type === 'ping') {
      const { id } = frame;
      down.push(id === undefined ? { type: 'pong' } : { type: 'pong', id });
    } else if (frame.type === 'request') {
      const operation = `${connection.clientKey}/${frame.id}`;
      if (!this.#known.has(operation)) {
        this.effects.set(frame.payload, (this.effects.get(frame.payload) ?? 0) + 1);
      }
      this.#known.add(operation);
      down.push({ type: 'response', id: frame.id, payload: frame.payload });
    }
  }

  #welcome(
    connection: Connection,
    { clientKey = '', attempt = 0 }: Extract<ClientFrame, { type: 'hello' }>,
  ): void {
    this.clientKeys.add(clientKey);
    Object.assign(connection, { clientKey, attempt });
    connection.down.push(connectedFrame);
    const others = this.#connections().filter(
      (other) => other !== connection && other.clientKey === clientKey,
    );
    if (others.some((other) => other.attempt >= attempt)) this.#close(connection, 4409);
    else for (const other of others) if (!other.isLeaving) this.#close(other, 4409);
  }

  #subscribe(
    connection: Connection,
    { id, epoch, offset }: Extract<ClientFrame, { type: 'subscribe' }>,
  ): void {
    connection.isSubscribed = true;
    const { top } = this;
    const answer = { type: 'subscribed', id, room: NAME, epoch: 'e1', offset: top } as const;
    if (epoch === undefined || offset === undefined) connection.down.push(answer);
    else {
      const missed = Array.from({ length: top - offset }, (_, n) => message(offset + 1 + n));
      connection.down.push({ ...answer, recovered: true, replayed: missed.length }, ...missed);
    }
  }
}
