import { ErrorCode, MAX_PRESENCE_MEMBERS } from '../protocol/index.js';
import { RealtimeError } from './errors.js';
import type {
  Clock,
  Observer,
  PresenceChange,
  PresenceSnapshot,
  PresenceStore,
} from './ports/index.js';
import {
  batchOf,
  countText,
  isListable,
  restatedText,
  stateText,
  type PresenceText,
} from './presence-frames.js';
import { PresenceWatcher } from './presence-watcher.js';

/** Users to which a room has to shrink before those who were told a number get a list again. */
const LIST_AGAIN = 900;

/** Changes that are told in one frame at most. */
const MAX_PENDING = 1_000;

/** Least milliseconds between two frames of a room that tell a number only. */
const COUNT_INTERVAL_MS = 1_000;

/** How often the state is read again because more changed meanwhile than was held back. */
const MAX_READS = 3;

/** What watching needs. */
export interface PresenceWatchDependencies {
  readonly store: Pick<PresenceStore, 'watch'>;
  readonly clock: Clock;
  readonly observer: Observer;
}

/**
 * The connections of this node that watch one room's presence.
 *
 * Invariant: what a watcher is told after a state, applied to it, is the room as it is at the version
 * of the last frame. Changes are held back while the state is read, and those that it contains are
 * dropped by version. Changes of one turn are one frame. A frame that tells the total only makes the
 * list void that the watcher has; the next one with a list begins with an empty one.
 */
export class PresenceWatch<Key> {
  readonly #watchers = new Map<Key, PresenceWatcher>();
  readonly #waiting = new Set<PresenceWatcher>();
  #pending: PresenceChange[] = [];
  #cancelFlush: (() => void) | undefined;
  #flushedAt = -Infinity;

  constructor(
    private readonly deps: PresenceWatchDependencies,
    readonly room: string,
    private readonly countsOnly: boolean,
  ) {}

  /** Whether nobody watches. */
  get isUnused(): boolean {
    return this.#watchers.size === 0;
  }

  /** Whether a connection watches, or is about to. */
  has(key: Key): boolean {
    return this.#watchers.has(key);
  }

