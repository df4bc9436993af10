import {
  MAX_HISTORY_PAGE,
  type EncodedServerFrame,
  type HistoryDirection,
  type HistoryFrame,
  type Position,
  type RecoveryReason,
} from '../protocol/index.js';
import type { Broker, HistoryPage, StoredPublication } from './ports/index.js';
import { positionOf } from './recovery.js';
import { encodeHistoryMessage } from './room-message.js';

/** Most bytes of a page that a client asked for; the first message comes whatever its size. */
const PAGE_BYTES = 262_144;

/** Which messages of a room are wanted, by whoever may have made the position up. */
export interface HistoryWish {
  readonly room: string;
  /** Only messages after (forwards) or before (backwards) it. Absent: from the end of what is held. */
  readonly position: Partial<Position> | undefined;
  readonly direction: HistoryDirection;
  /** Most messages. At least 1. */
  readonly limit: number;
}

/** What came of a wish. */
export interface HistoryReading {
  readonly top: Position;
  /** In the direction that was asked for, all of the top's epoch. */
  readonly messages: readonly StoredPublication[];
  /** Whether nothing more is held in this direction. */
  readonly isComplete: boolean;
  /** There is a hole between the position and the first message, and why. */
  readonly reason: RecoveryReason | undefined;
}

/** Reads a page of history, and finds out whether it goes on right at the position. */
export async function readHistory(
  broker: Pick<Broker, 'history'>,
  { room, position, direction, limit }: HistoryWish,
): Promise<HistoryReading> {
  const from = position && positionOf(position);
  const page = await broker.history(room, {
    direction,
    limit,
    bytes: PAGE_BYTES,
    ...(from === undefined ? {} : { from: from.offset }),
  });
  const lost = position === undefined ? undefined : whyUnknown(from, page, direction);
  const messages = lost === undefined ? page.messages : [];
  const end = direction === 'forwards' ? page.top.offset : page.oldest;
  const last = messages.at(-1)?.position.offset;
  return {
    top: page.top,
    messages,
    isComplete: last === undefined || last === end,
    reason: lost ?? (direction === 'forwards' ? holeBefore(from, page) : undefined),
  };
}

/** Reads the page of history that a client asked for. */
export async function answerHistory(
  broker: Pick<Broker, 'history'>,
  frame: HistoryFrame,
): Promise<EncodedServerFrame> {
  const { id, room, epoch, offset, direction = 'forwards', limit = MAX_HISTORY_PAGE } = frame;
  const position = epoch === undefined && offset === undefined ? undefined : frame;
  const reading = await readHistory(broker, { room, position, direction, limit });
  const { top, messages, isComplete, reason } = reading;
  return {
    type: 'history',
    id,
    room,
    ...top,
    messages: messages.map((message) => ({ text: encodeHistoryMessage(message) })),
    complete: isComplete,
    ...(reason === undefined ? {} : { reason }),
  };
}

/** Why nothing can be read from a position. */
function whyUnknown(
  from: Position | undefined,
  { top }: HistoryPage,
  direction: HistoryDirection,
): RecoveryReason | undefined {
  if (from === undefined) return 'position-unknown';
  if (from.epoch !== top.epoch) return 'epoch-changed';
  // One beyond the top is where reading backwards begins.
  const last = direction === 'forwards' ? top.offset : top.offset + 1;
  return from.offset > last ? 'position-unknown' : undefined;
}

/** Why there is a hole between a position and the oldest message behind it. */
function holeBefore(
  from: Position | undefined,
  { oldest }: HistoryPage,
): RecoveryReason | undefined {
  return from !== undefined && from.offset + 1 < oldest ? 'evicted' : undefined;
}
