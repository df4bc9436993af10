import {
  ErrorCode,
  type EncodedPayload,
  type Position,
  type SubscribedFrame,
} from '../protocol/index.js';
import { RealtimeError } from './errors.js';
import type { HistoryReads } from './history-reads.js';
import type { LocalRoom } from './local-room.js';
import type { HistoryPage, RoomSnapshot } from './ports/index.js';
import { judge, lost, positionOf, whyNot, type Verdict } from './recovery.js';
import type { SubscribeWish } from './room-frame.js';

/** How often a snapshot is taken that the room's history no longer reaches back to. */
const MAX_SNAPSHOTS = 3;

/** Where a client's stream begins, and what it is told about it. */
export interface EntryPlan {
  /** Absent: the client gave no position. */
  readonly verdict?: Verdict;
  /** After which position messages follow. Absent: after the room's present one. */
  readonly from?: Position;
  /** What history holds behind `from`, if it was read. */
  readonly page?: HistoryPage;
  /** JSON text of the room's state at `from`. */
  readonly snapshot?: string;
}

/** What it takes to plan. */
export interface EntryDependencies {
  readonly reads: HistoryReads;
  /** Most messages that are replayed to one client. */
  readonly maxReplay: number;
  /** Takes a snapshot of the room. Absent: the room offers none, or the client wants none. */
  readonly snapshot: (() => Promise<RoomSnapshot>) | undefined;
}

/**
 * Finds out whether a client's stream can go on where it ended, and otherwise where it begins.
 * Reads only; the room's latest messages have to be kept meanwhile, which `Rooms.join` sees to.
 */
export async function planEntry(
  deps: EntryDependencies,
  room: LocalRoom,
  wish: SubscribeWish,
): Promise<EntryPlan> {
  const recovery = await planRecovery(deps, room, wish);
  if (recovery.verdict?.recovered === true || deps.snapshot === undefined) return recovery;
  return { ...recovery, ...(await planSnapshot(deps, room, deps.snapshot)) };
}

async function planRecovery(
  { reads, maxReplay }: EntryDependencies,
  room: LocalRoom,
  wish: SubscribeWish,
): Promise<EntryPlan> {
  if (wish.epoch === undefined && wish.offset === undefined) return {};
  const from = judge(wish, room.position, maxReplay);
  if ('recovered' in from) {
    return from.recovered ? { verdict: from, from: room.position } : { verdict: from };
  }
  const page = await reads.read(room, from);
  const reason = whyNot(from, page);
  if (reason !== undefined) return { verdict: lost(reason) };
  return { verdict: { recovered: true, replayed: missedSince(from, room) }, from, page };
}

/**
 * The position is read before the state is taken: a message may be both in the state and in the
 * stream, never in neither.
 */
async function planSnapshot(
  { reads }: EntryDependencies,
  room: LocalRoom,
  take: () => Promise<RoomSnapshot>,
): Promise<EntryPlan> {
  for (let taken = 0; taken < MAX_SNAPSHOTS; taken += 1) {
    const before = room.position;
    const { payload, position = before } = await take();
    const from = positionOf(position);
    if (from === undefined) throw new Error('snapshot: expected its position to be one');
    if (room.tail.between(from, room.position) !== undefined || isSame(from, room.position)) {
      return { from, snapshot: payload };
    }
    const page = await reads.read(room, from);
    if (whyNot(from, page) === undefined) return { from, page, snapshot: payload };
  }
  const message = 'the room changes faster than its snapshot is taken';
  throw new RealtimeError(ErrorCode.Unavailable, message);
}

/**
 * Whether a plan is of an epoch that the room is in no longer, or not yet: then it has to be made anew.
 * To be asked in the turn in which the connection becomes a member.
 */
export function isStale({ from }: EntryPlan, { position }: LocalRoom): boolean {
  return from !== undefined && from.epoch !== position.epoch;
}

/**
 * What a client is told of its entry, in the turn in which it becomes a member: the room may have
 * moved on since the plan was made.
 */
export function entryFrame(room: LocalRoom, plan: EntryPlan): SubscribedFrame<EncodedPayload> {
  const { verdict, from = room.position, snapshot } = plan;
  const told = verdict?.recovered === true ? laterOf(from, room.position) : from;
  return {
    type: 'subscribed',
    room: room.name,
    ...told,
    ...verdict,
    ...(verdict?.recovered === true ? { replayed: missedSince(from, room) } : {}),
    ...(snapshot === undefined ? {} : { snapshot: { text: snapshot } }),
  };
}

/** How many messages lie between a position and the room's. None if the position is ahead of this node. */
function missedSince({ offset }: Position, { position }: LocalRoom): number {
  return Math.max(0, position.offset - offset);
}

function laterOf(a: Position, b: Position): Position {
  return a.offset > b.offset ? a : b;
}

function isSame(a: Position, b: Position): boolean {
  return a.epoch === b.epoch && a.offset === b.offset;
}
