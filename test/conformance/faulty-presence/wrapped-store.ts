import type {
  Clock,
  PresenceChange,
  PresenceListener,
  PresenceRecord,
  PresenceScope,
  PresenceSnapshot,
  PresenceStore,
} from '../../../lib/core/index.js';
import { MemoryPresenceStore, type MemoryPresenceOptions } from '../../../lib/memory/index.js';

/** What names a record. */
export type Key = Pick<PresenceRecord, 'userId' | 'client' | 'connectionId'>;

/** A store that works; a fault is one method of it done wrong. */
export class WrappedStore implements PresenceStore {
  protected readonly inner: PresenceStore;
  protected listener: PresenceListener | undefined;

  constructor(
    protected readonly clock: Clock,
    options: MemoryPresenceOptions,
  ) {
    this.inner = new MemoryPresenceStore(clock, options);
  }

  start(listener: PresenceListener): Promise<void> {
    this.listener = listener;
    return this.inner.start({
      changed: (room, change) => {
        this.hear(listener, room, change);
      },
      missed: (room) => {
        listener.missed(room);
      },
      expired: () => {
        this.hearExpired(listener);
      },
    });
  }

  put(room: string, record: PresenceRecord): Promise<void> {
    return this.inner.put(room, record);
  }

  remove(room: string, record: Key, scope: PresenceScope): Promise<void> {
    return this.inner.remove(room, record, scope);
  }

  async read(room: string, maxMembers: number): Promise<PresenceSnapshot> {
    return this.seen(await this.inner.read(room, maxMembers));
  }

  async watch(room: string, maxMembers: number): Promise<PresenceSnapshot> {
    return this.seen(await this.inner.watch(room, maxMembers));
  }

  unwatch(room: string): Promise<void> {
    return this.inner.unwatch(room);
  }

  close(): Promise<void> {
    return this.inner.close();
  }

  protected hear(listener: PresenceListener, room: string, change: PresenceChange): void {
    listener.changed(room, change);
  }

  protected hearExpired(listener: PresenceListener): void {
    listener.expired();
  }

  protected seen(snapshot: PresenceSnapshot): PresenceSnapshot {
    return snapshot;
  }
}
