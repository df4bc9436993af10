/**
 * What happened, as those who took part wrote it down: the records that {@link checkHistory} judges.
 *
 * Each process writes its own records before it acts on what they say; the histories of all are
 * put together afterwards, in any order, as long as the records of one process stay in theirs.
 * Nothing here knows the library: a history may come from virtual time or from many processes.
 */

/** What every record carries. */
interface Stamp {
  /**
   * When, in nanoseconds or any other unit that only rises and is the same for all processes. Equal
   * times mean "at once" between processes; in virtual time a counter says more.
   */
  readonly t: number;
  /** Who wrote it. One publisher, one logical subscriber, the oracle: each is a process. */
  readonly p: string;
}

/** A place in the stream of a room. */
export interface Spot {
  readonly epoch: string;
  readonly offset: number;
}

/** A place in the stream of a named room. */
interface RoomSpot extends Spot {
  readonly room: string;
}

/** A message is about to be published; the same id again is a retry. */
export interface PublishCall extends Stamp {
  readonly type: 'pub.call';
  /** Unique in the history, for instance `publisher/7`. */
  readonly id: string;
  readonly room: string;
  /** Rises with every message of this publisher. */
  readonly n: number;
  /** The canary in the payload. */
  readonly tenant?: string | undefined;
}

/** The message is stored at this place. */
export interface PublishOk extends Stamp, RoomSpot {
  readonly type: 'pub.ok';
  readonly id: string;
  /** What it survives: `memory`, `redis`, or `replicated:n` for n copies. */
  readonly durability: string;
}

/** The message is certainly not stored. */
export interface PublishNo extends Stamp {
  readonly type: 'pub.no';
  readonly id: string;
  readonly code: string;
}

/** The message may be stored or not: a timeout, a lost link. */
export interface PublishMaybe extends Stamp {
  readonly type: 'pub.maybe';
  readonly id: string;
  readonly why: string;
}

/** The subscriber asks to be in a room. From here to `sub.end` it wants to be in it. */
export interface SubscribeCall extends Stamp {
  readonly type: 'sub.call';
  readonly room: string;
  /** The last place it has seen, if any. */
  readonly since?: Spot | undefined;
}

/**
 * The subscriber is in the room.
 *
 * With `recovered: true` its stream goes on from where it was, and missed messages follow as `recv`.
 * With `recovered: false`, or on its first subscription, it goes on after the place given here. An
 * answer without a verdict to somebody who already has a place moves nothing and declares nothing.
 */
export interface SubscribeOk extends Stamp, RoomSpot {
  readonly type: 'sub.ok';
  /** Whether it asked with a place. Not judged: for the reader of an excerpt. */
  readonly wasRecovering: boolean;
  readonly recovered?: boolean | undefined;
  /** How many missed messages follow. */
  readonly replayed?: number | undefined;
}

/** A message reached the application; written before its handler returns. */
export interface Receive extends Stamp, RoomSpot {
  readonly type: 'recv';
  readonly id: string;
  readonly via?: 'live' | 'recovered' | undefined;
  /** The canary that was found in the payload. */
  readonly tenant?: string | undefined;
}

/** The stream moved on to this place by a message that is not for this subscriber. */
export interface Skip extends Stamp, RoomSpot {
  readonly type: 'position';
}

/** Messages were lost, and the application was told; the stream goes on after this place. */
export interface Gap extends Stamp, RoomSpot {
  readonly type: 'gap';
  readonly reason: string;
}

/** The application got the room's state as of this place, and the stream goes on after it. */
export interface Reset extends Stamp, RoomSpot {
  readonly type: 'reset';
}

/** The subscriber left, was refused, or is no more. It forgets its place and wants nothing. */
export interface SubscribeEnd extends Stamp {
  readonly type: 'sub.end';
  readonly room: string;
  readonly code?: string | undefined;
}

/** The connection of a subscriber, with all its rooms, opened or closed. */
export interface ConnectionChange extends Stamp {
  readonly type: 'conn';
  readonly state: 'open' | 'close';
  readonly code?: number | undefined;
}

/** What the store holds at the end. The last one of a room says where the room ended. */
export interface Final extends Stamp {
  readonly type: 'final';
  readonly room: string;
  readonly epoch: string;
  /** Smallest offset that is still there; the top plus 1 if nothing is. */
  readonly oldest: number;
  readonly messages: readonly { readonly offset: number; readonly id: string }[];
}

/** Everybody in a room, as a watcher is told. */
export interface PresenceState extends Stamp {
  readonly type: 'presence.state';
  readonly room: string;
  readonly members: readonly string[];
}

/** Somebody is there who was not, as a watcher is told. */
export interface PresenceJoin extends Stamp {
  readonly type: 'presence.join';
  readonly room: string;
  readonly member: string;
}

/** Somebody is gone who was there, as a watcher is told. */
export interface PresenceLeave extends Stamp {
  readonly type: 'presence.leave';
  readonly room: string;
  readonly member: string;
}

/** Who is in a room at the end, by the oracle. */
export interface PresenceFinal extends Stamp {
  readonly type: 'presence.final';
  readonly room: string;
  readonly members: readonly string[];
}

/** Whose credentials a subscriber (the record's `p`) uses, and to which tenant they belong. */
export interface SubscriberIdentity extends Stamp {
  readonly type: 'subscriber';
  readonly user: string;
  readonly tenant?: string | undefined;
}

/** A user may read a room from now on. */
export interface Grant extends Stamp {
  readonly type: 'grant';
  readonly user: string;
  readonly room: string;
}

/** A user may not read a room any more. */
export interface Revoke extends Stamp {
  readonly type: 'revoke';
  readonly user: string;
  readonly room: string;
}

/** Something was broken on purpose, or healed. */
export interface Fault extends Stamp {
  readonly type: 'fault';
  readonly kind: string;
  readonly target: string;
  readonly on: boolean;
  /** A fault of a link takes no stored message with it. Default: `data`. */
  readonly endangers?: 'data' | 'link' | undefined;
}

/** One line of a history. */
export type HistoryRecord =
  | PublishCall
  | PublishOk
  | PublishNo
  | PublishMaybe
  | SubscribeCall
  | SubscribeOk
  | Receive
  | Skip
  | Gap
  | Reset
  | SubscribeEnd
  | ConnectionChange
  | Final
  | PresenceState
  | PresenceJoin
  | PresenceLeave
  | PresenceFinal
  | SubscriberIdentity
  | Grant
  | Revoke
  | Fault;
