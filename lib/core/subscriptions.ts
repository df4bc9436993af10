import {
  ErrorCode,
  type HistoryFrame,
  type Payload,
  type PublishFrame,
  type UnsubscribeFrame,
} from '../protocol/index.js';
import type { AssignedRooms } from './assigned-rooms.js';
import type { Connection } from './connection.js';
import { errorFrame } from './error-frame.js';
import { RealtimeError } from './errors.js';
import { answerHistory } from './history-answer.js';
import type { CoreLimits } from './limits.js';
import type { LocalRoom } from './local-room.js';
import type {
  Broker,
  Observer,
  Operation,
  PublishReceipt,
  RealtimeUser,
  RoomDirectory,
  RoomRights,
} from './ports/index.js';
import type { PresenceTracker } from './presence.js';
import { entryFrame, isStale, planEntry, type EntryPlan } from './room-entry.js';
import type { RoomFrame, SubscribeWish } from './room-frame.js';
import type { Rooms } from './rooms.js';

/** How often a right is asked for anew when it changes while it is being asked for. */
const MAX_ASKS = 3;

/** A message of a client that its room's policy allows. */
export interface AllowedPublish {
  readonly event: string;
  readonly payload: string | undefined;
  readonly volatile: boolean;
  /** What a volatile message is the latest of. */
  readonly latest: string | undefined;
  /** Names it, if the client may repeat it. */
  readonly operation: Operation | undefined;
}

/** What subscriptions are made of. */
export interface SubscriptionsDependencies {
  readonly rooms: Rooms;
  readonly assigned: AssignedRooms;
  readonly presence: PresenceTracker;
  readonly broker: Pick<Broker, 'history'>;
  readonly directory: RoomDirectory;
  readonly limits: CoreLimits;
  readonly observer: Observer;
  readonly publish: (room: string, message: AllowedPublish) => Promise<PublishReceipt>;
}

/** What clients do with rooms, each as far as the room's rights allow. */
export class Subscriptions {
  constructor(private readonly deps: SubscriptionsDependencies) {}

  /** Handles one frame and answers it. Never rejects. */
  async handle(connection: Connection, frame: RoomFrame): Promise<void> {
    try {
      if (frame.type === 'subscribe') await this.#subscribe(connection, frame);
      else if (frame.type === 'unsubscribe') this.#unsubscribe(connection, frame);
      else if (frame.type === 'presence') await this.#presence(connection, frame);
      else if (frame.type === 'history') await this.#history(connection, frame);
      else await this.#publish(connection, frame);
    } catch (error) {
      this.#answerError(connection, frame, this.#known(frame.type, error));
    }
  }

