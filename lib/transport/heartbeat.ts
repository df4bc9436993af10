import type { Clock } from '../core/index.js';

/** A link whose life is watched. */
export interface Watched {
  /** When something last came from the peer, in the clock's milliseconds. */
  lastHeardAt: number;
  /** What the peer's bytes come from: those of a message that is not whole yet are traffic too. */
  readonly stream: { readonly bytesRead?: number };
  /** How many bytes had come when it was pinged last. Kept by {@link Heartbeat}. */
  bytesAtPing: number | undefined;
  /** Whether we do not read from the peer ourselves; then its silence means nothing. */
  readonly isPaused: boolean;
  /** Since when the oldest byte that was sent waits for the peer to take it. 0: none waits. */
  readonly waitingSince: number;
  /** When it was pinged last. Kept by {@link Heartbeat}. */
  pingedAt: number;
  ping(): void;
  silent(): void;
  stuck(): void;
}

/** How often to ping, and when to give up. */
export interface HeartbeatOptions {
  /** Silence after which a peer is pinged, in milliseconds. Integer, at least 1 000. Default 30 000. */
  readonly intervalMs: number;
  /** Silence after which a peer is given up, in milliseconds. Greater than the interval. Default 45 000. */
  readonly timeoutMs: number;
}

/** What applies where nothing else is said. */
export const DEFAULT_HEARTBEAT: HeartbeatOptions = { intervalMs: 30_000, timeoutMs: 45_000 };

/** Most looks at every link between two pings; fewer would make the timeout coarse. */
const SWEEPS_PER_INTERVAL = 6;

/**
 * Finds peers that are gone, and those that take what they are sent too slowly. One timer for all links:
 * it sweeps over them several times an interval, pings those that were quiet and gives up those that
 * stay so. Any traffic counts as life; nobody is given up who was not asked.
 */
export class Heartbeat {
  readonly #links = new Set<Watched>();
  readonly #sweepMs: number;
  #cancel: (() => void) | undefined;
  /** When the next sweep ought to be. */
  #dueAt = 0;
  #wasLate = false;

  /** @param waitMs longest time that what was sent may wait, in milliseconds. Default 0: no bound. */
  constructor(
    private readonly clock: Clock,
    private readonly options: HeartbeatOptions,
    private readonly waitMs = 0,
  ) {
    const { intervalMs, timeoutMs } = options;
    const shortest = Math.min(intervalMs, timeoutMs - intervalMs, waitMs || Infinity);
    this.#sweepMs = shortest / SWEEPS_PER_INTERVAL;
  }

  /** Links that are watched. */
  get size(): number {
    return this.#links.size;
  }

  /** Watches a link until {@link forget}. */
  watch(link: Watched): void {
    this.#links.add(link);
    this.#schedule();
  }

  /** Watches a link no longer. */
  forget(link: Watched): void {
    this.#links.delete(link);
    if (this.#links.size > 0) return;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #sweep(): void {
    this.#cancel = undefined;
    const now = this.clock.now();
    // When it is us who slept, every peer looks silent: what they sent meanwhile is read before the
    // next sweep. Once only, else a process that is always late would never give a peer up.
    const isLate = !this.#wasLate && now - this.#dueAt >= this.#sweepMs;
    this.#wasLate = isLate;
    for (const link of this.#links) {
      if (!link.isPaused) this.#look(link, now, isLate);
      // While we slept we wrote nothing either.
      if (!isLate) this.#weigh(link, now);
    }
    if (this.#links.size > 0) this.#schedule();
  }

  #schedule(): void {
    if (this.#cancel !== undefined) return;
    this.#dueAt = this.clock.now() + this.#sweepMs;
    this.#cancel = this.clock.after(this.#sweepMs, () => {
      this.#sweep();
    });
  }

  #weigh(link: Watched, now: number): void {
    const { waitingSince } = link;
    if (this.waitMs > 0 && waitingSince > 0 && now - waitingSince >= this.waitMs) link.stuck();
  }

  #look(link: Watched, now: number, isLate: boolean): void {
    const { intervalMs, timeoutMs } = this.options;
    const silence = now - link.lastHeardAt;
    if (silence < intervalMs) return;
    // `<=`: on a fast link the answer comes within the same millisecond as the ping.
    if (link.pingedAt <= link.lastHeardAt) {
      link.pingedAt = now;
      link.bytesAtPing = link.stream.bytesRead;
      link.ping();
    } else if (link.stream.bytesRead !== link.bytesAtPing) {
      // The answer to the ping may be waiting behind a large message.
      link.lastHeardAt = now;
    } else if (silence >= timeoutMs && now - link.pingedAt >= timeoutMs - intervalMs && !isLate) {
      this.#links.delete(link);
      link.silent();
    }
  }
}
