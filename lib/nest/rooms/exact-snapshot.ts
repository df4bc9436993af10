import type { Position } from '../../protocol/index.js';

/**
 * A room's state with the position it belongs to: what `snapshot()` returns where it knows exactly
 * which messages are in the state, because the two are stored together. The client then gets the
 * state and every message after the position, none twice.
 *
 * A class, not an object `{ state, position }`: an application's own state may have such fields, and
 * would be taken for something that it is not.
 */
export class ExactSnapshot {
  /**
   * @param state any JSON value.
   * @param position of the last message that the state contains, as `RoomService.publish()` or
   * `position()` gave it. One that the room's history no longer reaches back to is of no use: the
   * snapshot is then taken again, three times at most, and the subscribe answered with `unavailable`.
   * @throws TypeError if it is no position.
   */
  constructor(
    readonly state: unknown,
    readonly position: Position,
  ) {
    const { epoch, offset } = position;
    if (typeof epoch === 'string' && Number.isSafeInteger(offset) && offset >= 0) return;
    throw new TypeError('ExactSnapshot: expected a position with an epoch and an offset');
  }
}
