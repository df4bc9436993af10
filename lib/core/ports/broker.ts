import type { Durability, HistoryDirection, Position } from '../../protocol/index.js';
import type { ControlCommand, NodeAnswer, NodeQuestion } from './control.js';
import type { Operation } from './operations.js';
import type { DeliveredPublication, Publication, StoredPublication } from './publication.js';

/** What is kept of a room's messages. Whatever is past one of the bounds is dropped, oldest first. */
export interface HistoryPolicy {
  /** Most messages. 0: none are kept. */
  readonly size: number;
  /** Milliseconds a message is kept. */
  readonly ttlMs: number;
  /** Most bytes, counting payloads and a constant for the rest of each message. */
  readonly bytes: number;
}

/** How a message is put into a room. */
export interface PublishOptions {
  /** What is kept of the room. `'volatile'`: the message gets no position and is never kept. */
  readonly history: HistoryPolicy | 'volatile';
  /** Names the publish, so that one that is repeated takes effect once (B13). Absent: it is not repeated. */
  readonly operation?: Operation;
}

/** What a broker answers to a publish. */
export interface PublishReceipt {
  /** The message's name: that of the first publish, if this one repeats it. */
  readonly id: string;
  /** Absent for a volatile message. */
  readonly position?: Position;
  /** What the message survives from now on. */
  readonly durability: Durability;
}

/** Which messages of a room are wanted. */
export interface HistoryQuery {
  readonly direction: HistoryDirection;
  /** Only messages after (forwards) or before (backwards) this offset. Absent: from the end of what is held. */
  readonly from?: number;
  /** Most messages. At least 1. */
  readonly limit: number;
  /** Most bytes, counted as in {@link HistoryPolicy}; the first message comes even if it is larger. */
  readonly bytes: number;
}

/** Messages that a room still holds. */
export interface HistoryPage {
  /** The room's top when it was read; every message is of this epoch. */
  readonly top: Position;
  /** Offset of the oldest message that is held; one more than the top's if none is. */
  readonly oldest: number;
  /** In the direction that was asked for, without a hole between them. */
  readonly messages: readonly StoredPublication[];
}

/**
 * What may come late: everything that comes from elsewhere (`'all'`), or the messages of the rooms of which
 * the function says so. It tells how it is at the moment at which it is called. `'all'` is also said while
 * messages to users and to everyone may, which have no room.
 */
export type Delay = 'all' | ((room: string) => boolean);

/** Where a broker puts what arrives for this node. No method throws. */
export interface BrokerListener {
  /** A message of a room this node is subscribed to. */
  message(room: string, publication: DeliveredPublication): void;
  /** The stream of a room this node is subscribed to was torn, and no message tells so (B15). */
  moved?(room: string, position: Position): void;
  /** From now on this may come late; `undefined`: nothing, any more (B16). */
  delayed?(delay: Delay | undefined): void;
  /** A command for this node. */
  command(command: ControlCommand): void;
  /** A question to this node. Never rejects. */
  answer(question: NodeQuestion): Promise<NodeAnswer>;
}

/**
 * Carries messages between nodes, in order, and knows every room's position and latest messages.
 *
 * B1 `publish` gives the message the offset after the room's top, in the room's epoch; the first
 *    offset of an epoch is 1. Two publishes never get the same position.
 * B2 every subscribed node's listener gets each message of the room once, offsets rising by 1,
 *    the publishing node included; volatile publications excepted, none is left out.
 * B3 publishes of one node into one room keep the order of their calls.
 * B4 `subscribe` resolves with the room's top at a moment after which every message reaches the
 *    listener; a message may reach it before the promise resolves.
 * B5 after `unsubscribe` resolves, no message of the room reaches the listener; subscribe and
 *    unsubscribe of one room take effect in the order of their calls.
 * B6 an epoch names one stream: the same (epoch, offset) is never given to two messages. A room
 *    whose position was forgotten starts a new epoch.
 * B7 `top` of a room nobody published to is offset 0 of an epoch that the first message will have.
 * B8 `command` reaches every node's listener once, the caller's own included.
 * B9 rooms do not see each other, whatever their names (`__proto__`, `constructor`).
 * B10 `ask` resolves with the answer of every node that lives, the caller's own included.
 * B11 after `close` resolves, the listener is not called; publishing rejects with `unavailable`.
 * B12 what `history` holds is an unbroken run of messages that ends at the top, or nothing, within the
 *    policy of the room's last publish; a position outlives the messages it counts.
 * B13 of publishes into a room with the same operation the first takes effect; the others get its
 *    receipt, as long as the window says (time and number a client).
 * B14 a volatile message has no position, moves no room's top, and is held by no history; to a
 *    subscribed node it comes in the order of that node's publishes.
 * B15 where messages of a subscribed room may be lost for good, be it that the store has forgotten them
 *    or began another epoch, the next message has a position that does not follow on the last one's; and
 *    as long as no message comes, `moved` tells the position after which the stream goes on.
 * B16 while messages of subscribed rooms may be on their way for long, because the store cannot be reached,
 *    `delayed` has said so, as soon as that is known. It says that a room is so no longer, or that nothing is,
 *    only after all that the room's stream was missing until then has reached the listener: as messages, or
 *    by B15. A broker that has no store to lose never calls it.
 */
export interface Broker {
  /** Has to be called once, before anything else. */
  start(listener: BrokerListener): Promise<void>;
  /** Puts a message into a room (B1, B2, B3, B13, B14). */
  publish(room: string, publication: Publication, options: PublishOptions): Promise<PublishReceipt>;
  /** Wants the messages of a room for this node, and tells its top (B4). */
  subscribe(room: string): Promise<Position>;
  /** Wants the messages of a room no longer (B5). */
  unsubscribe(room: string): Promise<void>;
  /** The position of a room's last message (B7). */
  top(room: string): Promise<Position>;
  /** Messages that a room still holds (B12). */
  history(room: string, query: HistoryQuery): Promise<HistoryPage>;
  /** Has every node do something (B8). */
  command(command: ControlCommand): Promise<void>;
  /** Asks every node (B10). */
  ask(question: NodeQuestion): Promise<NodeAnswer[]>;
  /** Ends it (B11). */
  close(): Promise<void>;
}
