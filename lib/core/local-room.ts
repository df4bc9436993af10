import { isGap, type Position, type RecoveryReason } from '../protocol/index.js';
import type { Outbox } from './outbox.js';
import type { DeliveredPublication, RealtimeUser, StoredPublication } from './ports/index.js';
import { RoomFanOut } from './room-fan-out.js';
import { encodeMessageBytes } from './room-message.js';
import { Tail, type EncodedMessage } from './tail.js';
import type { Turns } from './turns.js';
import type { VolatileMessage } from './volatile-backlog.js';

/** A connection, as far as a room needs to know it. */
export interface Member {
  readonly id: string;
  readonly isLive: boolean;
  /** Who it is. Known for every member. */
  readonly user: RealtimeUser | undefined;
  readonly outbox: Outbox;
  /** Its replays of missed messages, of all its rooms: one page at a time. */
  readonly replays: Turns;
  /** Rooms it is in. Kept by {@link Rooms}. */
  readonly rooms: Map<string, LocalRoom>;
}

/** A member that still reads what it missed. */
export interface Replay {
  /** The room has delivered another message. */
  moved(): void;
  /** The member is in the room no longer, or begins anew. */
  stop(): void;
}

/**
 * One room as this node sees it: who gets its messages, and up to which position it was delivered.
 *
 * Invariant: what a member is sent of the room has offsets that rise by exactly 1, unless a `gap`
 * frame stands before.
 */
export class LocalRoom {
  readonly #fanOut = new RoomFanOut<Member>();
  /** Connections of this node that are in the room and still read what they missed. */
  readonly replays = new Map<Member, Replay>();
  /** The latest messages, while anyone reads history. */
  readonly tail = new Tail();
  /** Settles when the broker delivers this room's messages to this node. */
  readonly ready: Promise<void>;
  /** Joins that have begun and not ended; they keep the room as members do. */
  joining = 0;
  #position: Position | undefined;

  constructor(
    readonly name: string,
    subscribed: Promise<Position>,
  ) {
    this.ready = subscribed.then((top) => {
      // Messages may have come before this answer; then the answer is the older news.
      const seen = this.#position;
      if (seen?.epoch === top.epoch && seen.offset >= top.offset) return;
      this.#position = top;
      this.tail.clear();
    });
  }

  /** Connections of this node that get every message as it comes. */
  get members(): ReadonlySet<Member> {
    return this.#fanOut.members;
  }

  /** Position of the last message this node has delivered; known once it is {@link ready}. */
  get position(): Position {
    if (this.#position === undefined) throw new Error('room: expected it to be ready');
    return this.#position;
  }

  /** Whether nobody needs it. */
  get isUnused(): boolean {
    return this.joining === 0 && this.members.size === 0 && this.replays.size === 0;
  }

  /** From now on a connection gets every message as it comes. */
  enter(member: Member): void {
    this.#fanOut.add(member);
  }

  /** A connection is in the room no longer, or begins anew. */
  exit(member: Member): void {
    this.#fanOut.delete(member);
    member.outbox.leaveRoom(this.name);
    this.replays.get(member)?.stop();
    this.replays.delete(member);
    this.forgetTail();
  }

  /**
   * Gives a message to every member. Encoded once, however many they are. A volatile one goes to those
   * only who are live: the others could get it before messages that are older.
   */
  deliver(publication: DeliveredPublication): void {
    const { position } = publication;
    if (position === undefined) this.#send(publication);
    else if (this.#advance(position)) this.#deliverNext(publication as StoredPublication);
  }

  /**
   * The broker has lost messages that nobody will bring: the stream goes on behind this position. Whoever
   * is in the room is told at once, not with the next message.
   */
  moveTo(position: Position): void {
    const last = this.#position;
    const isSameEpoch = last?.epoch === position.epoch;
    if (last === undefined || (isSameEpoch && position.offset <= last.offset)) return;
    this.#jump(position, isSameEpoch);
    for (const replay of this.replays.values()) replay.moved();
  }

  /** Lets go of the latest messages if nobody reads history. */
  forgetTail(): void {
    if (this.joining === 0 && this.replays.size === 0) this.tail.clear();
  }

  /** Tells a member that messages were lost, and that the stream goes on from where the room is. */
  tellGap(member: Member, reason: RecoveryReason): void {
    member.outbox.send({ type: 'gap', room: this.name, ...this.position, reason });
  }

  #deliverNext(publication: StoredPublication): void {
    const bytes = this.#send(publication);
    if (this.joining > 0 || this.replays.size > 0) {
      this.tail.push({ publication, bytes: bytes ?? encodeMessageBytes(this.name, publication) });
      for (const replay of this.replays.values()) replay.moved();
    }
  }

  /** Moves on to a message's position; tells members of a hole before it. Returns false for what is old news. */
  #advance(next: Position): boolean {
    const last = this.#position;
    if (last !== undefined) {
      const isSameEpoch = last.epoch === next.epoch;
      if (isSameEpoch && next.offset <= last.offset) return false;
      if (isGap(last, next))
        this.#jump({ epoch: next.epoch, offset: next.offset - 1 }, isSameEpoch);
    }
    this.#position = next;
    return true;
  }

  /** What lay before this position is lost: says so to every member. */
  #jump(position: Position, isSameEpoch: boolean): void {
    this.tail.clear();
    this.#position = position;
    const reason = isSameEpoch ? 'position-unknown' : 'epoch-changed';
    for (const member of this.members) this.tellGap(member, reason);
  }

  #send(publication: DeliveredPublication): Uint8Array | undefined {
    if (this.members.size === 0) return undefined;
    const message = encodeMessageBytes(this.name, publication);
    const { except, position } = publication;
    if (except !== undefined && except.length > 0) this.#sendToOthers(except, publication, message);
    else if (position === undefined)
      this.#fanOut.sendVolatile(this.#volatile(publication, message));
    else this.#fanOut.send(message);
    return message;
  }

  #volatile({ latest }: DeliveredPublication, bytes: Uint8Array): VolatileMessage {
    return { room: this.name, bytes, latest };
  }

  #sendToOthers(
    except: readonly string[],
    publication: DeliveredPublication,
    message: Uint8Array,
  ): void {
    const volatile =
      publication.position === undefined ? this.#volatile(publication, message) : undefined;
    for (const member of this.members) {
      if (except.includes(member.id)) skip(member, this.name, publication);
      else if (volatile !== undefined) member.outbox.sendVolatile(volatile);
      else member.outbox.sendEncoded(message, message.byteLength);
    }
  }
}

/** Sends a stored message to one member, who may be one that does not get it. */
export function sendStored(
  member: Member,
  room: string,
  { publication, bytes }: EncodedMessage,
): void {
  if (publication.except?.includes(member.id) === true) skip(member, room, publication);
  else member.outbox.sendEncoded(bytes, bytes.byteLength);
}

/** Lets a member that does not get a message know that it lost none. */
function skip(member: Member, room: string, { position }: DeliveredPublication): void {
  if (position !== undefined) member.outbox.send({ type: 'position', room, ...position });
}
