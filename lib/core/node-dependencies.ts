import type { ConnectionHooks } from './admission.js';
import type { RequestHandler } from './connection-host.js';
import type { Connection } from './connection.js';
import type { CoreLimits } from './limits.js';
import type {
  Broker,
  Clock,
  FrameParser,
  HistoryPolicy,
  Observer,
  Operation,
  PresenceStore,
  Random,
  ReplyStore,
  RoomDirectory,
  TokenVerifier,
} from './ports/index.js';
import type { RequestContext } from './request-context.js';
import type { SessionOptions } from './sessions.js';

/** The application, as a node sees it. */
export interface Application extends ConnectionHooks {
  /** What answers to the event, if anything does. */
  handler(event: string): RequestHandler | undefined;
  /** Runs the handler of a request; see `Handle` for what it may give. */
  handle(connection: Connection, request: RequestContext): Promise<unknown>;
  /** A connection that was let in has ended. Called once; nothing waits for it but the shutdown. */
  disconnected(connection: Connection, code: number, reason: string): void;
}

/** Everything a node is made of. */
export interface NodeDependencies {
  readonly application: Application;
  readonly broker: Broker;
  /** What came of requests that may be repeated. */
  readonly replies: ReplyStore;
  /** Who is in which room, on all nodes. */
  readonly presence: PresenceStore;
  readonly verifier: TokenVerifier;
  readonly directory: RoomDirectory;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: Observer;
  readonly limits: CoreLimits;
  /** What is kept of the messages of rooms that no room class declares. */
  readonly history: HistoryPolicy;
  readonly sessions: SessionOptions;
  readonly heartbeat: { readonly intervalMs: number; readonly timeoutMs: number };
  /** Milliseconds after which a connection that nobody uses ends. Default 0: never. */
  readonly idleTimeoutMs?: number;
  /** Reads large frames on another thread. Absent: they are read like all others. */
  readonly frameParser?: FrameParser | undefined;
  /** Handlers that may run at once, a connection. At least 1. */
  readonly concurrency: number;
}

/** What is put into a room, or sent to somebody. */
export interface Outgoing {
  readonly event: string;
  /** JSON text; absent: no payload. */
  readonly payload: string | undefined;
  /** Connections that do not get it live, by id. */
  readonly except?: readonly string[];
  /** Whether it has no position and is never stored. Default false. Only in rooms. */
  readonly volatile?: boolean;
  /** What a volatile message is the latest of, see `Publication`. 1 to 64 characters. */
  readonly latest?: string | undefined;
  /** Names the publish, so that one that is repeated takes effect once. */
  readonly operation?: Operation | undefined;
}
