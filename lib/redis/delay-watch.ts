import type { Clock, Delay } from '../core/index.js';
import type { MissedFeeds } from './missed-feeds.js';
import type { CheckedFeed } from './top-check.js';
import type { RedisLink } from './redis-link.js';

/** Until rooms are looked at again whose look has failed, in milliseconds. */
const RETRY_MS = 1_000;

/** What it takes to know which rooms are delayed. */
export interface DelayWatchSetup {
  readonly link: Pick<RedisLink, 'lines' | 'lineOf' | 'onLines'>;
  readonly clock: Clock;
  readonly missed: Pick<MissedFeeds, 'add' | 'idle'>;
  /** The rooms that this node listens to now. */
  readonly feeds: () => ReadonlyMap<string, CheckedFeed>;
  /** What brings messages to users and to everyone: they have no room. */
  readonly direct: CheckedFeed;
  /** The channel of a room. */
  readonly channelOf: (room: string) => string;
  /** Told what is delayed from now on; `undefined`: nothing. */
  readonly tell: (delay: Delay | undefined) => void;
}

/**
 * Knows which rooms' messages may be late: those whose line is not sound, and afterwards those that were
 * not looked at since. So nothing counts as current before what the outage has cost was read, or told.
 * Messages without a room have no other name than everything: while they may be late, everything may.
 */
export class DelayWatch {
  /** Whether anything was delayed and is not known to be current again. */
  #isOpen = false;
  #isChecking = false;
  /** A line has changed during the check. */
  #again = false;
  #isClosed = false;
  #told: Delay | undefined;
  #stop: () => void = () => undefined;
  #cancelRetry: () => void = () => undefined;

  constructor(private readonly setup: DelayWatchSetup) {}

  /** Begins. */
  start(): void {
    this.#stop = this.setup.link.onLines(() => {
      this.#look();
    });
    this.#look();
  }

  /** Ends it. */
  close(): void {
    this.#isClosed = true;
    this.#stop();
    this.#cancelRetry();
  }

  #look(): void {
    const { lines } = this.setup.link;
    const areSound = lines.every(({ isSound }) => isSound);
    if (areSound && !this.#isOpen) return;
    this.#isOpen = true;
    if (!areSound) this.#tell();
    if (lines.some(({ isSound }) => isSound)) void this.#check();
  }

  /** Has every room looked at that may have missed something, and tells what that has come to. */
  async #check(): Promise<void> {
    const { missed, direct, clock } = this.setup;
    this.#again = true;
    if (this.#isChecking) return;
    this.#isChecking = true;
    this.#cancelRetry();
    while (this.#again) {
      this.#again = false;
      // First: a command does not wait for thousands of rooms.
      if (this.#isDue(direct.keys.channel, direct)) missed.add(direct);
      for (const entry of this.#dueRooms()) missed.add(entry);
      await missed.idle();
    }
    this.#isChecking = false;
    if (this.#isClosed) return;
    this.#tell();
    if (!this.#isDue(direct.keys.channel, direct) && this.#dueRooms().length === 0) return;
    this.#cancelRetry = clock.after(RETRY_MS, () => {
      this.#look();
    });
  }

  #tell(): void {
    const delay = this.#delay();
    this.#isOpen = delay !== undefined;
    // Each attempt to connect that fails is another loss, and no news; nor is a line that is there again
    // as long as no room is current by that.
    const isNoNews = typeof delay === 'function' && this.#told === 'all' && this.#areAllLate();
    if (isNoNews || (delay === this.#told && typeof delay !== 'function')) return;
    this.#told = delay;
    this.setup.tell(delay);
  }

  #delay(): Delay | undefined {
    const { link, feeds, direct } = this.setup;
    const { lines } = link;
    if (!lines.some(({ isSound }) => isSound)) return 'all';
    if (this.#isChannelLate(direct.keys.channel, direct)) return 'all';
    const isCurrent =
      lines.every(({ isSound }) => isSound) &&
      Array.from(feeds().keys()).every((room) => !this.#isLate(room));
    return isCurrent ? undefined : (room) => this.#isLate(room);
  }

  #areAllLate(): boolean {
    return Array.from(this.setup.feeds().keys()).every((room) => this.#isLate(room));
  }

  #isLate(room: string): boolean {
    const { channelOf, feeds } = this.setup;
    return this.#isChannelLate(channelOf(room), feeds().get(room));
  }

  #isChannelLate(channel: string, entry: CheckedFeed | undefined): boolean {
    const line = this.setup.link.lineOf(channel);
    return line?.isSound !== true || (entry !== undefined && this.#isDue(channel, entry));
  }

  #dueRooms(): CheckedFeed[] {
    const { feeds, channelOf } = this.setup;
    const due: CheckedFeed[] = [];
    for (const [room, entry] of feeds()) if (this.#isDue(channelOf(room), entry)) due.push(entry);
    return due;
  }

  /** Whether it can be looked at and was not, since its line was lost. One that is being opened reads its top itself. */
  #isDue(channel: string, { feed, lookedAt }: CheckedFeed): boolean {
    const line = this.setup.link.lineOf(channel);
    return line?.isSound === true && feed.position !== undefined && lookedAt <= line.lostAt;
  }
}
