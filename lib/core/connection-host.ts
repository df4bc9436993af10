import type { AuthenticateFrame, HelloFrame } from '../protocol/index.js';
import type { CoreLimits } from './limits.js';
import type { Clock, FrameParser, Observer } from './ports/index.js';
import type { RequestContext } from './request-context.js';
import type { RoomFrame } from './room-frame.js';

/** What answers requests of one event. */
export interface RequestHandler {
  /** Whether a request that is repeated takes effect once: then it outlives its connection. */
  readonly isIdempotent: boolean;
}

/** What a connection delegates to. */
export interface ConnectionHost<Connection> {
  readonly limits: CoreLimits;
  readonly observer: Observer;
  readonly clock: Clock;
  /** Reads large frames. Absent: they are read like all others. */
  readonly frameParser: FrameParser | undefined;
  /** Handlers that may run at once, a connection. */
  readonly concurrency: number;
  /** Authenticates the peer and, in the end, opens or closes the connection. Never rejects. */
  admit(connection: Connection, hello: HelloFrame | undefined): Promise<void>;
  /** What answers to the event, if anything does. */
  handler(event: string): RequestHandler | undefined;
  /** Runs the handler of a request. */
  handle(connection: Connection, request: RequestContext): Promise<unknown>;
  /** Handles fresh credentials. Never rejects. */
  authenticate(connection: Connection, frame: AuthenticateFrame): Promise<void>;
  /** Handles a frame about a room. Never rejects. */
  handleRoomFrame(connection: Connection, frame: RoomFrame): Promise<void>;
  /** The connection has ended; called once. */
  ended(connection: Connection, code: number, reason: string): void;
}