  async #subscribe(connection: Connection, wish: SubscribeWish): Promise<void> {
    const { id, room: name } = wish;
    const refusal = { mayTryLater: false };
    for (let asked = 0; asked < MAX_ASKS; asked += 1) {
      const version = connection.rightsVersion;
      const { user, rights } = this.#rights(connection, name);
      if (!(await rights.canSubscribe(user))) throw forbidden();
      this.#checkCount(connection, name);
      const joined = await this.deps.rooms.join(connection, name, async (room) => {
        const plan = await this.#plan(room, wish, rights, user);
        if (plan.snapshot !== undefined) await connection.outbox.untilRoom(plan.snapshot.length);
        const admit = (): boolean => {
          const isTooOld = isStale(plan, room);
          refusal.mayTryLater ||= isTooOld;
          if (isTooOld || connection.rightsVersion !== version) return false;
          const frame = entryFrame(room, plan);
          connection.outbox.send(id === undefined ? frame : { ...frame, id });
          return true;
        };
        return { ...plan, admit };
      });
      if (joined) this.deps.presence.enter(connection, name, rights.presence);
      if (joined || !connection.isLive) return;
    }
    throw refusal.mayTryLater ? unavailable() : forbidden();
  }

  #checkCount(connection: Connection, room: string): void {
    const { rooms: limit } = this.deps.limits;
    if (connection.rooms.has(room) || connection.rooms.size < limit) return;
    throw new RealtimeError(ErrorCode.TooManyRooms, `expected at most ${String(limit)} rooms`);
  }

  #plan(
    room: LocalRoom,
    wish: SubscribeWish,
    rights: RoomRights,
    user: RealtimeUser,
  ): Promise<EntryPlan> {
    const take = rights.snapshot?.bind(rights);
    if (wish.snapshot === true && take === undefined) {
      throw new RealtimeError(ErrorCode.Unsupported, 'the room offers no snapshot');
    }
    const snapshot = wish.snapshot === true && take !== undefined ? () => take(user) : undefined;
    const { limits } = this.deps;
    const { reads } = this.deps.rooms;
    return planEntry({ reads, maxReplay: limits.replayMessages, snapshot }, room, wish);
  }

  /** Asks again about every room the client chose, and takes it out of those it may no longer be in. */
  async reauthorize(connection: Connection): Promise<void> {
    const version = connection.changeRights();
    for (const room of [...connection.rooms.keys()]) {
      if (this.deps.presence.isWatching(connection, room)) {
        const maySee = await this.#isAllowed(connection, room, 'canSeePresence');
        if (connection.rightsVersion !== version) return;
        if (!maySee) this.deps.presence.forbid(connection, room);
      }
      if (this.deps.assigned.has(connection, room)) continue;
      const isAllowed = await this.#isAllowed(connection, room, 'canSubscribe');
      // A later change asks again itself; what we have heard is older than its answer.
      if (connection.rightsVersion !== version) return;
      if (isAllowed || !this.deps.rooms.leave(connection, room)) continue;
      this.deps.presence.leave(connection, room);
      connection.outbox.send({ type: 'unsubscribed', room, reason: ErrorCode.Forbidden });
    }
  }

  async #isAllowed(
    connection: Connection,
    room: string,
    right: 'canSubscribe' | 'canSeePresence',
  ): Promise<boolean> {
    try {
      const { user, rights } = this.#rights(connection, room);
      return await rights[right](user);
    } catch (error) {
      // Fail closed: rights that cannot be found out are none.
      if (!(error instanceof RealtimeError)) this.deps.observer.failed('reauthorize', error);
      return false;
    }
  }

  #unsubscribe(connection: Connection, { id, room }: UnsubscribeFrame): void {
    this.deps.assigned.delete(connection, room);
    this.deps.rooms.leave(connection, room);
    this.deps.presence.leave(connection, room);
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
    const { payload, volatile = false, latest } = decision;
    // With the room: the same id for another one is another publish. No room name has a space.
    const operation =
      id === undefined ? undefined : { client: connection.client, id: `${room} ${id}` };
    const receipt = await this.deps.publish(room, { event, payload, volatile, latest, operation });
    if (id === undefined) return;
    const { position, durability } = receipt;
    connection.outbox.send({ type: 'published', id, ...position, durability });
  }

  async #presence(connection: Connection, frame: RoomFrame & { type: 'presence' }): Promise<void> {
    const { room } = frame;
    const policy = this.#rights(connection, room).rights.presence;
    if (policy === undefined) {
      throw new RealtimeError(ErrorCode.Unsupported, 'the room does not track presence');
    }
    const maySee = await this.#ask(connection, room, (rights, user) => rights.canSeePresence(user));
    await this.deps.presence.handle(connection, { frame, policy, maySee });
  }

  async #history(connection: Connection, frame: HistoryFrame): Promise<void> {
    const isAllowed = await this.#ask(connection, frame.room, (rights, user) =>
      rights.canReadHistory(user),
    );
    if (!isAllowed) throw forbidden();
    await connection.outbox.sendPatiently(await answerHistory(this.deps.broker, frame));
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
    const rights = this.deps.directory.find(room);
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
    this.deps.observer.failed(what, error);
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

function unavailable(): RealtimeError {
  return new RealtimeError(ErrorCode.Unavailable, 'the room begins anew');
}
