import {
  ErrorCode,
  MAX_PRESENCE_INFO_BYTES,
  MAX_PRESENCE_MEMBERS,
  type PresenceFrame,
} from '../protocol/index.js';
import type { Connection } from './connection.js';
import { RealtimeError } from './errors.js';
import type { PresencePolicy, PresenceSnapshot } from './ports/index.js';
import { PresenceEntries, type PresenceDependencies } from './presence-entries.js';
import { stateText } from './presence-frames.js';
import { isTooMuchInfo } from './presence-info.js';
import { PresenceWatch } from './presence-watch.js';
import type { PresenceWatcher } from './presence-watcher.js';

/** A frame about presence, and what is known of the right to ask. */
export interface PresenceQuestion {
  readonly frame: PresenceFrame;
  readonly policy: PresencePolicy;
  /** Whether the user may know who is in the room. */
  readonly maySee: boolean;
}

/**
 * Who is in the rooms of this node's connections, and who wants to know. Nothing is kept for rooms
 * without a presence policy.
 *
 * The store is not part of being in a room: what it cannot do now is done later, and a subscribe never
 * fails for it.
 */
export class PresenceTracker {
  readonly #entries: PresenceEntries;
  readonly #watches = new Map<string, PresenceWatch<Connection>>();
  #isClosed = false;

  constructor(private readonly deps: PresenceDependencies) {
    this.#entries = new PresenceEntries(deps);
  }

  /** Connects it to the store. */
  start(): Promise<void> {
    return this.deps.presence.start({
      changed: (room, change) => {
        this.#watches.get(room)?.changed(change);
      },
      missed: (room) => {
        this.#watches.get(room)?.missed();
      },
      expired: () => {
        this.#entries.expired();
      },
    });
  }

  /**
   * Ends it and the store. What is there stays there until the lease of this node is over: its clients
   * come back to other nodes, and are neither to leave nor to join for that.
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#entries.close();
    for (const watch of this.#watches.values()) watch.close();
    this.#watches.clear();
    await this.deps.presence.close();
  }

  /** A connection is in a room now, or begins anew in it, which changes nothing here. */
  enter(connection: Connection, room: string, policy: PresencePolicy | undefined): void {
    const { user } = connection;
    // It may have left since it was let in.
    if (policy === undefined || user === undefined || !connection.rooms.has(room)) return;
    if (!this.#isClosed) this.#entries.enter(connection, room, policy, user);
  }

  /** A connection has left a room by its own or the server's will: at once. */
  leave(connection: Connection, room: string): void {
    this.#unwatch(connection, room);
    this.#entries.leave(connection, room);
  }

  /**
   * A connection has ended. Where its client is expected back, it stays in its rooms for the grace.
   *
   * @param code how it was closed: 1006 if nobody said goodbye.
   */
  end(connection: Connection, code: number): void {
    for (const room of this.#entries.roomsOf(connection)) this.#unwatch(connection, room);
    this.#entries.end(connection, code);
  }

  /** Whether a connection is told of changes in a room. */
  isWatching(connection: Connection, room: string): boolean {
    return this.#watches.get(room)?.has(connection) === true;
  }

  /**
   * A connection may no longer know who is in a room. It is told that the list it has is void: a total
   * of 0, which no room has for one who is in it.
   */
  forbid(connection: Connection, room: string): void {
    if (this.#unwatch(connection, room)?.hasBegun !== true) return;
    connection.outbox.send({ type: 'presence-change', room, total: 0 });
  }

  /**
   * Answers a frame.
   *
   * @throws RealtimeError `forbidden`, `not-subscribed`, `payload-too-large`, or `unavailable` if the
   * store fails.
   */
  async handle(connection: Connection, { frame, policy, maySee }: PresenceQuestion): Promise<void> {
    const { action = 'get' } = frame;
    if (!maySee && (action === 'get' || action === 'watch')) throw forbidden();
    try {
      if (action === 'get') await this.#get(connection, frame, policy);
      else if (action === 'watch') await this.#watch(connection, frame, policy);
      else {
        if (action === 'unwatch') this.#unwatch(connection, frame.room);
        else await this.#update(connection, frame);
        await this.#tellTotal(connection, frame, maySee);
      }
    } catch (error) {
      if (error instanceof RealtimeError) throw error;
      this.deps.observer.failed('presence', error);
      throw unavailable();
    }
  }

  async #get(
    connection: Connection,
    { id, room }: PresenceFrame,
    { countsOnly }: PresencePolicy,
  ): Promise<void> {
    const { outbox } = connection;
    await this.#entries.get(connection, room)?.settled();
    const snapshot = await this.#read(room, countsOnly ? 0 : MAX_PRESENCE_MEMBERS);
    const { text } = stateText(room, id, snapshot, !countsOnly);
    await outbox.untilRoom(text.length);
    outbox.sendEncoded(text, text.length);
  }

  async #watch(
    connection: Connection,
    { id, room }: PresenceFrame,
    { countsOnly }: PresencePolicy,
  ): Promise<void> {
    if (!connection.rooms.has(room)) throw notSubscribed();
    const watch = this.#openWatch(room, countsOnly);
    const settled = this.#entries.get(connection, room)?.settled() ?? Promise.resolve();
    try {
      if (await watch.add(connection, id, connection.outbox, settled)) return;
    } finally {
      this.#releaseIfUnused(watch);
    }
    throw connection.rooms.has(room) ? forbidden() : notSubscribed();
  }

  #openWatch(room: string, countsOnly: boolean): PresenceWatch<Connection> {
    const known = this.#watches.get(room);
    if (known !== undefined) return known;
    const { presence: store, clock, observer } = this.deps;
    const watch = new PresenceWatch<Connection>({ store, clock, observer }, room, countsOnly);
    this.#watches.set(room, watch);
    return watch;
  }

