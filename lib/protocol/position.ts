/**
 * A place in a room's stream of messages.
 *
 * Offsets of one epoch start at 1 and rise by exactly 1; offset 0 is the place before the first
 * message. Two offsets can only be compared within one epoch: a room whose store lost (or may have
 * lost) its tail starts a new epoch, so that offset 4 never means two different messages.
 */
export interface Position {
  /** Random name of the stream the offset counts in. */
  readonly epoch: string;
  /** How many messages of the epoch lie at or before this place. A safe integer, at least 0. */
  readonly offset: number;
}

/** Whether at least one message lies between `current` and `next`, or that cannot be ruled out. */
export function isGap(current: Position, next: Position): boolean {
  return next.epoch !== current.epoch || next.offset > current.offset + 1;
}
