import {
  CloseCode,
  type AuthenticateFrame,
  type HelloFrame,
  type Position,
} from '../protocol/index.js';
import { Admission, type ConnectionHooks } from './admission.js';
import { Connection, type ConnectionHost } from './connection.js';
import { obey } from './control.js';
import { Deadlines } from './deadlines.js';
import { Hub } from './hub.js';
import type { CoreLimits } from './limits.js';
import type {
  Broker,
  Clock,
  Handshake,
  Observer,
  Publication,
  PublishReceipt,
  Random,
  RevocationRule,
  RoomDirectory,
  Session,
  TokenVerifier,
  Transport,
  TransportListener,
} from './ports.js';
import type { RequestContext } from './request-context.js';
import { encodeMessage, Rooms } from './rooms.js';
import { Sessions, type SessionOptions } from './sessions.js';
import { Subscriptions } from './subscriptions.js';
import type { RoomFrame } from './room-frame.js';

/** The application, as a node sees it. */
export interface Application extends ConnectionHooks {
  /** Whether a handler answers to the event. */
  handles(event: string): boolean;
  /** Runs the handler of a request; see `Handle` for what it may give. */
  handle(connection: Connection, request: RequestContext): Promise<unknown>;
  /** A connection that was let in has ended. Called once; nothing waits for it but the shutdown. */
  disconnected(connection: Connection, code: number, reason: string): void;
}

/** Everything a node is made of. */
export interface NodeDependencies {
  readonly application: Application;
  readonly broker: Broker;
  readonly verifier: TokenVerifier;
  readonly directory: RoomDirectory;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: Observer;
  readonly limits: CoreLimits;
  readonly sessions: SessionOptions;
  readonly heartbeat: { readonly intervalMs: number; readonly timeoutMs: number };
  /** Handlers that may run at once, a connection. At least 1. */
  readonly concurrency: number;
}

/** What is put into a room, or sent to somebody. */
export interface Outgoing {
  readonly event: string;
  /** JSON text; absent: no payload. */
  readonly payload: string | undefined;
  /** Connections that do not get it live, by id. */
  readonly except?: readonly string[];
}

/** What the return of one client adds to the time over which all spread theirs, in milliseconds. */
const RETURN_MS = 2;

/** One server process: its connections, its rooms, and the way to the other nodes. */
export class RealtimeNode implements ConnectionHost {
  readonly hub = new Hub();
  readonly rooms: Rooms;
  readonly sessions: Sessions;
  readonly #subscriptions: Subscriptions;
  readonly #admission: Admission;
  readonly #helloDeadlines: Deadlines<Connection>;

