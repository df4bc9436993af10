import type { Clock } from './ports/index.js';

/** How exact a deadline is kept, in milliseconds: a callback comes at most this much late, never early. */
const GRAIN_MS = 100;

/** A waiting deadline. */
interface Deadline<T> {
  readonly item: T;
  readonly slot: number;
}

/**
 * Moments at which something falls due, one for each item. All share one timer, however many there
 * are: a timer a connection would cost more memory than the rest of an idle connection's bookkeeping.
 */
export class Deadlines<T> {
  readonly #slots = new Map<number, Set<Deadline<T>>>();
  readonly #items = new Map<T, Deadline<T>>();
  #cancel: (() => void) | undefined;
  /** The last slot that was looked at. */
  #looked = -Infinity;

  /** @param due called once for each item whose moment has come; the item is forgotten before. */
  constructor(
    private readonly clock: Clock,
    private readonly due: (item: T) => void,
  ) {}

  /** Items that wait. */
  get size(): number {
    return this.#items.size;
  }

  /** Sets an item's moment, in the clock's milliseconds; replaces an earlier one. */
  set(item: T, atMs: number): void {
    this.delete(item);
    if (!this.#isTicking) this.#startTicking();
    const slot = Math.max(Math.ceil(atMs / GRAIN_MS), this.#looked + 1);
    const deadline = { item, slot };
    this.#items.set(item, deadline);
    const slotmates = this.#slots.get(slot);
    if (slotmates === undefined) this.#slots.set(slot, new Set([deadline]));
    else slotmates.add(deadline);
  }

  /** Forgets an item's moment. */
  delete(item: T): void {
    const deadline = this.#items.get(item);
    if (deadline === undefined) return;
    this.#items.delete(item);
    const slotmates = this.#slots.get(deadline.slot);
    slotmates?.delete(deadline);
    if (slotmates?.size === 0) this.#slots.delete(deadline.slot);
    if (this.#items.size === 0) this.#stopTicking();
  }

  get #isTicking(): boolean {
    return this.#cancel !== undefined;
  }

  #startTicking(): void {
    this.#looked = Math.floor(this.clock.now() / GRAIN_MS);
    this.#schedule();
  }

  #stopTicking(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #schedule(): void {
    this.#cancel = this.clock.after(GRAIN_MS, () => {
      this.#tick();
    });
  }

  #tick(): void {
    this.#cancel = undefined;
    const now = Math.floor(this.clock.now() / GRAIN_MS);
    for (const slot of this.#slotsUpTo(now)) this.#expire(slot);
    this.#looked = now;
    // The callbacks may have emptied it, or filled it anew and started the ticking themselves.
    if (this.#items.size > 0 && !this.#isTicking) this.#schedule();
  }

  /** Slots between the last look and now; after a long sleep it is cheaper to ask which there are. */
  #slotsUpTo(now: number): number[] {
    if (now - this.#looked > this.#slots.size) {
      return [...this.#slots.keys()].filter((slot) => slot <= now);
    }
    return Array.from({ length: now - this.#looked }, (_, index) => this.#looked + 1 + index);
  }

  #expire(slot: number): void {
    const deadlines = this.#slots.get(slot);
    if (deadlines === undefined) return;
    this.#slots.delete(slot);
    for (const deadline of deadlines) {
      const { item } = deadline;
      // A callback before may have forgotten this item, or given it another moment.
      if (this.#items.get(item) !== deadline) continue;
      this.#items.delete(item);
      this.due(item);
    }
  }
}
