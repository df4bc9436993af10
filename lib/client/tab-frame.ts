import type { ConnectedFrame } from '../protocol/index.js';

/** What the client of a page that shares its connection gets as `connected`. */
export interface SharedConnectedFrame extends ConnectedFrame {
  /** The client key that the server knows all pages by. */
  readonly sharedKey: string;
}

/** A frame of either side, as far as pages that share a connection look into it. */
export interface AnyFrame {
  readonly type: string;
  readonly id?: string | undefined;
  readonly room?: string | undefined;
  readonly code?: string | undefined;
  readonly action?: string | undefined;
  readonly reason?: string | undefined;
}
