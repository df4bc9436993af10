import type { Clock, DeliveredPublication, HistoryPolicy, Publication } from '../core/index.js';

/** The revocations this node has heard of, as long as the store keeps them. Bounded as the store is. */
export class RevocationMemory {
  /** By name, in order of arrival, with the time of arrival. */
  readonly #known = new Map<string, { readonly publication: Publication; readonly at: number }>();
  #epoch: string | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly policy: Pick<HistoryPolicy, 'size' | 'ttlMs'>,
  ) {}

  /** Revocations that are remembered. */
  get size(): number {
    return this.#known.size;
  }

  /** Remembers a revocation; returns false for one that is known. */
  add(publication: DeliveredPublication): boolean {
    if (this.#known.has(publication.id)) return false;
    const now = this.clock.now();
    this.#known.set(publication.id, { publication, at: now });
    for (const [id, { at }] of this.#known) {
      if (this.#known.size <= this.policy.size && now - at < this.policy.ttlMs) break;
      this.#known.delete(id);
    }
    return true;
  }

  /** What a stream that has begun another epoch has to be told of again. Nothing in the first epoch there is. */
  toRenew(epoch: string): Publication[] {
    const before = this.#epoch;
    this.#epoch = epoch;
    if (before === undefined || before === epoch) return [];
    return Array.from(this.#known.values(), ({ publication }) => publication);
  }
}
