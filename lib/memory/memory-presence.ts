import {
  RealtimeError,
  type Clock,
  type PresenceListener,
  type PresenceRecord,
  type PresenceScope,
  type PresenceSnapshot,
  type PresenceStore,
} from '../core/index.js';
import { ErrorCode } from '../protocol/index.js';
import { MemoryPresenceBook, type BookNode } from './memory-presence-book.js';
import type { RecordKey } from './memory-presence-room.js';

/** Whom a store shares its presence with. */
export interface MemoryPresenceOptions {
  /** The book of several nodes in this process. Absent: its own, and nothing to be done about leases. */
  readonly book?: MemoryPresenceBook;
  /**
   * Milliseconds after its last sign of life until a node's records are removed by the others; a node
   * gives one after a third of it. Default 10 000. Without effect where the book is the store's own.
   */
  readonly leaseMs?: number;
}

const LEASE_MS = 10_000;

/**
 * The presence store of a node without others: everything in this process, gone with it. Several of
 * them may share a book, as nodes share a store; that is for tests.
 *
 * Costs about 300 bytes a record besides its strings and info, and one timer where the book is shared.
 */
export class MemoryPresenceStore implements PresenceStore {
  readonly #book: MemoryPresenceBook;
  readonly #isShared: boolean;
  readonly #leaseMs: number;
  #node: BookNode | undefined;
  #renewedAt = 0;
  #cancel: () => void = () => undefined;

  constructor(
    private readonly clock: Clock,
    { book, leaseMs = LEASE_MS }: MemoryPresenceOptions = {},
  ) {
    this.#book = book ?? new MemoryPresenceBook();
    this.#isShared = book !== undefined;
    this.#leaseMs = leaseMs;
  }

  /** {@inheritDoc PresenceStore.start} */
  async start(listener: PresenceListener): Promise<void> {
    this.#node = { listener, expiresAt: 0, records: new Set(), watched: new Set() };
    this.#book.enter(this.#node);
    this.#renew(this.#node);
    if (this.#isShared) this.#schedule(this.#leaseMs / 3);
  }

  /** {@inheritDoc PresenceStore.put} */
  async put(room: string, record: PresenceRecord): Promise<void> {
    this.#book.put(this.#running(), room, record);
  }

  /** {@inheritDoc PresenceStore.remove} */
  async remove(room: string, record: RecordKey, scope: PresenceScope): Promise<void> {
    this.#running();
    this.#book.remove(room, record, scope);
  }

  /** {@inheritDoc PresenceStore.read} */
  async read(room: string, maxMembers: number): Promise<PresenceSnapshot> {
    this.#running();
    return this.#book.read(room, maxMembers);
  }

  /** {@inheritDoc PresenceStore.watch} */
  async watch(room: string, maxMembers: number): Promise<PresenceSnapshot> {
    this.#book.watch(this.#running(), room);
    return this.#book.read(room, maxMembers);
  }

  /** {@inheritDoc PresenceStore.unwatch} */
  async unwatch(room: string): Promise<void> {
    this.#book.unwatch(this.#running(), room);
  }

  /** {@inheritDoc PresenceStore.close} */
  async close(): Promise<void> {
    const node = this.#node;
    if (node === undefined) return;
    this.#cancel();
    this.#node = undefined;
    for (const room of node.watched) this.#book.unwatch(node, room);
    // A whole lease from now, for those who are on their way to another node.
    if (this.#book.has(node)) this.#renew(node);
  }

  /** The node, alive again if the others took it for dead: before anything it says now counts. */
  #running(): BookNode {
    const node = this.#node;
    if (node === undefined) {
      const message = 'presence store: expected it to be started and open';
      throw new RealtimeError(ErrorCode.Unavailable, message);
    }
    if (this.#book.has(node)) return node;
    this.#book.enter(node);
    this.#renew(node);
    node.listener.expired();
    return node;
  }

  #renew(node: BookNode): void {
    this.#renewedAt = this.clock.now();
    node.expiresAt = this.#renewedAt + this.#leaseMs;
  }

  #schedule(delayMs: number): void {
    this.#cancel = this.clock.after(delayMs, () => {
      this.#tick();
    });
  }

  #tick(): void {
    const wasAway = this.clock.now() - this.#renewedAt >= this.#leaseMs;
    this.#renew(this.#running());
    if (wasAway) {
      // Who was away itself cannot tell who else is: the others get the time for a sign of life.
      this.#schedule(this.#leaseMs / 3);
      return;
    }
    const now = this.clock.now();
    this.#book.sweep(now);
    this.#schedule(Math.min(this.#leaseMs / 3, this.#book.nextExpiry() - now));
  }
}