  constructor(private readonly deps: NodeDependencies) {
    const { broker, observer, limits, directory, application } = deps;
    this.rooms = new Rooms(broker, observer);
    this.#subscriptions = new Subscriptions(
      this.rooms,
      directory,
      (room, event, payload) => this.publish(room, { event, payload }),
      limits,
      observer,
    );
    this.sessions = new Sessions({
      ...deps,
      hub: this.hub,
      options: deps.sessions,
      timeoutMs: limits.admissionTimeoutMs,
      reauthorize: (connection) => this.#subscriptions.reauthorize(connection),
    });
    this.#admission = new Admission({
      ...deps,
      sessions: this.sessions,
      hub: this.hub,
      hooks: application,
      timeoutMs: limits.admissionTimeoutMs,
      connectionsPerUser: limits.connectionsPerUser,
    });
    this.#helloDeadlines = new Deadlines(deps.clock, (connection) => {
      if (connection.state !== 'awaiting-hello') return;
      connection.close(CloseCode.HelloTimeout, 'expected hello');
    });
  }

  get limits(): CoreLimits {
    return this.deps.limits;
  }

  get observer(): Observer {
    return this.deps.observer;
  }

  get clock(): Clock {
    return this.deps.clock;
  }

  get concurrency(): number {
    return this.deps.concurrency;
  }

  /** Connects the node to the broker. */
  start(): Promise<void> {
    return this.deps.broker.start({
      message: (room, publication) => {
        this.rooms.deliver(room, publication);
      },
      command: (command) => {
        obey(command, this);
      },
      answer: ({ userId }) => this.sessions.ofUser(userId),
    });
  }

  /** Takes a new peer. The listener is to be fed with what comes from it, from its first byte on. */
  accept(transport: Transport, handshake: Handshake): TransportListener {
    const connection = new Connection(this.deps.random.id(), handshake, transport, this);
    this.hub.add(connection);
    const { clock, limits } = this.deps;
    this.#helloDeadlines.set(connection, clock.now() + limits.helloTimeoutMs);
    if (!handshake.negotiated) connection.greet();
    return connection;
  }

  /** Puts a message into a room, for every subscriber on every node. */
  publish(room: string, outgoing: Outgoing): Promise<PublishReceipt & { id: string }> {
    const publication = this.#publication(outgoing);
    return this.deps.broker
      .publish(room, publication)
      .then((receipt) => ({ ...receipt, id: publication.id }));
  }

  /** Sends to every connection of a user, on every node. */
  sendToUser(userId: string, outgoing: Outgoing): Promise<void> {
    const publication = this.#publication(outgoing);
    return this.deps.broker.command({ kind: 'to-user', userId, publication });
  }

  /** Sends to every connection, on every node. */
  sendToAll(outgoing: Outgoing): Promise<void> {
    return this.deps.broker.command({ kind: 'to-all', publication: this.#publication(outgoing) });
  }

  /** Sends to one connection of this node. */
  sendTo(connection: Connection, outgoing: Outgoing): void {
    const message = encodeMessage(undefined, this.#publication(outgoing));
    connection.outbox.sendEncoded(message, message.length);
  }

  /** Ends connections, wherever they are. */
  disconnect(
    target: { readonly connectionId: string } | { readonly userId: string },
    code: number,
    reason: string,
  ): Promise<void> {
    return this.deps.broker.command({ kind: 'disconnect', target, code, reason });
  }

  /** Ends sessions and keeps their tokens out, on every node. */
  revoke(rule: RevocationRule): Promise<void> {
    return this.deps.broker.command({ kind: 'revoke', rule });
  }

  /** The sessions of a user, on every node. */
  async sessionsOf(userId: string): Promise<Session[]> {
    const answers = await this.deps.broker.ask({ kind: 'sessions', userId });
    return answers.flat();
  }

  /** Asks the room classes again what a user may, on every node. */
  reauthorize(userId: string): Promise<void> {
    return this.deps.broker.command({ kind: 'reauthorize', userId });
  }

  /** Puts a connection into a room by the server's will; the client is told by `subscribed`. */
  async join(connection: Connection, room: string): Promise<void> {
    connection.assignedRooms.add(room);
    if (connection.rooms.has(room)) return;
    await this.rooms.join(connection, room, (position: Position) => {
      // Taken out again while the broker was asked: the last intent counts.
      if (!connection.assignedRooms.has(room)) return false;
      // Another join was quicker; the client knows.
      if (connection.rooms.has(room)) return true;
      connection.outbox.send({ type: 'subscribed', room, ...position });
      return true;
    });
  }

  /** Takes a connection out of a room by the server's will; the client is told by `unsubscribed`. */
  leave(connection: Connection, room: string, reason?: string): void {
    connection.assignedRooms.delete(room);
    if (!this.rooms.leave(connection, room)) return;
    connection.outbox.send({
      type: 'unsubscribed',
      room,
      ...(reason === undefined ? {} : { reason }),
    });
  }

  /**
   * Says goodbye to everybody: announces it, waits for answers that are due, closes with 1001.
   *
   * @param drainMs longest wait for answers. 0: do not wait.
   * @param spreadMs longest time over which clients are asked to spread their return.
   */
  async drain(drainMs: number, spreadMs: number): Promise<void> {
    const connections = [...this.hub.connections];
    let cancel: () => void = () => undefined;
    const late = new Promise<void>((resolve) => {
      cancel = this.deps.clock.after(drainMs, resolve);
    });
    const windowMs = Math.min(spreadMs, 1_000 + connections.length * RETURN_MS);
    for (const connection of connections) {
      if (connection.state === 'open') {
        connection.outbox.send({ type: 'going-away', afterMs: 0, windowMs });
      } else {
        // Let in now, it would begin what nobody waits for.
        connection.close(CloseCode.GoingAway, 'going away');
      }
    }
    const answered = Promise.all(connections.map((connection) => connection.drain()));
    await Promise.race([answered, late]);
    cancel();
    for (const connection of connections) connection.close(CloseCode.GoingAway, 'going away');
  }

  // ConnectionHost: what a connection delegates to.

  async admit(connection: Connection, hello: HelloFrame | undefined): Promise<void> {
    if (hello !== undefined) this.#helloDeadlines.delete(connection);
    await this.#admission.admit(connection, hello);
    if (connection.state === 'open') this.#helloDeadlines.delete(connection);
  }

  handles(event: string): boolean {
    return this.deps.application.handles(event);
  }

  handle(connection: Connection, request: RequestContext): Promise<unknown> {
    return this.deps.application.handle(connection, request);
  }

  handleRoomFrame(connection: Connection, frame: RoomFrame): Promise<void> {
    return this.#subscriptions.handle(connection, frame);
  }

  authenticate(connection: Connection, frame: AuthenticateFrame): Promise<void> {
    return this.sessions.renew(connection, frame);
  }

  ended(connection: Connection, code: number, reason: string): void {
    this.sessions.end(connection);
    this.#helloDeadlines.delete(connection);
    this.rooms.leaveAll(connection);
    this.hub.delete(connection);
    if (connection.wasOpen) {
      this.deps.application.disconnected(connection, code, reason);
    }
  }

  #publication({ event, payload, except }: Outgoing): Publication {
    return {
      id: this.deps.random.id(),
      event,
      timestamp: this.deps.clock.now(),
      ...(payload === undefined ? {} : { payload }),
      ...(except === undefined || except.length === 0 ? {} : { except }),
    };
  }
}
