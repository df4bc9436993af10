import {
  readHistory,
  RealtimeError,
  type Broker,
  type StoredPublication,
} from '../../core/index.js';
import {
  ErrorCode,
  MAX_HISTORY_PAGE,
  withBytes,
  type HistoryDirection,
  type Position,
  type RecoveryReason,
} from '../../protocol/index.js';

/** Most messages of a page that the application may ask for. */
const MAX_LIMIT = 1_000;

/** Which messages of a room's history. */
export interface RoomHistoryOptions {
  /** Messages after this position, oldest first. */
  readonly after?: Position;
  /** Messages before this position, newest first. Not together with `after`. */
  readonly before?: Position;
  /** Most messages: 1 to 1 000, default 100. A page may have fewer, 256 KiB at most. */
  readonly limit?: number;
  /**
   * Without `after` and `before`: whether to begin with the oldest message (`'forwards'`, the default)
   * or with the newest (`'backwards'`).
   */
  readonly direction?: HistoryDirection;
}

/** A message that a room still holds. */
export interface RoomMessage {
  /** Unique name of the message. */
  readonly id: string;
  readonly event: string;
  /** When it was published: milliseconds since 1970. */
  readonly timestamp: number;
  /** Its place in the room. */
  readonly position: Position;
  /** Parsed. `undefined`: it has none. */
  readonly payload: unknown;
}

/** A page of a room's history. */
export interface RoomHistory {
  /** In the direction that was asked for, without a hole between them. */
  readonly messages: readonly RoomMessage[];
  /** The room's present position. */
  readonly position: Position;
  /** Whether nothing more is held in this direction. */
  readonly complete: boolean;
  /** There is a hole between the position that was given and the first message, and why. */
  readonly reason?: RecoveryReason;
}

/** @throws RealtimeError `invalid-field` for options that contradict each other or are out of range. */
export async function readRoomHistory(
  broker: Pick<Broker, 'history'>,
  room: string,
  options: RoomHistoryOptions,
): Promise<RoomHistory> {
  const { after, before, limit = MAX_HISTORY_PAGE } = options;
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
    throw invalid(`limit: expected an integer from 1 to ${String(MAX_LIMIT)}`);
  }
  const wish = { room, position: after ?? before, direction: directionOf(options), limit };
  const { top, messages, isComplete, reason } = await readHistory(broker, wish);
  return {
    messages: messages.map(messageOf),
    position: top,
    complete: isComplete,
    ...(reason === undefined ? {} : { reason }),
  };
}

function directionOf({ after, before, direction }: RoomHistoryOptions): HistoryDirection {
  if (after !== undefined && before !== undefined) {
    throw invalid('after: expected no "before" beside it');
  }
  const implied = after !== undefined ? 'forwards' : before !== undefined ? 'backwards' : undefined;
  if (implied !== undefined && direction !== undefined && implied !== direction) {
    throw invalid('direction: expected "forwards" with "after" and "backwards" with "before"');
  }
  return implied ?? direction ?? 'forwards';
}

function messageOf({ id, event, timestamp, position, payload }: StoredPublication): RoomMessage {
  const value = payload === undefined ? undefined : withBytes(payload, JSON.parse(payload));
  return { id, event, timestamp, position, payload: value };
}

function invalid(message: string): RealtimeError {
  return new RealtimeError(ErrorCode.InvalidField, message);
}
