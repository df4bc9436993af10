import type {
  HelloRoom,
  HistoryFrame,
  Payload,
  PresenceFrame,
  PublishFrame,
  SubscribeFrame,
  UnsubscribeFrame,
} from '../protocol/index.js';

/** A wish to be in a room; without `id` when it came in a `hello`. */
export type SubscribeWish = Omit<SubscribeFrame, 'id'> & { readonly id?: string };

/** A frame about a room. */
export type RoomFrame =
  SubscribeWish | UnsubscribeFrame | PresenceFrame | HistoryFrame | PublishFrame<Payload>;

/** The wish that a room of a `hello` stands for. Field by field: what else the peer put there stays out. */
export function subscribeWish({ room, epoch, offset, snapshot }: HelloRoom): SubscribeWish {
  return {
    type: 'subscribe',
    room,
    ...(epoch === undefined ? {} : { epoch }),
    ...(offset === undefined ? {} : { offset }),
    ...(snapshot === undefined ? {} : { snapshot }),
  };
}
