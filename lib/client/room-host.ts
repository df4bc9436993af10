import type {
  GapFrame,
  MessageFrame,
  PositionFrame,
  PresenceChangeFrame,
  PresenceStateFrame,
  SkippedFrame,
  SubscribedFrame,
  UnsubscribedFrame,
} from '../protocol/index.js';
import type { Calls } from './calls.js';
import type { RealtimeClientError } from './errors.js';
import type { Link } from './link.js';
import type { Settings } from './options.js';

/** What a room needs of its client. */
export interface RoomHost {
  readonly settings: Settings;
  readonly link: Link;
  readonly calls: Calls;
  /** Gets errors that nobody listens for in the room. */
  readonly raise: (error: RealtimeClientError) => void;
}

/** Frames about a room's stream. */
export type StreamFrame =
  SubscribedFrame | UnsubscribedFrame | GapFrame | PositionFrame | SkippedFrame | MessageFrame;

/** Frames about a room. */
export type RoomFrame = StreamFrame | PresenceStateFrame | PresenceChangeFrame;
