import { Inject, Injectable } from '@nestjs/common';

import {
  assertCloseCode,
  assertRoom,
  assertVolatile,
  RealtimeNode,
  type Broker,
  type Connection,
  type PresenceStore,
} from '../../core/index.js';
import {
  CloseCode,
  MAX_PRESENCE_MEMBERS,
  type Durability,
  type Position,
  type PresenceMember,
} from '../../protocol/index.js';
import { REALTIME_BROKER, REALTIME_PRESENCE_STORE } from '../realtime.tokens.js';
import {
  askConnection,
  askRoom,
  questionOf,
  type ClientRequestOptions,
  type RoomAnswers,
} from './client-answers.js';
import {
  idOf,
  idsOf,
  outgoingOf,
  type ConnectionRef,
  type PublishOptions,
} from './publish-options.js';
import { readRoomHistory, type RoomHistory, type RoomHistoryOptions } from './room-history.js';
import { RoomRegistry } from './room-registry.js';

/** An accepted message. */
export interface Published {
  /** Unique name of the message, the `id` that subscribers see. */
  readonly id: string;
  /** Its place in the room. Absent for a volatile message. */
  readonly position?: Position;
  /** What the message survives from now on. */
  readonly durability: Durability;
}

/** A connection in a room. */
export interface RoomMember {
  readonly connectionId: string;
  readonly userId: string;
}

/** Who is in a room. */
export interface RoomPresenceState {
  /** How many users. */
  readonly total: number;
  /** The users in the order in which they came; of more than 1 000, those who came first. */
  readonly members: readonly PresenceMember[];
}

/** How to disconnect. */
export interface DisconnectOptions {
  /** 1000 or 4000–4999; the range tells the client what to do, see PROTOCOL.md. Default 4300: stay away. */
  readonly code?: number;
  /** For developers; cut to 123 bytes. */
  readonly reason?: string;
}

/**
 * The application's hand on rooms and connections: inject it anywhere, also into an application
 * context without HTTP. It is not bound by room classes; what it is told to do, it does.
 *
 * Questions (`size`, `members`) are about this process's connections in 0.1.
 */
@Injectable()
export class RoomService {
  /** @internal */
  constructor(
    private readonly node: RealtimeNode,
    @Inject(REALTIME_BROKER) private readonly broker: Broker,
    @Inject(REALTIME_PRESENCE_STORE) private readonly presences: PresenceStore,
    private readonly registry: RoomRegistry,
  ) {}

  /**
   * Puts a message into a room. Every subscriber gets it, in the order of the calls, whether or not
   * they are awaited. Resolves when it is accepted: `position` is its place in the room, `durability`
   * what it survives.
   *
   * @param event 1 to 128 characters.
   * @param payload anything that JSON can hold; `undefined`: no payload.
   * @throws RealtimeError `invalid-field` for a bad room or event name or `latest`, `unavailable` without broker.
   * @throws TypeError if the payload has a cycle or a BigInt.
   */
  async publish(
    room: string,
    event: string,
    payload?: unknown,
    options: PublishOptions = {},
  ): Promise<Published> {
    assertRoom(room);
    const outgoing = outgoingOf(event, payload);
    const except = idsOf(options.except);
    const volatile = assertVolatile(options) ?? this.registry.isVolatile(room, event);
    return this.node.publish(room, { ...outgoing, except, volatile, latest: options.latest });
  }

  /**
   * Messages that a room still holds, a page at a time. Volatile messages are not among them.
   *
   * @throws RealtimeError `invalid-field` for a bad room name or options that contradict each other.
   */
  async history(room: string, options: RoomHistoryOptions = {}): Promise<RoomHistory> {
    assertRoom(room);
    return readRoomHistory(this.broker, room, options);
  }

  /**
   * The position of a room's last message; offset 0 of a room that has none yet.
   *
   * @throws RealtimeError `invalid-field` for a bad room name.
   */
  async position(room: string): Promise<Position> {
    assertRoom(room);
    return this.broker.top(room);
  }

  /**
   * Who is in a room, on all nodes: users, with the connections by which they are there. Clients whose
   * connection broke are among them until their grace time is over. Nobody in a room whose class does
   * not have presence tracked.
   *
   * @throws RealtimeError `invalid-field` for a bad room name.
   */
  async presence(room: string): Promise<RoomPresenceState> {
    assertRoom(room);
    const { total, members } = await this.presences.read(room, MAX_PRESENCE_MEMBERS);
    return { total, members };
  }

  /**
   * Sends to every connection of a user, on all devices. Not stored: who is away misses it.
   *
   * @throws as {@link publish} does.
   */
  async toUser(userId: string, event: string, payload?: unknown): Promise<void> {
    await this.node.sendToUser(userId, outgoingOf(event, payload));
  }

