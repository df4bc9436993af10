import {
  ErrorCode,
  type Payload,
  type Position,
  type PublishFrame,
  type UnsubscribeFrame,
} from '../protocol/index.js';
import type { Connection } from './connection.js';
import { errorFrame } from './error-frame.js';
import { RealtimeError } from './errors.js';
import type { CoreLimits } from './limits.js';
import type { Observer, PublishReceipt, RealtimeUser, RoomDirectory, RoomRights } from './ports.js';
import { judge } from './recovery.js';
import type { RoomFrame, SubscribeWish } from './room-frame.js';
import type { Rooms } from './rooms.js';

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
      else await this.#publish(connection, frame);
    } catch (error) {
      this.#answerError(connection, frame, this.#known(frame.type, error));
    }
  }

  async #subscribe(connection: Connection, wish: SubscribeWish): Promise<void> {
    const { user, rights } = this.#rights(connection, wish.room);
    if (!(await rights.canSubscribe(user))) throw forbidden();
    if (!connection.rooms.has(wish.room) && connection.rooms.size >= this.limits.rooms) {
      const message = `expected at most ${String(this.limits.rooms)} rooms`;
      throw new RealtimeError(ErrorCode.TooManyRooms, message);
    }
    await this.rooms.join(connection, wish.room, (top) => {
      announce(connection, wish, top);
    });
  }

  #unsubscribe(connection: Connection, { id, room }: UnsubscribeFrame): void {
    this.rooms.leave(connection, room);
    connection.outbox.send({ type: 'unsubscribed', id, room });
  }

  async #publish(connection: Connection, frame: PublishFrame<Payload>): Promise<void> {
    const { id, room, event } = frame;
    const { user, rights } = this.#rights(connection, room);
    const decision = await rights.decidePublish(user, event, frame.payload);
    if (!decision.allowed) {
      const { code, message, details } = decision;
      throw new RealtimeError(code, message, details === undefined ? {} : { details });
    }
    const { position, durability } = await this.publish(room, event, decision.payload);
    if (id === undefined) return;
    connection.outbox.send({ type: 'published', id, ...position, durability });
  }

  #rights(connection: Connection, room: string): { user: RealtimeUser; rights: RoomRights } {
    const rights = this.directory.find(room);
    if (rights === undefined) {
      throw new RealtimeError(ErrorCode.UnknownRoom, 'no room class declares this room');
    }
    // Frames are handled only after admission, which sets the user.
    if (connection.user === undefined) throw forbidden();
    return { user: connection.user, rights };
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
