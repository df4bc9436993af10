import type { MessageFrame, Position, PositionFrame, SubscribedFrame } from '../protocol/index.js';
import type { RoomGap } from './room.js';

/** Early messages that are held. */
const MAX_EARLY = 1_000;
/** Characters of early messages that are held: 4 Mi, four of the largest frames. */
const MAX_EARLY_CHARACTERS = 4_194_304;

/** A frame that has a place in the stream. */
export type PlacedFrame = (MessageFrame | PositionFrame) & Position;

/** Whether a message has a place, and can be missed. */
export function isPlaced(frame: MessageFrame | PositionFrame): frame is PlacedFrame {
  return frame.epoch !== undefined && frame.offset !== undefined;
}

/**
 * Where in a room's stream the client is, and what came too early for that. It says what is a
 * duplicate, what comes next and where history was lost; who is to be told is the room's business.
 *
 * Early frames are of the position's epoch, and lie at least two offsets behind it once
 * {@link next} has returned nothing. What is beyond the bounds is not held; it has to be asked for.
 */
export class Place {
  #position: Position | undefined;
  /** Where we were when we forgot it. */
  #floor: Position | undefined;
  /** By offset. */
  readonly #early = new Map<number, { readonly frame: PlacedFrame; readonly characters: number }>();
  #characters = 0;

  /** The last position seen; `undefined` before the first. A new object with every step. */
  get position(): Position | undefined {
    return this.#position;
  }

  /** Forgets the position: what comes next follows nothing. */
  forget(): void {
    this.#floor = this.#position ?? this.#floor;
    this.#position = undefined;
    this.#prune();
  }

  /**
   * Begins a stream that follows nothing. A server that lags behind the one before may begin with
   * what was seen there: that counts as seen.
   */
  enter(start: Position): void {
    const floor = this.#floor;
    const isSeen = floor?.epoch === start.epoch && floor.offset > start.offset;
    this.jump(isSeen ? floor : start);
  }

  /** Moves to a position, whatever lies between. */
  jump({ epoch, offset }: Position): Position {
    this.#position = { epoch, offset };
    this.#prune();
    return this.#position;
  }

  /**
   * The hole that a subscription's answer leaves, if continuity with what was seen before is not
   * proven. What is held right before the answer's position is not lost.
   *
   * @param hasMoved whether messages came since the question that this answers.
   */
  holeBefore(
    frame: Omit<SubscribedFrame, 'type' | 'room'>,
    hasMoved: boolean,
  ): RoomGap | undefined {
    const own = this.#position;
    if (own === undefined) return undefined;
    const { epoch, recovered, reason = 'position-unknown' } = frame;
    let { offset } = frame;
    if (epoch === own.epoch) {
      // A server that gives no verdict has proven continuity only if nothing happened since. A stream
      // that is shorter than what we have seen has lost its tail, whatever the verdict says, unless
      // what we have seen is younger than the answer.
      if (
        offset > own.offset ? recovered : hasMoved || (offset === own.offset && recovered !== false)
      ) {
        return undefined;
      }
      while (this.#early.has(offset)) offset -= 1;
    }
    return { reason, position: { epoch, offset } };
  }

  /** The hole before the earliest message that is held, if any is. */
  get holeBeforeHeld(): RoomGap | undefined {
    const own = this.#position;
    if (own === undefined || this.#early.size === 0) return undefined;
    const offset = Math.min(...this.#early.keys()) - 1;
    return { reason: 'position-unknown', position: { epoch: own.epoch, offset } };
  }

  /** Takes a frame of the stream, for {@link next}. Duplicates are dropped. */
  hold(frame: PlacedFrame): void {
    const { epoch, offset } = frame;
    const own = this.#position;
    if (own?.epoch !== epoch || offset <= own.offset || this.#early.has(offset)) return;
    // What comes next does not stay, so its size is nobody's business.
    const characters = offset === own.offset + 1 ? 0 : JSON.stringify(frame).length;
    const isFull =
      this.#early.size >= MAX_EARLY || this.#characters + characters > MAX_EARLY_CHARACTERS;
    if (characters > 0 && this.#early.size > 0 && isFull) return;
    this.#early.set(offset, { frame, characters });
    this.#characters += characters;
  }

  /** Takes the step to the next frame, if it is there. */
  next(): PlacedFrame | undefined {
    const held = this.#early.get((this.#position?.offset ?? 0) + 1);
    if (held !== undefined) this.jump(held.frame);
    return held?.frame;
  }

  /** Drops what is held and not behind the position. */
  #prune(): void {
    for (const [offset, { frame, characters }] of this.#early) {
      const own = this.#position;
      if (own?.epoch === frame.epoch && offset > own.offset) continue;
      this.#early.delete(offset);
      this.#characters -= characters;
    }
  }
}
