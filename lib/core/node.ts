import { CloseCode, type AuthenticateFrame, type HelloFrame } from '../protocol/index.js';
import { Admission } from './admission.js';
import { AssignedRooms } from './assigned-rooms.js';
import { ClientQuestions, type ClientQuestion } from './client-questions.js';
import type { ConnectionHost, RequestHandler } from './connection-host.js';
import { Connection } from './connection.js';
import { obey } from './control.js';
import { Deadlines } from './deadlines.js';
import { Delays } from './delays.js';
import { Departures, type DepartureTimes } from './departures.js';
import { Fence } from './fence.js';
import { Goodbye, type GoodbyeTimes } from './goodbye.js';
import { Hub } from './hub.js';
import { IdempotentRequests } from './idempotent-requests.js';
import { IdleConnections } from './idle-connections.js';
import type { CoreLimits } from './limits.js';
import type { NodeDependencies, Outgoing } from './node-dependencies.js';
import type {
  ClientReply,
  Clock,
  Handshake,
  NodeAnswer,
  NodeQuestion,
  Observer,
  PublishReceipt,
  RequestTarget,
  RevocationRule,
  Session,
  Transport,
  TransportListener,
} from './ports/index.js';
import { publicationOf } from './outgoing.js';
import { Placements } from './placements.js';
import { PresenceTracker } from './presence.js';
import type { RequestContext } from './request-context.js';
import type { RoomFrame } from './room-frame.js';
import { encodeMessage } from './room-message.js';
import { Rooms } from './rooms.js';
import { Sessions } from './sessions.js';
import { Subscriptions } from './subscriptions.js';

/** One server process: its connections, its rooms, and the way to the other nodes. */
export class RealtimeNode implements ConnectionHost<Connection> {
  readonly hub = new Hub();
  readonly rooms: Rooms;
  readonly sessions: Sessions;
  readonly fence: Fence;
  readonly #placements: Placements;
  readonly #presence: PresenceTracker;
  readonly #subscriptions: Subscriptions;
  readonly #admission: Admission;
  readonly #idempotent: IdempotentRequests;
  readonly #questions: ClientQuestions;
  readonly #helloDeadlines: Deadlines<Connection>;
  readonly #delays: Delays;
  readonly #departures: Departures;
  readonly #goodbye: Goodbye;
  readonly #idle: IdleConnections;

