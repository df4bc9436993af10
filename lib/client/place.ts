import {
  isGap,
  type Position,
  type RecoveryReason,
  type SubscribedFrame,
} from '../protocol/index.js';
import type { RoomGap } from './room.js';

/**
 * Where in a room's stream the client is. Pure arithmetic: it says what is a duplicate and where
 * history was lost; who is to be told is the room's business.
 */
export class Place {
  #position: Position | undefined;

  /** The last position seen; `undefined` before the first. */
  get position(): Position | undefined {
    return this.#position;
  }

  /** Forgets the position: what comes next follows nothing. */
  forget(): void {
    this.#position = undefined;
  }

  /**
   * Takes over the position of a subscription, unless missed messages follow ours. Returns the hole,
   * if continuity with what was seen before is not proven.
   */
  continueFrom(frame: Omit<SubscribedFrame, 'type' | 'room'>): RoomGap | undefined {
    const own = this.#position;
    const { epoch, offset, recovered, reason } = frame;
    // A stream that is shorter than what we have seen has lost its tail, whatever the verdict says.
    const isSameStream = own?.epoch === epoch && offset >= own.offset;
    if (isSameStream && recovered === true) return undefined;
    const gap = this.jump(frame, reason ?? 'position-unknown');
    // A server that gives no verdict has proven continuity only if nothing happened since.
    const isSamePlace = isSameStream && recovered === undefined && offset === own.offset;
    return own === undefined || isSamePlace ? undefined : gap;
  }

  /** Moves over a hole. */
  jump({ epoch, offset }: Position, reason: RecoveryReason): RoomGap {
    this.#position = { epoch, offset };
    return { reason, position: this.#position };
  }

  /** Moves to the next message. Returns `false` for a duplicate, or the hole before it, if any. */
  advance({ epoch, offset }: Position): RoomGap | boolean {
    const own = this.#position;
    const isSameEpoch = own?.epoch === epoch;
    if (isSameEpoch && offset <= own.offset) return false;
    const hasGap = own !== undefined && isGap(own, { epoch, offset });
    this.#position = { epoch, offset };
    if (!hasGap) return true;
    const reason = isSameEpoch ? 'position-unknown' : 'epoch-changed';
    return { reason, position: { epoch, offset: Math.max(0, offset - 1) } };
  }
}
