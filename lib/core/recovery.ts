import type { Position, RecoveryReason } from '../protocol/index.js';
import type { HistoryPage } from './ports/index.js';

/** Whether a client that has seen everything up to a position gets everything after it. */
export type Verdict =
  | { readonly recovered: true; readonly replayed: number }
  | { readonly recovered: false; readonly reason: RecoveryReason };

/**
 * A position, if what a client claims can be one: both halves are there, the offset is neither
 * fractional nor negative nor too large to be counted.
 *
 * @param claimed straight from the wire: any number may stand in `offset`.
 */
export function positionOf({ epoch, offset }: Partial<Position>): Position | undefined {
  if (epoch === undefined || offset === undefined) return undefined;
  return Number.isSafeInteger(offset) && offset >= 0 ? { epoch, offset } : undefined;
}

/**
 * Compares what a client claims to have seen with how far this node has delivered a room.
 *
 * @param claimed straight from the wire.
 * @param limit most messages that are replayed.
 * @returns the verdict, or the position where it is for history to say, by {@link whyNot}: messages
 * were missed, or the claim is ahead of this node, as another node may have been.
 */
export function judge(
  claimed: Partial<Position>,
  delivered: Position,
  limit: number,
): Verdict | Position {
  const { epoch, offset } = claimed;
  if (epoch === undefined || offset === undefined) return lost('position-unknown');
  if (epoch !== delivered.epoch) return lost('epoch-changed');
  if (offset === delivered.offset) return { recovered: true, replayed: 0 };
  const position = positionOf(claimed);
  if (position === undefined) return lost('position-unknown');
  return delivered.offset - offset > limit ? lost('limit') : position;
}

/**
 * Whether a page of history, read forwards from a position, goes on right behind it.
 *
 * @returns why not, or `undefined` if it does. A page that is empty at the top does.
 */
export function whyNot(from: Position, { top, messages }: HistoryPage): RecoveryReason | undefined {
  if (top.epoch !== from.epoch) return 'epoch-changed';
  if (from.offset > top.offset) return 'position-unknown';
  const next = messages[0]?.position.offset ?? top.offset + 1;
  return next > from.offset + 1 ? 'evicted' : undefined;
}

/** The verdict that something was lost. */
export function lost(reason: RecoveryReason): Verdict {
  return { recovered: false, reason };
}
