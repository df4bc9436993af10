import { MessageBundle } from '../core/index.js';
import type { Gathering } from './gathering.js';
import { LateLinks } from './late-links.js';
import { frameOf, joinFrames, wireOf, type Outgoing } from './text-frame.js';

/**
 * Links that have gathered more than this are written to when all others have been, some in each turn.
 * Bytes: 16 KiB.
 */
const LARGE_BYTES = 16_384;

/** Calls back when everything that happens in this turn of the event loop has happened. */
export type AtEndOfTurn = (callback: () => void) => void;

/**
 * Gathers what the links of a server send within one turn of the event loop, so that each is written
 * to once. The system call is what sending costs: with ten messages a turn this is a sixth of the work.
 *
 * A message for many links is framed once, and links with the same messages share one buffer.
 */
export class TurnWriter {
  #links: Gathering[] = [];
  readonly #late = new LateLinks();
  #isScheduled = false;
  /** The message that was framed last, and its frame. */
  #payload: Uint8Array | undefined;
  #frame: Buffer | undefined;
  /** What was joined last. */
  #parts: readonly Outgoing[] = [];
  #joined: Buffer | undefined;
  /** What was taken in this turn, and in those before that are not written yet. */
  #bundles: MessageBundle[] = [];

  constructor(private readonly atEndOfTurn: AtEndOfTurn = setImmediate) {}

  /** Has a link flushed at the end of this turn, or of one of the next if it and others have a lot to write. */
  add(link: Gathering): void {
    this.#links.push(link);
    this.#schedule();
  }

  /** A link has taken a bundle. */
  taken(bundle: MessageBundle): void {
    if (this.#bundles.at(-1) !== bundle) this.#bundles.push(bundle);
  }

  /** The frame of a message: the same for each link that it is sent to one after the other. */
  frame(payload: Uint8Array): Buffer {
    if (payload === this.#payload && this.#frame !== undefined) return this.#frame;
    const frame = frameOf(payload);
    this.#payload = payload;
    this.#frame = frame;
    return frame;
  }

  /** One buffer with all of these frames: the same for each link that has the same. */
  join(parts: Outgoing | readonly Outgoing[], bytes: number): Uint8Array {
    if (typeof parts === 'string') return joinFrames([parts], bytes);
    if (parts instanceof MessageBundle) return wireOf(parts);
    if (Buffer.isBuffer(parts)) return parts;
    if (this.#joined !== undefined && haveSame(parts, this.#parts)) return this.#joined;
    const joined = joinFrames(parts, bytes);
    this.#parts = parts;
    this.#joined = joined;
    return joined;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.atEndOfTurn(() => {
      this.#isScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    const links = this.#links;
    const bundles = this.#bundles;
    this.#links = [];
    // What is taken while this goes on belongs to the next turn.
    this.#bundles = [];
    // A write of a few bytes does not wait for megabytes of others.
    const large: Gathering[] = [];
    for (const link of links) {
      if (link.gatheredBytes > LARGE_BYTES) large.push(link);
      else link.flush();
    }
    if (large.length > 0) this.#late.begin(large);
    else this.#late.writeSome();
    // Kept any longer, they would only keep memory.
    this.#payload = this.#frame = this.#joined = undefined;
    this.#parts = [];
    if (this.#late.isEmpty) for (const bundle of bundles) bundle.release();
    else this.#goOn(bundles);
  }

  /** The rest is for the next turns. It may hold any of these bundles. */
  #goOn(bundles: MessageBundle[]): void {
    this.#bundles = bundles.concat(this.#bundles);
    this.#schedule();
  }
}

function haveSame(these: readonly Outgoing[], those: readonly Outgoing[]): boolean {
  if (these.length !== those.length) return false;
  for (let index = 0; index < these.length; index += 1) {
    if (these[index] !== those[index]) return false;
  }
  return true;
}
