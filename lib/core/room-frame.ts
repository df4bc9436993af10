import type {
  Payload,
  PresenceFrame,
  PublishFrame,
  SubscribeFrame,
  UnsubscribeFrame,
} from '../protocol/index.js';

/** A wish to be in a room; without `id` when it came in a `hello`. */
export type SubscribeWish = Omit<SubscribeFrame, 'id'> & { readonly id?: string };

/** A frame about a room. */
export type RoomFrame = SubscribeWish | UnsubscribeFrame | PresenceFrame | PublishFrame<Payload>;
