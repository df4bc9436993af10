import {
  isRoomName,
  type HistoryDirection,
  type Position,
  type RecoveryReason,
} from '../protocol/index.js';
import type { CallOptions } from './call-options.js';
import type { Question } from './call.js';
import type { Contract, RoomEvents, RoomName } from './contract.js';
import { CORE } from './core.js';
import { clientError } from './errors.js';
import { messageInfo } from './message-info.js';
import type { RealtimeClient } from './realtime-client.js';
import type { MessageInfo } from './room.js';

/** Which messages of a room's past are wanted. At most one of `before` and `after`. */
export interface HistoryQuery extends CallOptions {
  /** Those before this position, the newest first. */
  readonly before?: Position | undefined;
  /** Those after this position, the oldest first. */
  readonly after?: Position | undefined;
  /** Without a position: from the oldest held on (`forwards`, the default) or from the newest (`backwards`). */
  readonly direction?: HistoryDirection | undefined;
  /** Most messages of the page. 1 to 100. Default 100. */
  readonly limit?: number | undefined;
}

/** A message of a room's past: the circumstances of {@link MessageInfo} and the payload. */
export type PastMessage<Events = Record<string, unknown>> = {
  [K in keyof Events & string]: MessageInfo & { readonly event: K; readonly payload: Events[K] };
}[keyof Events & string];

/** A part of a room's past. */
export interface HistoryPage<Events = Record<string, unknown>> {
  /** In the direction that was asked for. The last one's `position` leads to the next page. */
  readonly messages: readonly PastMessage<Events>[];
  /** The room's present position. */
  readonly position: Position;
  /** Whether nothing more is held in this direction. */
  readonly complete: boolean;
  /** Why messages right behind the position that was asked for are missing; absent when none are. */
  readonly reason: RecoveryReason | undefined;
}

/**
 * Reads a page of the messages that a room still holds, where its policy allows it. Needs no
 * subscription, and changes none.
 *
 * A function of its own, so that pages which do not use it do not carry it.
 *
 * @throws RealtimeClientError (rejects) as `client.request`, or with code `invalid-room`.
 */
export async function history<C extends Contract, N extends RoomName<C>>(
  client: RealtimeClient<C>,
  room: N,
  query: HistoryQuery = {},
): Promise<HistoryPage<RoomEvents<C, N>>> {
  if (!isRoomName(room)) throw clientError('invalid-room');
  const { before, after, limit } = query;
  const direction = before ? 'backwards' : after ? 'forwards' : query.direction;
  const { epoch, offset } = before ?? after ?? {};
  const question = { type: 'history', room, direction, limit, epoch, offset } as Question;
  const page = await client[CORE].calls.ask(question, 'history', query);
  const { complete, reason } = page;
  const place = { room, epoch: page.epoch };
  const messages = page.messages.map((message) => ({
    ...messageInfo({ ...message, ...place }),
    payload: message.payload,
  }));
  return {
    messages: messages as unknown as PastMessage<RoomEvents<C, N>>[],
    position: { epoch: page.epoch, offset: page.offset },
    complete,
    reason,
  };
}
