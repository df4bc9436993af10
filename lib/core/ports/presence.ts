import type { PresenceMember } from '../../protocol/index.js';

/** That a client instance is in a room. */
export interface PresenceRecord {
  readonly userId: string;
  /** Names one client instance of one user. Of the records with the same client one is shown (S2). */
  readonly client: string;
  /** The connection by which it is there. No two records of a room have the same. */
  readonly connectionId: string;
  /** What everyone may know of it. A JSON value; absent: nothing. */
  readonly info?: unknown;
}

/**
 * What is taken away of a client: the record of the one connection, or with it those that the client
 * has put before, because it has left for good by whatever connection it was there.
 */
export type PresenceScope = 'connection' | 'client';

/** Who is in a room, at one version of it. */
export interface PresenceSnapshot {
  /** Rises by 1 with each change of the room's presence, at least as long as a node watches it. */
  readonly version: number;
  /** How many users. */
  readonly total: number;
  /** The users in the order in which they came; none of them if there are more than were asked for. */
  readonly members: readonly PresenceMember[];
}

/** A change of one user in a room. */
export interface PresenceChange {
  /** The version that this change has made. */
  readonly version: number;
  /** How many users there are now. */
  readonly total: number;
  readonly userId: string;
  /** The user as it is now; `undefined`: it is there no longer. */
  readonly member: PresenceMember | undefined;
  /** Whether the user was not there before. */
  readonly hasJoined: boolean;
}

/** Where a presence store puts what this node has to know. No method throws. */
export interface PresenceListener {
  /** A room that this node watches has changed. */
  changed(room: string, change: PresenceChange): void;
  /** Changes of a room that this node watches may have been lost; what follows is in order again (S3). */
  missed(room: string): void;
  /** The records of this node are gone, though nobody here removed them (S6). */
  expired(): void;
}

/**
 * Knows who is in which room, on all nodes.
 *
 * S1 a user is in a room exactly while at least one record of it is; records of one user are one member.
 * S2 of the records of one client only the newest is shown, in the place of the client's first: who
 *    comes back by another connection neither leaves nor joins. To put a record again changes it where it
 *    is. `remove` takes away the record of that connection, so that an older one is shown again; with
 *    scope `client` the older ones too. To remove what is not there does nothing.
 * S3 every change gets the next version of its room; watching nodes' listeners hear of each change
 *    once, in the order of versions, their own changes included; a store that cannot be sure of that
 *    says `missed` before the next change. What leaves the member as it is shown is no change.
 * S4 `watch` resolves with a snapshot; every change after its version reaches the listener, and a
 *    change may reach it before the promise resolves. To watch again what is watched gives another one.
 * S5 after `unwatch` resolves the listener hears nothing of the room; watch and unwatch take effect in
 *    the order of their calls.
 * S6 records of a node that died are removed within the lease, counted from its last sign of life, each
 *    with exactly one change. A node that was only away does not bring back what was removed meanwhile:
 *    `expired` is called before any later call of its takes effect, and what it puts then is there.
 * S7 rooms do not see each other, whatever their names and their users' names (`__proto__`).
 * S8 after `close` resolves the listener is not called, and the store refuses with `unavailable`. The
 *    records of this node stay as long as those of one that died: who comes back to another node within
 *    the lease neither leaves nor joins.
 * S9 calls of one node about one room take effect in the order of the calls; what a call that has
 *    resolved did is in every later snapshot, on every node.
 */
export interface PresenceStore {
  /** Has to be called once, before anything else. */
  start(listener: PresenceListener): Promise<void>;
  /** Notes that a client is in a room, or what is known of it now (S2). */
  put(room: string, record: PresenceRecord): Promise<void>;
  /** Notes that a client is no longer in a room (S2). */
  remove(
    room: string,
    record: Pick<PresenceRecord, 'userId' | 'client' | 'connectionId'>,
    scope: PresenceScope,
  ): Promise<void>;
  /** Who is in a room; listed if they are not more than this. 0: only how many. */
  read(room: string, maxMembers: number): Promise<PresenceSnapshot>;
  /** Wants to hear of a room's changes (S4). */
  watch(room: string, maxMembers: number): Promise<PresenceSnapshot>;
  /** Wants to hear of them no longer (S5). */
  unwatch(room: string): Promise<void>;
  /** Ends it (S8). */
  close(): Promise<void>;
}
