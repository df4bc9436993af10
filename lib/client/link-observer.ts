import type { ConnectedFrame, HelloRoom, ServerFrame } from '../protocol/index.js';
import type { StateChange } from './client-state.js';
import type { RealtimeClientError } from './errors.js';

/** What the link tells its owner, in the order it happens. */
export interface LinkObserver {
  /** The rooms that the next connection should be in. */
  readonly hello: () => readonly HelloRoom[];
  /** Frames may be sent from now on. Called before the state is announced. */
  readonly connected: (frame: ConnectedFrame) => void;
  readonly received: (frame: ServerFrame) => void;
  /** The connection or the attempt ended, another one will follow. */
  readonly lost: () => void;
  /** Nothing will follow. Called once. */
  readonly closed: (error: RealtimeClientError) => void;
  readonly changed: (change: StateChange) => void;
  /** Something went wrong that no call will be told about. */
  readonly failed: (error: RealtimeClientError) => void;
}