  /**
   * Has a connection watch, beginning with the state as the answer to its request; anew, if it watches
   * already.
   *
   * @param settled settles when what the connection itself has put is in the store.
   * @returns false if it was taken out before it had begun.
   * @throws what the store rejects with, and `unavailable` if the room changes faster than it is read.
   */
  async add(
    key: Key,
    id: string,
    outbox: PresenceWatcher['outbox'],
    settled: Promise<void>,
  ): Promise<boolean> {
    this.delete(key);
    const watcher = new PresenceWatcher(outbox, !this.countsOnly);
    this.#watchers.set(key, watcher);
    this.#hold([watcher]);
    try {
      await settled;
      for (let reads = 0; reads < MAX_READS; reads += 1) {
        if (this.#watchers.get(key) !== watcher) return false;
        watcher.wait();
        if (await this.#begin(key, watcher, id)) return true;
      }
      throw new RealtimeError(ErrorCode.Unavailable, 'the presence changes faster than it is read');
    } catch (error) {
      if (this.#watchers.get(key) === watcher) this.delete(key);
      throw error;
    }
  }

  /** Has a connection watch no longer. Returns the watcher it was. */
  delete(key: Key): PresenceWatcher | undefined {
    const watcher = this.#watchers.get(key);
    if (watcher === undefined) return undefined;
    this.#watchers.delete(key);
    this.#waiting.delete(watcher);
    if (this.isUnused) this.close();
    return watcher;
  }

  /** The room has changed. */
  changed(change: PresenceChange): void {
    for (const watcher of this.#waiting) watcher.hold(change);
    this.#pending.push(change);
    if (this.#pending.length >= MAX_PENDING) this.#flush();
    else this.#schedule(change.total);
  }

  /** Changes may have been lost: whoever watches gets the state anew. */
  missed(): void {
    for (const watcher of this.#waiting) watcher.miss();
    void this.#restate([...this.#watchers.values()].filter(({ isWaiting }) => !isWaiting));
  }

  /** Tells nothing more. */
  close(): void {
    this.#cancelFlush?.();
    this.#cancelFlush = undefined;
    this.#pending = [];
  }

  async #begin(key: Key, watcher: PresenceWatcher, id: string): Promise<boolean> {
    const snapshot = await this.#read();
    const state = stateText(this.room, id, snapshot, watcher.mayList);
    await watcher.outbox.untilRoom(state.text.length);
    if (this.#watchers.get(key) !== watcher) return false;
    if (!watcher.canFollow(snapshot.version, state.lists)) return false;
    this.#go(watcher, snapshot, state);
    return true;
  }

  #read(): Promise<PresenceSnapshot> {
    return this.deps.store.watch(this.room, this.countsOnly ? 0 : MAX_PRESENCE_MEMBERS);
  }

  #hold(watchers: readonly PresenceWatcher[]): void {
    for (const watcher of watchers) {
      watcher.wait();
      this.#waiting.add(watcher);
    }
  }

  /** Tells a watcher where it stands, and what was held back since. */
  #go(watcher: PresenceWatcher, snapshot: PresenceSnapshot, { text, lists }: PresenceText): void {
    this.#waiting.delete(watcher);
    const { version, total } = snapshot;
    // Not too many members, and yet no list: it is too long.
    if (!lists && isListable(total)) watcher.mayList = false;
    watcher.outbox.sendEncoded(text, text.length);
    const held = batchOf(this.room, watcher.follow(version, total, lists));
    if (held !== undefined) watcher.tell(held);
  }

  /** A number need not be told with every change: in a room of thousands it changes all the time. */
  #schedule(total: number): void {
    if (this.#cancelFlush !== undefined) return;
    const { clock } = this.deps;
    const isCount = this.countsOnly || !isListable(total);
    const dueAt = isCount ? this.#flushedAt + COUNT_INTERVAL_MS : -Infinity;
    this.#cancelFlush = clock.after(Math.max(0, dueAt - clock.now()), () => {
      this.#flush();
    });
  }

  #flush(): void {
    const batch = batchOf(this.room, this.#pending);
    this.close();
    this.#flushedAt = this.deps.clock.now();
    if (batch === undefined) return;
    for (const watcher of [...this.#watchers.values()]) watcher.tell(batch);
    if (batch.total > LIST_AGAIN) return;
    void this.#restate([...this.#watchers.values()].filter(isDue));
  }

  /** Gives watchers the state anew: all of them the same, read once. */
  async #restate(watchers: readonly PresenceWatcher[], reads = 1): Promise<void> {
    if (watchers.length === 0) return;
    this.#hold(watchers);
    try {
      const snapshot = await this.#read();
      const state = restatedText(this.room, snapshot, !this.countsOnly);
      const waiting = watchers.filter((watcher) => this.#waiting.has(watcher));
      const late = new Set(waiting.filter((one) => !one.canFollow(snapshot.version, state.lists)));
      for (const watcher of waiting) {
        if (late.has(watcher)) continue;
        if (state.lists) watcher.forget(countText(this.room, snapshot.total));
        this.#go(watcher, snapshot, state);
      }
      if (reads < MAX_READS) await this.#restate([...late], reads + 1);
      else this.#giveUp([...late]);
    } catch (error) {
      this.deps.observer.failed('presence', error);
      this.#giveUp(watchers);
    }
  }

  /** Watchers whose list could not be read go on with a number until the next change is told. */
  #giveUp(watchers: readonly PresenceWatcher[]): void {
    for (const watcher of watchers) {
      if (!this.#waiting.delete(watcher)) continue;
      watcher.forget(countText(this.room, watcher.total));
      const held = batchOf(this.room, watcher.follow(-1, watcher.total, false));
      if (held !== undefined) watcher.tell(held);
    }
  }
}

/** Whether a watcher has a number where it could have a list. */
function isDue({ isWaiting, mayList, lists }: PresenceWatcher): boolean {
  return !isWaiting && mayList && !lists;
}
