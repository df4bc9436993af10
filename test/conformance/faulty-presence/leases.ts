/** Presence stores that break S6 or S8. */
import type {
  Clock,
  PresenceListener,
  PresenceRecord,
  PresenceSnapshot,
} from '../../../lib/core/index.js';
import type { MemoryPresenceOptions } from '../../../lib/memory/index.js';
import { WrappedStore } from './wrapped-store.js';

/** Needs three leases to find out that a node is dead. */
export class SweepsLate extends WrappedStore {
  constructor(clock: Clock, options: MemoryPresenceOptions) {
    super(clock, { ...options, leaseMs: 30_000 });
  }
}

/** Gives signs of life in another rhythm than the others expect: runs an hour late. */
export class RenewsLate extends WrappedStore {
  constructor(clock: Clock, options: MemoryPresenceOptions) {
    const late: Clock = {
      now: () => clock.now(),
      after: (delayMs, callback) => clock.after(delayMs * 4, callback),
    };
    super(late, options);
  }
}

/** Does not say that its records are gone. */
export class ExpiresSilently extends WrappedStore {
  protected override hearExpired(): void {
    // The fault.
  }
}

/** Says so when everything is over. */
export class ExpiresLate extends WrappedStore {
  protected override hearExpired(listener: PresenceListener): void {
    setImmediate(() => {
      listener.expired();
    });
  }
}

/** Puts what it remembers when it comes back. */
export class Resurrects extends WrappedStore {
  readonly #records: { room: string; record: PresenceRecord }[] = [];

  override put(room: string, record: PresenceRecord): Promise<void> {
    this.#records.push({ room, record });
    return super.put(room, record);
  }

  protected override hearExpired(listener: PresenceListener): void {
    listener.expired();
    for (const { room, record } of this.#records) void this.inner.put(room, record);
  }
}

/** Unwatches with the lease. */
export class DeafAfterExpiry extends WrappedStore {
  readonly #rooms = new Set<string>();

  override watch(room: string, maxMembers: number): Promise<PresenceSnapshot> {
    this.#rooms.add(room);
    return super.watch(room, maxMembers);
  }

  protected override hearExpired(listener: PresenceListener): void {
    for (const room of this.#rooms) void this.inner.unwatch(room);
    listener.expired();
  }
}

/** Takes its records along. */
export class RemovesOnClose extends WrappedStore {
  readonly #records: { room: string; record: PresenceRecord }[] = [];

  override put(room: string, record: PresenceRecord): Promise<void> {
    this.#records.push({ room, record });
    return super.put(room, record);
  }

  override async close(): Promise<void> {
    const records = this.#records.splice(0);
    for (const { room, record } of records) await this.inner.remove(room, record, 'connection');
    await super.close();
  }
}

/** Goes on after `close`. */
export class IgnoresClose extends WrappedStore {
  override async close(): Promise<void> {
    // The fault.
  }
}
