import type { Position, RecoveryReason } from '../protocol/index.js';

/** Whether a client that has seen everything up to a position has missed something. */
export type Verdict =
  | { readonly recovered: true; readonly replayed: number }
  | { readonly recovered: false; readonly reason: RecoveryReason };

/**
 * Compares what a client claims to have seen with a room's top. Never says `recovered: true` unless
 * nothing was missed: a claim that cannot be (fractional, negative, beyond the top) proves nothing.
 *
 * @param claimed straight from the wire: any number may stand in `offset`.
 */
export function judge(claimed: Partial<Position>, top: Position): Verdict {
  const { epoch, offset } = claimed;
  if (epoch === undefined || offset === undefined) {
    return { recovered: false, reason: 'position-unknown' };
  }
  if (epoch !== top.epoch) return { recovered: false, reason: 'epoch-changed' };
  if (!Number.isSafeInteger(offset) || offset < 0 || offset > top.offset) {
    return { recovered: false, reason: 'position-unknown' };
  }
  if (offset === top.offset) return { recovered: true, replayed: 0 };
  return { recovered: false, reason: 'evicted' };
}
