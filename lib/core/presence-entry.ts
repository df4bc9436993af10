import type { PresenceRecord, PresenceScope, PresenceStore } from './ports/index.js';

/** What an entry needs, and whom it tells. */
export interface PresenceEntryDependencies {
  readonly store: Pick<PresenceStore, 'put' | 'remove'>;
  /** The store has done what was wanted. */
  done(entry: PresenceEntry): void;
  /** The store could not do it; the entry is out of step until {@link PresenceEntry.sync} succeeds. */
  failed(entry: PresenceEntry, error: unknown): void;
}

/** What names an entry. */
export interface PresenceEntryKey {
  readonly room: string;
  readonly userId: string;
  readonly client: string;
  readonly connectionId: string;
}

/**
 * That one connection is in one room, kept in step with the store: one call at a time, so that they
 * take effect in order, and only the last of several wishes, so that nothing piles up behind a slow
 * store.
 */
export class PresenceEntry {
  #info: unknown;
  /** Finds out what everyone may know at first. Absent: that is known. */
  #describe: (() => Promise<unknown>) | undefined;
  /** Set: it is to be removed. */
  #scope: PresenceScope | undefined;
  /** Counts what was wanted. */
  #wish = 0;
  /** The wish that the store has done last. */
  #done = 0;
  #work: Promise<void> | undefined;
  #mayBeStored = false;
  /** Whether its connection has ended. */
  hasEnded = false;

  constructor(
    private readonly deps: PresenceEntryDependencies,
    readonly key: PresenceEntryKey,
    /** Milliseconds it stays after its connection broke. */
    readonly graceMs: number,
  ) {}

  /** Whether it is to be removed. */
  get isLeaving(): boolean {
    return this.#scope !== undefined;
  }

  /** Whether the store has done what is wanted. */
  get isDone(): boolean {
    return this.#done === this.#wish;
  }

  /** Whether the store may have it. */
  get mayBeStored(): boolean {
    return this.#mayBeStored;
  }

  /** Settles when the store has done what is wanted, or has failed to. */
  async settled(): Promise<void> {
    await this.#work;
  }

  /** Puts it there. */
  enter(describe: () => Promise<unknown>): void {
    this.#info = undefined;
    this.#describe = describe;
    this.#scope = undefined;
    this.#want();
  }

  /** Changes what everyone may know of it. */
  update(info: unknown): void {
    this.#info = info;
    this.#describe = undefined;
    this.#want();
  }

  /** Takes it away. */
  leave(scope: PresenceScope): void {
    this.#scope = scope;
    this.#want();
  }

  /** The store has lost it: what is wanted is not done, but not to be done at once. */
  lose(): void {
    this.#mayBeStored = false;
    this.#wish += 1;
  }

  /** Has the store do what is wanted. */
  sync(): void {
    if (this.#work === undefined && !this.isDone) this.#work = this.#run();
  }

  #want(): void {
    this.#wish += 1;
    this.sync();
  }

  async #run(): Promise<void> {
    try {
      while (!this.isDone) await this.#step();
    } catch (error) {
      this.#work = undefined;
      this.deps.failed(this, error);
      return;
    }
    this.#work = undefined;
    this.deps.done(this);
  }

  async #step(): Promise<void> {
    const wish = this.#wish;
    const { room, ...named } = this.key;
    if (this.#scope !== undefined) {
      if (this.#mayBeStored) await this.deps.store.remove(room, named, this.#scope);
    } else {
      await this.#learnInfo();
      if (this.#wish !== wish) return;
      this.#mayBeStored = true;
      await this.deps.store.put(room, this.#record(named));
      // Once more: it may have been lost before it came.
      this.#mayBeStored = true;
    }
    this.#done = wish;
  }

  async #learnInfo(): Promise<void> {
    const describe = this.#describe;
    if (describe === undefined) return;
    const info = await describe();
    // Meanwhile the client may have said itself what is to be known.
    if (this.#describe !== describe) return;
    this.#info = info;
    this.#describe = undefined;
  }

  #record(named: Omit<PresenceRecord, 'info'>): PresenceRecord {
    return this.#info === undefined ? named : { ...named, info: this.#info };
  }
}