  /**
   * Sends to every connection. Not stored: who is away misses it.
   *
   * @throws as {@link publish} does.
   */
  async toAll(event: string, payload?: unknown): Promise<void> {
    await this.node.sendToAll(outgoingOf(event, payload));
  }

  /**
   * Asks a client and resolves with its answer: `handle(client, event, …)` in the SDK. Finds the
   * connection on whatever node it is. The answer is the client's word: validate it.
   *
   * @param payload anything that JSON can hold; `undefined`: no payload.
   * @returns what the client answered; `undefined` if it only acknowledged.
   * @throws RealtimeError with the client's code (a code of other characters than letters, digits and
   * `_.:-` as `rejected`) if it refuses; its words are the error's `cause`, untrusted.
   * @throws RealtimeError `timeout` if it does not answer in time: the effect is unknown.
   * @throws RealtimeError `unavailable` if it is not connected, or its connection ends first.
   * @throws RealtimeError `rate-limited` if `limits.clientRequests` wait for its answers already.
   * @throws RealtimeError `cancelled` if the signal aborts, `invalid-field` for a bad event name or time.
   * @throws TypeError if the payload has a cycle or a BigInt.
   */
  async request(
    connection: ConnectionRef,
    event: string,
    payload?: unknown,
    options: ClientRequestOptions = {},
  ): Promise<unknown> {
    const question = questionOf(event, payload, options);
    return askConnection(this.node, idOf(connection), question);
  }

  /**
   * Asks every connection in a room and resolves with what came: who answered, who refused, and who
   * did not answer in time. Never waits longer than `timeoutMs`, whoever is silent, and never rejects
   * for what clients do. An empty room: three empty lists. Of a node that does not answer in time
   * nothing is known, its clients are missing.
   *
   * @throws as {@link request} does for its arguments and signal, `unavailable` without broker.
   */
  async requestAll(
    room: string,
    event: string,
    payload?: unknown,
    options: ClientRequestOptions = {},
  ): Promise<RoomAnswers> {
    assertRoom(room);
    return askRoom(this.node, room, questionOf(event, payload, options));
  }

  /**
   * Puts a connection into a room, whether or not its class would let it in. A connection that is not
   * here (any more) is ignored.
   *
   * @throws RealtimeError `invalid-field` for a bad room name.
   */
  async join(connection: ConnectionRef, room: string): Promise<void> {
    assertRoom(room);
    const found = this.#find(connection);
    if (found !== undefined) await this.node.join(found, room);
  }

  /** Takes a connection out of a room; its client is told. Not in it, or not here: nothing happens. */
  leave(connection: ConnectionRef, room: string): void {
    const found = this.#find(connection);
    if (found !== undefined) this.node.leave(found, room);
  }

  /** How many connections are in a room. A room nobody is in: 0. */
  size(room: string): Promise<number> {
    return Promise.resolve(this.node.rooms.get(room)?.members.size ?? 0);
  }

  /** Who is in a room, one entry a connection. */
  members(room: string): Promise<RoomMember[]> {
    const ids = [...(this.node.rooms.get(room)?.members ?? [])].map(({ id }) => id);
    const members = ids.flatMap((id) => {
      const userId = this.node.hub.get(id)?.user?.id;
      return userId === undefined ? [] : { connectionId: id, userId };
    });
    return Promise.resolve(members);
  }

  /** Names of the rooms a connection is in; none for a connection that is not here. */
  roomsOf(connection: ConnectionRef): string[] {
    return [...(this.#find(connection)?.rooms.keys() ?? [])];
  }

  /** How many connections there are. */
  connectionCount(): Promise<number> {
    return Promise.resolve(this.node.hub.size);
  }

  /**
   * Ends a connection. Not here: nothing happens.
   *
   * @throws RealtimeError `invalid-field` for a code that an application may not close with.
   */
  async disconnect(connection: ConnectionRef, options: DisconnectOptions = {}): Promise<void> {
    await this.#disconnect({ connectionId: idOf(connection) }, options);
  }

  /** Ends every connection of a user. */
  async disconnectUser(userId: string, options: DisconnectOptions = {}): Promise<void> {
    await this.#disconnect({ userId }, options);
  }

  async #disconnect(
    target: { connectionId: string } | { userId: string },
    { code = CloseCode.Disconnected, reason = 'disconnected by the server' }: DisconnectOptions,
  ): Promise<void> {
    assertCloseCode(code);
    await this.node.disconnect(target, code, reason);
  }

  #find(connection: ConnectionRef): Connection | undefined {
    return this.node.hub.get(idOf(connection));
  }
}
