import {
  ErrorCode,
  type Payload,
  type Position,
  type PresenceFrame,
  type PublishFrame,
  type UnsubscribeFrame,
} from '../protocol/index.js';
import type { Connection } from './connection.js';
import { errorFrame } from './error-frame.js';
import { RealtimeError } from './errors.js';
import type { CoreLimits } from './limits.js';
import type { Observer, PublishReceipt, RealtimeUser, RoomDirectory, RoomRights } from './ports.js';
import { presenceOf } from './presence.js';
import { judge } from './recovery.js';
import type { RoomFrame, SubscribeWish } from './room-frame.js';
import type { Rooms } from './rooms.js';

/** How often a right is asked for anew when it changes while it is being asked for. */
const MAX_ASKS = 3;

/** Puts a publication of a connection into a room. */
export type Publish = (
  room: string,
  event: string,
  payload: string | undefined,
) => Promise<PublishReceipt>;

/** What clients do with rooms: subscribe, unsubscribe, publish, each as far as the room's rights allow. */
export class Subscriptions {
  constructor(
    private readonly rooms: Rooms,
    private readonly directory: RoomDirectory,
    private readonly publish: Publish,
    private readonly limits: CoreLimits,
    private readonly observer: Observer,
  ) {}

  /** Handles one frame and answers it. Never rejects. */
  async handle(connection: Connection, frame: RoomFrame): Promise<void> {
    try {
      if (frame.type === 'subscribe') await this.#subscribe(connection, frame);
      else if (frame.type === 'unsubscribe') this.#unsubscribe(connection, frame);
      else if (frame.type === 'presence') await this.#tellPresence(connection, frame);
      else await this.#publish(connection, frame);
    } catch (error) {
      this.#answerError(connection, frame, this.#known(frame.type, error));
    }
  }

  async #subscribe(connection: Connection, wish: SubscribeWish): Promise<void> {
    const { room } = wish;
    for (let asked = 0; asked < MAX_ASKS; asked += 1) {
      const version = connection.rightsVersion;
      const { user, rights } = this.#rights(connection, room);
      if (!(await rights.canSubscribe(user))) throw forbidden();
      if (!connection.rooms.has(room) && connection.rooms.size >= this.limits.rooms) {
        const message = `expected at most ${String(this.limits.rooms)} rooms`;
        throw new RealtimeError(ErrorCode.TooManyRooms, message);
      }
      const joined = await this.rooms.join(connection, room, (top) => {
        if (connection.rightsVersion !== version) return false;
        announce(connection, wish, top);
        return true;
      });
      if (joined || !connection.isLive) return;
    }
    throw forbidden();
  }

  /** Asks again about every room the client chose, and takes it out of those it may no longer be in. */
  async reauthorize(connection: Connection): Promise<void> {
    const version = connection.changeRights();
    for (const room of [...connection.rooms.keys()]) {
      if (connection.assignedRooms.has(room)) continue;
      const isAllowed = await this.#isAllowed(connection, room);
      // A later change asks again itself; what we have heard is older than its answer.
      if (connection.rightsVersion !== version) return;
      if (isAllowed || !this.rooms.leave(connection, room)) continue;
      connection.outbox.send({ type: 'unsubscribed', room, reason: ErrorCode.Forbidden });
    }
  }

  async #isAllowed(connection: Connection, room: string): Promise<boolean> {
    try {
      const { user, rights } = this.#rights(connection, room);
      return await rights.canSubscribe(user);
    } catch (error) {
      // Fail closed: rights that cannot be found out are none.
      if (!(error instanceof RealtimeError)) this.observer.failed('reauthorize', error);
      return false;
    }
  }

  #unsubscribe(connection: Connection, { id, room }: UnsubscribeFrame): void {
    connection.assignedRooms.delete(room);
    this.rooms.leave(connection, room);
    connection.outbox.send({ type: 'unsubscribed', id, room });
  }

  async #publish(connection: Connection, frame: PublishFrame<Payload>): Promise<void> {
    const { id, room, event } = frame;
    const decision = await this.#ask(connection, room, (rights, user) =>
      rights.decidePublish(user, event, frame.payload),
    );
    if (!decision.allowed) {
      const { code, message, details } = decision;
      throw new RealtimeError(code, message, details === undefined ? {} : { details });
    }
    const { position, durability } = await this.publish(room, event, decision.payload);
    if (id === undefined) return;
    connection.outbox.send({ type: 'published', id, ...position, durability });
  }

  async #tellPresence(connection: Connection, { id, room }: PresenceFrame): Promise<void> {
    const isAllowed = await this.#ask(connection, room, (rights, user) =>
      rights.canSeePresence(user),
    );
    if (!isAllowed) throw forbidden();
    const state = presenceOf(this.rooms.get(room)?.members ?? []);
    connection.outbox.send({ type: 'presence', id, room, ...state });
  }

  /** An answer about rights that no change of them has overtaken. */
  async #ask<T>(
    connection: Connection,
    room: string,
    question: (rights: RoomRights, user: RealtimeUser) => Promise<T>,
  ): Promise<T> {
    for (let asked = 0; asked < MAX_ASKS; asked += 1) {
      const version = connection.rightsVersion;
      const { user, rights } = this.#rights(connection, room);
      const answer = await question(rights, user);
      if (connection.rightsVersion === version) return answer;
    }
    throw forbidden();
  }

  #rights(connection: Connection, room: string): { user: RealtimeUser; rights: RoomRights } {
    const rights = this.directory.find(room);
    if (rights === undefined) {
      throw new RealtimeError(ErrorCode.UnknownRoom, 'no room class declares this room');
    }
    // Frames are handled only after admission, which begins the session.
    const { session } = connection;
    if (session === undefined) throw forbidden();
    if (session.isAnonymous === true && !rights.isPublic) {
      throw new RealtimeError(ErrorCode.Unauthorized, 'the room is not public');
    }
    return { user: session.user, rights };
  }

  #known(what: string, error: unknown): RealtimeError {
    if (error instanceof RealtimeError) return error;
    this.observer.failed(what, error);
    return new RealtimeError(ErrorCode.Internal, `the ${what} failed`);
  }

  #answerError(connection: Connection, frame: RoomFrame, error: RealtimeError): void {
    const { id, room } = frame;
    if (frame.type === 'subscribe' && id === undefined) {
      connection.outbox.send({ type: 'unsubscribed', room, reason: error.code });
    } else {
      connection.outbox.send(errorFrame(error, id));
    }
  }
}

function forbidden(): RealtimeError {
  return new RealtimeError(ErrorCode.Forbidden, 'the room does not allow this');
}

/** Tells a client that it is in a room, and, if it gave a position, whether it missed anything. */
function announce(connection: Connection, wish: SubscribeWish, top: Position): void {
  const { id, room, epoch, offset } = wish;
  const asked = epoch !== undefined || offset !== undefined;
  connection.outbox.send({
    type: 'subscribed',
    ...(id === undefined ? {} : { id }),
    room,
    ...top,
    ...(asked ? judge(wish, top) : {}),
  });
}
