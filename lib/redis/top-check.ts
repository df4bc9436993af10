import type { Clock, Observer, Random } from '../core/index.js';
import type { Position } from '../protocol/index.js';
import { isCluster } from './redis-commands.js';
import type { StreamKeys } from './redis-keys.js';
import type { RedisLink } from './redis-link.js';
import type { RoomFeed } from './room-feed.js';

/** Rooms that are asked about at once: what the node publishes meanwhile waits for as many. */
const CHUNK = 64;

/** How long a message that the store has may be on its way, in milliseconds. */
const ON_ITS_WAY_MS = 100;

/** A feed that is checked. */
export interface CheckedFeed {
  readonly keys: StreamKeys;
  readonly feed: RoomFeed;
  /** When the store was last told to keep the room's position; milliseconds since 1970. */
  touchedAt: number;
  /** When the last look that found everything began: milliseconds since 1970. 0: never, or one has failed. */
  lookedAt: number;
}

/** What the check needs. */
export interface TopCheckSetup {
  readonly link: RedisLink;
  readonly clock: Clock;
  readonly random: Pick<Random, 'fraction'>;
  readonly observer: Pick<Observer, 'failed'>;
  /** The feeds there are now. */
  readonly feeds: () => Iterable<CheckedFeed>;
  /** Has a feed that is elsewhere than the store read what is missing. */
  readonly heal: (entry: CheckedFeed) => void;
  /** Milliseconds between two checks. */
  readonly intervalMs: number;
  /** Milliseconds the store keeps a room's position. */
  readonly metaTtlMs: number;
}

/**
 * Compares, from time to time and when connections were made anew, how far rooms are in the store with how
 * far they were delivered: the last message of a room has none after it that would show its loss. Keeps
 * the positions of quiet rooms in the store as well, as long as somebody listens to them.
 */
export class TopCheck {
  #cancel: () => void = () => undefined;
  #running: Promise<void> | undefined;
  #isClosed = false;
  readonly #stop: () => void;

  constructor(private readonly setup: TopCheckSetup) {
    this.#stop = setup.link.onReady(() => void this.run());
    this.#wait();
  }

  /** Checks every room, now. Never rejects. */
  run(): Promise<void> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Ends it. */
  close(): void {
    this.#isClosed = true;
    this.#cancel();
    this.#stop();
  }

  #wait(): void {
    const { clock, random, intervalMs } = this.setup;
    // Never later than the interval: the jitter spreads nodes, it does not put off.
    this.#cancel = clock.after(intervalMs * (0.75 + random.fraction() / 4), () => {
      void this.run().finally(() => {
        if (!this.#isClosed) this.#wait();
      });
    });
  }

  async #run(): Promise<void> {
    const feeds = [...this.setup.feeds()];
    try {
      for (let start = 0; start < feeds.length && !this.#isClosed; start += CHUNK) {
        if (!this.setup.link.isReady) return;
        await this.#check(feeds.slice(start, start + CHUNK));
      }
    } catch (error) {
      this.setup.observer.failed('checking the positions of rooms', error);
    }
  }

  async #check(checked: readonly CheckedFeed[]): Promise<void> {
    const before = checked.map(({ feed }) => feed.position);
    const tops = await this.#ask(checked);
    const behind: (() => void)[] = [];
    for (const [index, entry] of checked.entries()) {
      const top = tops[index];
      const known = before[index];
      if (known === undefined || isSame(top, known)) continue;
      // Whoever was ahead of the store, or in another epoch, is not put right by what is on its way.
      if (top?.epoch !== known.epoch || top.offset < known.offset) this.setup.heal(entry);
      else {
        behind.push(() => {
          if (isBehind(entry.feed, top)) this.setup.heal(entry);
        });
      }
    }
    if (behind.length === 0) return;
    this.setup.clock.after(ON_ITS_WAY_MS, () => {
      for (const look of behind) look();
    });
  }

  async #ask(checked: readonly CheckedFeed[]): Promise<(Position | undefined)[]> {
    const { commands } = this.setup.link;
    this.#touch(checked);
    const metas = checked.map(({ keys }) => keys.meta);
    if (isCluster(commands)) {
      const replies = await Promise.all(metas.map((meta) => commands.hmget(meta, ...FIELDS)));
      return replies.map(asPosition);
    }
    const pipeline = commands.pipeline();
    for (const meta of metas) pipeline.hmget(meta, ...FIELDS);
    const replies = (await pipeline.exec()) ?? [];
    return replies.map(([error, reply]) => {
      if (error !== null) throw error;
      return asPosition(reply as (string | null)[]);
    });
  }

  #touch(checked: readonly CheckedFeed[]): void {
    const { clock, link, metaTtlMs, observer } = this.setup;
    const now = clock.now();
    for (const entry of checked) {
      if (now - entry.touchedAt < metaTtlMs / 4) continue;
      entry.touchedAt = now;
      // As long as scripts keep it.
      const keptMs = Math.ceil((metaTtlMs / 8) * 9);
      link.commands.pexpire(entry.keys.meta, keptMs).catch((error: unknown) => {
        observer.failed('keeping the position of a room', error);
      });
    }
  }
}

const FIELDS = ['epoch', 'offset'] as const;

function asPosition([epoch, offset]: readonly (string | null)[]): Position | undefined {
  if (typeof epoch !== 'string' || typeof offset !== 'string') return undefined;
  return { epoch, offset: Number(offset) };
}

function isSame(a: Position | undefined, b: Position): boolean {
  return a?.epoch === b.epoch && a.offset === b.offset;
}

function isBehind({ position }: RoomFeed, top: Position): boolean {
  return position?.epoch === top.epoch && position.offset < top.offset;
}
