/** Presence stores that break S3, S4 or S5. */
import type {
  PresenceChange,
  PresenceListener,
  PresenceRecord,
  PresenceScope,
  PresenceSnapshot,
} from '../../../lib/core/index.js';
import { WrappedStore, type Key } from './wrapped-store.js';

/** Loses every third change on the way. */
export class LosesChange extends WrappedStore {
  #count = 0;

  protected override hear(listener: PresenceListener, room: string, change: PresenceChange): void {
    this.#count += 1;
    if (this.#count % 3 !== 0) listener.changed(room, change);
  }
}

/** Tells every change twice. */
export class DoublesChange extends WrappedStore {
  protected override hear(listener: PresenceListener, room: string, change: PresenceChange): void {
    listener.changed(room, change);
    listener.changed(room, change);
  }
}

/** Tells two changes in the wrong order. */
export class SwapsChanges extends WrappedStore {
  #kept: PresenceChange | undefined;

  protected override hear(listener: PresenceListener, room: string, change: PresenceChange): void {
    const kept = this.#kept;
    this.#kept = kept === undefined ? change : undefined;
    if (kept === undefined) return;
    listener.changed(room, change);
    listener.changed(room, kept);
  }
}

/** Does not tell a node what it has done itself. */
export class TellsOthersOnly extends WrappedStore {
  #own = 0;

  override async put(room: string, record: PresenceRecord): Promise<void> {
    this.#own += 1;
    try {
      await super.put(room, record);
    } finally {
      this.#own -= 1;
    }
  }

  protected override hear(listener: PresenceListener, room: string, change: PresenceChange): void {
    if (this.#own === 0) listener.changed(room, change);
  }
}

/** Tells of every put, whether or not it has changed anything. */
export class TellsNoChange extends WrappedStore {
  override async put(room: string, record: PresenceRecord): Promise<void> {
    await super.remove(room, record, 'connection');
    await super.put(room, record);
  }
}

/** Tells a user as it came, not as it is. */
export class TellsFirstDevice extends WrappedStore {
  protected override hear(listener: PresenceListener, room: string, change: PresenceChange): void {
    const { member } = change;
    const cut = member && { ...member, connections: member.connections.slice(0, 1) };
    listener.changed(room, { ...change, member: cut });
  }
}

/** Has every device join. */
export class JoinsByDevice extends WrappedStore {
  protected override hear(listener: PresenceListener, room: string, change: PresenceChange): void {
    listener.changed(room, { ...change, hasJoined: change.member !== undefined });
  }
}

/** Tells everything to everybody. */
export class TellsAllRooms extends WrappedStore {
  override async put(room: string, record: PresenceRecord): Promise<void> {
    await this.inner.watch(room, 0);
    await super.put(room, record);
  }
}

/** Begins to tell some time after the snapshot. */
export class ListensLate extends WrappedStore {
  readonly #late = new Set<string>();

  override async watch(room: string, maxMembers: number): Promise<PresenceSnapshot> {
    this.#late.add(room);
    const snapshot = await super.watch(room, maxMembers);
    setImmediate(() => this.#late.delete(room));
    return snapshot;
  }

  protected override hear(listener: PresenceListener, room: string, change: PresenceChange): void {
    if (!this.#late.has(room)) listener.changed(room, change);
  }
}

/** Gives the first snapshot to who watches again. */
export class KeepsSnapshot extends WrappedStore {
  readonly #first = new Map<string, PresenceSnapshot>();

  override async watch(room: string, maxMembers: number): Promise<PresenceSnapshot> {
    const snapshot = this.#first.get(room) ?? (await super.watch(room, maxMembers));
    this.#first.set(room, snapshot);
    return snapshot;
  }
}

/** Reads the version apart from the members. */
export class ReadsVersionApart extends WrappedStore {
  protected override seen(snapshot: PresenceSnapshot): PresenceSnapshot {
    return { ...snapshot, version: snapshot.version + 1 };
  }
}

/** Lists everybody, however many. */
export class ListsEverybody extends WrappedStore {
  override read(room: string): Promise<PresenceSnapshot> {
    return super.read(room, Infinity);
  }
}

/** Lists those who came first. */
export class ListsSome extends WrappedStore {
  override async watch(room: string, maxMembers: number): Promise<PresenceSnapshot> {
    const snapshot = await super.watch(room, Infinity);
    return { ...snapshot, members: snapshot.members.slice(0, maxMembers) };
  }
}

/** Goes on after `unwatch`. */
export class IgnoresUnwatch extends WrappedStore {
  override async unwatch(): Promise<void> {
    // The fault.
  }
}

/** Unwatches by a way that is slower. */
export class UnwatchesLate extends WrappedStore {
  override async unwatch(room: string): Promise<void> {
    await Promise.resolve();
    await super.unwatch(room);
  }
}

/** Has the whole deployment unwatch. */
export class UnwatchesForAll extends WrappedStore {
  static readonly #stores = new Set<UnwatchesForAll>();

  override start(listener: PresenceListener): Promise<void> {
    UnwatchesForAll.#stores.add(this);
    return super.start(listener);
  }

  override async unwatch(room: string): Promise<void> {
    for (const store of UnwatchesForAll.#stores) await store.inner.unwatch(room);
  }

  override close(): Promise<void> {
    UnwatchesForAll.#stores.delete(this);
    return super.close();
  }
}

/** Tells of removals only when they were asked for here. */
export class ForgetsOthersRemovals extends WrappedStore {
  #removing = 0;

  override async remove(room: string, key: Key, scope: PresenceScope): Promise<void> {
    this.#removing += 1;
    try {
      await super.remove(room, key, scope);
    } finally {
      this.#removing -= 1;
    }
  }

  protected override hear(listener: PresenceListener, room: string, change: PresenceChange): void {
    if (change.member !== undefined || this.#removing > 0) listener.changed(room, change);
  }
}
