import type { HistoryPolicy } from '../core/index.js';
import type { RedisBrokerOptions, RedisLinkOptions, RedisPlaceOptions } from '../redis/index.js';

/** Where the servers' Redis is, and how to publish there. What servers are told in `redis`, an emitter is told too. */
export interface RealtimeEmitterOptions
  extends
    RedisPlaceOptions,
    Pick<RedisBrokerOptions, 'timeoutMs' | 'metaTtlMs' | 'maxQueuedBytes' | 'replicas'>,
    Pick<RedisLinkOptions, 'sharded'> {
  /** What every key and channel begins with: the same as on the servers. Default `realtime`. */
  readonly prefix?: string;
  /**
   * What is kept of a room into which no server has published yet; what is left out has the default of
   * a room: 1 000 messages, 5 minutes, 1 MiB. In every other room as much is kept as the last publish of
   * a server said.
   */
  readonly history?: Partial<HistoryPolicy>;
  /**
   * Told once each time that the connection is lost, with why. Must not throw. Default: nobody; what
   * cannot be published rejects in any case.
   */
  readonly onError?: (error: unknown) => void;
}

/** How an emitter publishes. */
export interface EmitterPublishOptions {
  /** Ids of connections that do not get the message live; they are told the room's new position. */
  readonly except?: string | readonly string[];
  /**
   * Whether the message is of use only now: it has no position, is not stored, and who misses it never
   * gets it. Default false: what a room's class says of the event is not known here.
   */
  readonly volatile?: boolean;
  /**
   * What the message is the latest of, such as the price of a share: 1 to 64 characters. It is volatile,
   * and to a client that is behind only the last one of the room with this text is sent, once it has
   * caught up. Absent: a volatile message is skipped there.
   */
  readonly latest?: string;
}

/** How an emitter disconnects. */
export interface EmitterDisconnectOptions {
  /** 1000 or 4000–4999; the range tells the client what to do, see PROTOCOL.md. Default 4300: stay away. */
  readonly code?: number;
  /** For developers; cut to 123 bytes. */
  readonly reason?: string;
}