  constructor(private readonly deps: NodeDependencies) {
    const { limits, application } = deps;
    const { hub } = this;
    const { clock } = deps;
    const delays = (this.#delays = new Delays({ clock, readers: () => hub.opened }));
    this.rooms = new Rooms({ ...deps, delays });
    const departures = (this.#departures = new Departures(deps));
    this.fence = new Fence({ ...deps, hub, departures });
    this.#idle = new IdleConnections({ idleTimeoutMs: 0, ...deps, hub });
    this.#presence = new PresenceTracker(deps);
    this.#questions = new ClientQuestions({ ...deps, hub: this.hub, rooms: this.rooms });
    const runsPerUser = limits.idempotentRuns;
    this.#idempotent = new IdempotentRequests({ ...deps, runsPerUser });
    const others = (): Promise<void> => this.#idempotent.idle();
    this.#goodbye = new Goodbye({ ...deps, hub, departures, others });
    const parts = { rooms: this.rooms, assigned: new AssignedRooms(), presence: this.#presence };
    this.#placements = new Placements({ ...deps, ...parts });
    this.#subscriptions = new Subscriptions({
      ...deps,
      ...parts,
      publish: (room, message) => this.publish(room, message),
    });
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
      fence: this.fence,
      delays,
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

  get frameParser(): NodeDependencies['frameParser'] {
    return this.deps.frameParser;
  }

  get concurrency(): number {
    return this.deps.concurrency;
  }

  /** Connects the node to the others. */
  async start(): Promise<void> {
    const { broker } = this.deps;
    const listening = broker.start({
      message: this.rooms.deliver.bind(this.rooms),
      moved: this.rooms.moved.bind(this.rooms),
      delayed: this.#delays.changed.bind(this.#delays),
      command: (command) => {
        obey(command, this);
      },
      answer: (question) => this.#answer(question),
    });
    await Promise.all([listening, this.#presence.start()]);
  }

  /**
   * Ends presence and its store, after the connections have ended. Who was in a room by one that broke,
   * or was asked to go elsewhere, stays there until the lease of this node is over.
   */
  close(): Promise<void> {
    return this.#presence.close();
  }

  /** Takes a new peer. The listener is to be fed with what comes from it, from its first byte on. */
  accept(transport: Transport, handshake: Handshake): TransportListener {
    const connection = new Connection(this.deps.random.id(), handshake, transport, this);
    this.hub.add(connection);
    this.#idle.watch();
    const { clock, limits } = this.deps;
    this.#helloDeadlines.set(connection, clock.now() + limits.helloTimeoutMs);
    if (!handshake.negotiated) connection.greet();
    return connection;
  }

  /** Puts a message into a room, for every subscriber on every node. */
  publish(room: string, outgoing: Outgoing): Promise<PublishReceipt> {
    const { broker, directory, history } = this.deps;
    const kept = outgoing.volatile === true ? 'volatile' : directory.find(room)?.history;
    const { operation } = outgoing;
    return broker.publish(room, publicationOf(outgoing, this.deps), {
      history: kept ?? history,
      ...(operation === undefined ? {} : { operation }),
    });
  }

  /** Sends to every connection of a user, on every node. */
  sendToUser(userId: string, outgoing: Outgoing): Promise<void> {
    const publication = publicationOf(outgoing, this.deps);
    return this.deps.broker.command({ kind: 'to-user', userId, publication });
  }

  /** Sends to every connection, on every node. */
  sendToAll(outgoing: Outgoing): Promise<void> {
    return this.deps.broker.command({
      kind: 'to-all',
      publication: publicationOf(outgoing, this.deps),
    });
  }

  /** Sends to one connection of this node. */
  sendTo(connection: Connection, outgoing: Outgoing): void {
    const message = encodeMessage(undefined, publicationOf(outgoing, this.deps));
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
    return answers.flatMap((answer) => (answer.kind === 'sessions' ? answer.sessions : []));
  }

  /**
   * Asks clients, wherever they are, and resolves in time whoever is silent.
   *
   * @throws RealtimeError `cancelled` when the question's signal aborts, `unavailable` without broker.
   */
  request(target: RequestTarget, question: ClientQuestion): Promise<ClientReply[]> {
    return this.#questions.ask(target, question);
  }

  /** Asks the room classes again what a user may, on every node. */
  reauthorize(userId: string): Promise<void> {
    return this.deps.broker.command({ kind: 'reauthorize', userId });
  }

  /** Puts a connection into a room by the server's will; see {@link Placements.join}. */
  join(connection: Connection, room: string): Promise<void> {
    return this.#placements.join(connection, room);
  }

  /** Takes a connection out of a room by the server's will; see {@link Placements.leave}. */
  leave(connection: Connection, room: string, reason?: string): void {
    this.#placements.leave(connection, room, reason);
  }

  /** Whether it has begun to {@link drain}: it is to get no new connections. */
  get isDraining(): boolean {
    return this.#goodbye.hasBegun;
  }

  /** Says goodbye to everybody; see {@link Goodbye.say}. */
  drain(times: GoodbyeTimes): Promise<void> {
    return this.#goodbye.say(times);
  }

  /** Asks a random part of the connections to go elsewhere; see {@link Departures.askSome}. */
  rebalance(fraction: number, times: DepartureTimes): Promise<number> {
    const open = [...this.hub.connections].filter(({ state }) => state === 'open');
    return this.#departures.askSome(open, fraction, times);
  }

  // ConnectionHost: what a connection delegates to.

  async admit(connection: Connection, hello: HelloFrame | undefined): Promise<void> {
    if (hello !== undefined) this.#helloDeadlines.delete(connection);
    await this.#admission.admit(connection, hello);
    if (connection.state === 'open') this.#helloDeadlines.delete(connection);
  }

  handler(event: string): RequestHandler | undefined {
    return this.deps.application.handler(event);
  }

  handle(connection: Connection, context: RequestContext): Promise<unknown> {
    const { application } = this.deps;
    if (!context.isIdempotent) return application.handle(connection, context);
    const handle = (): Promise<unknown> => application.handle(connection, context);
    // With the event: a client that counts from 1 again must not get the reply to something else.
    const operation = { client: connection.client, id: `${context.event}:${context.id}` };
    const userId = connection.user?.id ?? '';
    return this.#idempotent.answer({ operation, userId, context, handle });
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
    this.#departures.ended(connection);
    this.#delays.ended(connection);
    this.rooms.leaveAll(connection);
    this.#presence.end(connection, code);
    this.hub.delete(connection);
    if (connection.wasOpen) {
      this.deps.application.disconnected(connection, code, reason);
    }
  }

  async #answer(question: NodeQuestion): Promise<NodeAnswer> {
    if (question.kind === 'request') {
      return { kind: 'request', replies: await this.#questions.answer(question) };
    }
    return { kind: 'sessions', sessions: this.sessions.ofUser(question.userId) };
  }
}
