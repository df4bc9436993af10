import { encodeServerFrame, type DelayedFrame } from '../protocol/index.js';
import type { Outbox } from './outbox.js';
import type { Clock, Delay } from './ports/index.js';

/**
 * How long something has to be delayed until clients are told, in milliseconds. A fail-over of a blink, or
 * a connection that is made anew, changes nothing that anybody could see; and a link that comes and goes
 * must not have thousands of clients told each time.
 */
const PATIENCE_MS = 1_000;

/** How long who comes into rooms waits to be told of all of them by one frame, in milliseconds. */
const GATHER_MS = 50;

/** A connection, as far as delays are concerned. */
interface Reader {
  readonly isLive: boolean;
  readonly outbox: Pick<Outbox, 'sendEncoded'>;
  /** Rooms it is in, by name. */
  readonly rooms: ReadonlyMap<string, unknown>;
}

/** What delays need. */
export interface DelaysDependencies {
  readonly clock: Pick<Clock, 'after'>;
  /** The connections whose clients were told that they are connected. */
  readonly readers: () => Iterable<Reader>;
}

const NOTHING = encodeServerFrame({ type: 'delayed', delayed: false });
const EVERYTHING = encodeServerFrame({ type: 'delayed', delayed: true });

/**
 * Tells clients that what comes from elsewhere is late, and when that is over: one frame a connection,
 * however many rooms it is in, and only if it differs from the last one. However often the broker changes
 * its mind, it makes at most two frames a connection in each {@link PATIENCE_MS}: that something is late,
 * and that it is over, which is told at once.
 */
export class Delays {
  #delay: Delay | undefined;
  /** Whether the delay has lasted for so long that clients are told. */
  #isKnown = false;
  /** The last frame of those who were told that something is late. */
  readonly #told = new Map<Reader, string>();
  /** Who came into a room, or left one, and was not told since. */
  readonly #moved = new Set<Reader>();
  #cancel: (() => void) | undefined;

  constructor(private readonly deps: DelaysDependencies) {}

  /** What is delayed from now on; `undefined`: nothing. */
  changed(delay: Delay | undefined): void {
    this.#delay = delay;
    if (delay !== undefined) {
      this.#cancel ??= this.deps.clock.after(PATIENCE_MS, () => {
        this.#cancel = undefined;
        this.#isKnown = true;
        for (const reader of this.deps.readers()) this.#tell(reader);
      });
      return;
    }
    this.#cancel?.();
    this.#cancel = undefined;
    this.#isKnown = false;
    for (const reader of [...this.#told.keys()]) this.#tell(reader);
  }

  /** A connection was let in: it is told what the others know already. */
  arrived(reader: Reader): void {
    if (this.#isKnown) this.#tell(reader);
  }

  /** A connection has come into a room, or has left it: where it matters which, it is told of those it has. */
  moved(reader: Reader): void {
    if (!this.#isKnown || this.#delay === 'all') return;
    if (this.#moved.size === 0) {
      this.deps.clock.after(GATHER_MS, () => {
        for (const one of this.#moved) if (this.#isKnown) this.#tell(one);
        this.#moved.clear();
      });
    }
    this.#moved.add(reader);
  }

  /** A connection has ended. */
  ended(reader: Reader): void {
    this.#told.delete(reader);
  }

  #tell(reader: Reader): void {
    if (!reader.isLive) return;
    const frame = this.#frame(reader);
    if (frame === (this.#told.get(reader) ?? NOTHING)) return;
    if (frame === NOTHING) this.#told.delete(reader);
    else this.#told.set(reader, frame);
    reader.outbox.sendEncoded(frame, frame.length);
  }

  #frame({ rooms }: Reader): string {
    const isDelayed = this.#delay;
    if (isDelayed === undefined) return NOTHING;
    if (isDelayed === 'all') return EVERYTHING;
    const late = [...rooms.keys()].filter((room) => isDelayed(room));
    if (late.length === 0) return NOTHING;
    return encodeServerFrame({
      type: 'delayed',
      delayed: true,
      rooms: late,
    } satisfies DelayedFrame);
  }
}
