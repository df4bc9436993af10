import { closeAction, CloseCode, MAX_PRESENCE_INFO_BYTES } from '../protocol/index.js';
import type { Connection } from './connection.js';
import { Deadlines } from './deadlines.js';
import type {
  Clock,
  Observer,
  PresencePolicy,
  PresenceStore,
  RealtimeUser,
} from './ports/index.js';
import { PresenceEntry, type PresenceEntryDependencies } from './presence-entry.js';
import { isTooMuchInfo } from './presence-info.js';
import { PresenceRetries } from './presence-retries.js';

/** What presence is made of. */
export interface PresenceDependencies {
  readonly presence: PresenceStore;
  readonly clock: Clock;
  readonly observer: Observer;
}

/**
 * Which of this node's connections are in which rooms, as the store is told: from the moment in which
 * they enter until they leave, and the grace time longer if they only break. Costs about 400 bytes an
 * entry besides its strings and info; one timer for all graces, one for all that has to be tried again.
 */
export class PresenceEntries {
  /** By connection, then by room; also of connections that have ended, while their grace lasts. */
  readonly #entries = new Map<string, Map<string, PresenceEntry>>();
  readonly #grace: Deadlines<PresenceEntry>;
  readonly #retries: PresenceRetries;
  readonly #entryDeps: PresenceEntryDependencies;
  /** Whether the store's failure was reported: once for all entries, until it works again. */
  #isFailing = false;

  constructor(private readonly deps: PresenceDependencies) {
    this.#retries = new PresenceRetries(deps.clock);
    this.#grace = new Deadlines(deps.clock, (entry) => {
      entry.leave('connection');
    });
    this.#entryDeps = {
      store: deps.presence,
      done: (entry) => {
        this.#isFailing = false;
        if (entry.isLeaving) this.#forget(entry);
      },
      failed: (entry, error) => {
        this.#failed(entry, error);
      },
    };
  }

  /** That a connection is in a room, or was until just now. */
  get({ id }: Connection, room: string): PresenceEntry | undefined {
    return this.#entries.get(id)?.get(room);
  }

  /** Rooms that a connection is in, or was until just now. */
  roomsOf({ id }: Connection): string[] {
    return [...(this.#entries.get(id)?.keys() ?? [])];
  }

  /** Puts a connection into a room. One that is there stays as it is. */
  enter(connection: Connection, room: string, policy: PresencePolicy, user: RealtimeUser): void {
    const { id, client } = connection;
    const rooms = this.#entries.get(id) ?? new Map<string, PresenceEntry>();
    const known = rooms.get(room);
    if (known?.isLeaving === false) return;
    const key = { room, userId: user.id, client, connectionId: id };
    const entry = known ?? new PresenceEntry(this.#entryDeps, key, policy.graceMs);
    this.#entries.set(id, rooms.set(room, entry));
    entry.enter(() => this.#describe(policy, user));
  }

  /** Takes a connection out of a room, and whatever its client has left there before. */
  leave(connection: Connection, room: string): void {
    this.get(connection, room)?.leave('client');
  }

  /** Takes a connection that has ended out of its rooms: at once or, if it is expected back, after the grace. */
  end({ id }: Connection, code: number): void {
    for (const entry of [...(this.#entries.get(id)?.values() ?? [])]) {
      entry.hasEnded = true;
      if (entry.isLeaving) continue;
      if (isGoodbye(code)) entry.leave('client');
      // What is not in the store yet is not to come there any more.
      else if (entry.graceMs === 0 || !entry.mayBeStored) entry.leave('connection');
      else this.#grace.set(entry, this.deps.clock.now() + entry.graceMs);
    }
  }

  /** The store has lost all of them: those who are still there are put again, the others are gone already. */
  expired(): void {
    for (const rooms of [...this.#entries.values()]) {
      for (const entry of [...rooms.values()]) {
        entry.lose();
        if (entry.isLeaving || entry.hasEnded) entry.leave('connection');
        else this.#retries.add(entry);
      }
    }
  }

  /** Leaves everything in the store as it is. */
  close(): void {
    for (const rooms of this.#entries.values()) {
      for (const entry of rooms.values()) this.#grace.delete(entry);
    }
    this.#entries.clear();
    this.#retries.close();
  }

  /** What cannot be found out is not told; the user is there all the same. */
  async #describe(policy: PresencePolicy, user: RealtimeUser): Promise<unknown> {
    try {
      const info = await policy.info(user);
      if (!isTooMuchInfo(info)) return info;
      throw new RangeError(`expected at most ${String(MAX_PRESENCE_INFO_BYTES)} bytes of info`);
    } catch (error) {
      this.deps.observer.failed('presence info', error);
      return undefined;
    }
  }

  #failed(entry: PresenceEntry, error: unknown): void {
    // Forgotten meanwhile, or all of it has ended.
    if (!this.#has(entry)) return;
    if (!this.#isFailing) this.deps.observer.failed('presence', error);
    this.#isFailing = true;
    this.#retries.add(entry);
  }

  #has(entry: PresenceEntry): boolean {
    const { connectionId, room } = entry.key;
    return this.#entries.get(connectionId)?.get(room) === entry;
  }

  #forget(entry: PresenceEntry): void {
    this.#grace.delete(entry);
    if (!this.#has(entry)) return;
    const { connectionId, room } = entry.key;
    const rooms = this.#entries.get(connectionId);
    rooms?.delete(room);
    if (rooms?.size === 0) this.#entries.delete(connectionId);
  }
}

/**
 * Whether a connection that was closed so is not expected back: its client said goodbye, or the server
 * sent it away. One that was replaced is: its client is here already, by another connection.
 */
function isGoodbye(code: number): boolean {
  if (code === CloseCode.Replaced) return false;
  const action = closeAction(code);
  return action === 'stop' || action === 'refresh';
}
