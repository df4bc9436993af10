import type { StateChange } from './client-state.js';
import type { RealtimeClientError } from './errors.js';
import type { MessageInfo } from './room.js';

/** Events of the client's own life, and what their handlers get. */
export interface ClientLifecycle {
  /** One for each transition, in order. */
  state: [change: StateChange];
  /**
   * Whether what comes from elsewhere is late has changed. With `rooms` only those are: all others, and
   * whatever is asked of the server itself, come as always. `false` too when the connection ends.
   */
  delayed: [isDelayed: boolean, rooms: readonly string[] | undefined];
  /** Something went wrong that no call was told about. Without a handler it goes to `reportError`. */
  error: [error: RealtimeClientError];
}

/** Options of a stream. It has no time limit of its own. */
export interface StreamOptions {
  /** Ends the stream with the error `cancelled`. */
  readonly signal?: AbortSignal | undefined;
  /** How many items the server may send ahead of the loop. 1 to 10,000. Default 64. */
  readonly credit?: number | undefined;
}

/** Messages that belong to no room: to this user, or to everyone. */
export interface DirectMessages<Events> {
  /** Listens. Returns the function that removes the handler. Such messages are not recovered after a broken connection. */
  on<K extends keyof Events & string>(
    event: K,
    handler: (payload: Events[K], message: MessageInfo) => unknown,
  ): () => void;
}