  #unwatch(connection: Connection, room: string): PresenceWatcher | undefined {
    const watch = this.#watches.get(room);
    const watcher = watch?.delete(connection);
    if (watch !== undefined) this.#releaseIfUnused(watch);
    return watcher;
  }

  #releaseIfUnused(watch: PresenceWatch<Connection>): void {
    if (!watch.isUnused || this.#watches.get(watch.room) !== watch) return;
    this.#watches.delete(watch.room);
    this.deps.presence.unwatch(watch.room).catch((error: unknown) => {
      this.deps.observer.failed('presence', error);
    });
  }

  async #update(connection: Connection, { room, info }: PresenceFrame): Promise<void> {
    const entry = this.#entries.get(connection, room);
    if (entry === undefined || !connection.rooms.has(room)) throw notSubscribed();
    if (isTooMuchInfo(info)) {
      const message = `expected at most ${String(MAX_PRESENCE_INFO_BYTES)} bytes of info`;
      throw new RealtimeError(ErrorCode.PayloadTooLarge, message);
    }
    entry.update(info);
    await entry.settled();
    if (!entry.isDone) throw unavailable();
  }

  /** Who may not know how many there are is told 0. */
  async #tellTotal(
    { outbox }: Connection,
    { id, room }: PresenceFrame,
    maySee: boolean,
  ): Promise<void> {
    const total = maySee ? (await this.#read(room, 0)).total : 0;
    outbox.send({ type: 'presence', id, room, total });
  }

  #read(room: string, maxMembers: number): Promise<PresenceSnapshot> {
    return this.deps.presence.read(room, maxMembers);
  }
}

function forbidden(): RealtimeError {
  return new RealtimeError(ErrorCode.Forbidden, 'the room does not allow this');
}

function notSubscribed(): RealtimeError {
  return new RealtimeError(ErrorCode.NotSubscribed, 'expected the connection to be in the room');
}

function unavailable(): RealtimeError {
  return new RealtimeError(ErrorCode.Unavailable, 'presence is not available');
}
