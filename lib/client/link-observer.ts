import type { ConnectedFrame, HelloRoom, ProtocolError, ServerFrame } from '../protocol/index.js';
import type { RealtimeClientError } from './errors.js';
import type { TransitionObserver } from './transitions.js';

/** What the link tells its owner, in the order it happens. */
export interface LinkObserver extends TransitionObserver {
  /** The rooms that the next connection should be in. */
  readonly hello: () => readonly HelloRoom[];
  /** Frames may be sent from now on, over a connection that knows nothing but the hello. Called before the state is announced. */
  readonly connected: (frame: ConnectedFrame) => void;
  readonly received: (frame: ServerFrame) => void;
  /** A frame that breaks its rules. */
  readonly misread: (error: ProtocolError) => void;
  /** Whether there are streams on this connection, or (`false`) whether other answers are due on it. */
  readonly isAwaiting: (streams?: boolean) => boolean;
  /** The connection or the attempt ended. Another one will follow, unless there is an error. */
  readonly lost: (error?: RealtimeClientError) => void;
  /** Something went wrong that no call will be told about. */
  readonly raise: (error: RealtimeClientError) => void;
}
