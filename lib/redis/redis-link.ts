import { withDeadline, type Clock, type Observer, type Random } from '../core/index.js';
import type { ChannelListener, ChannelLine, RedisChannels } from './redis-channels.js';
import { RedisCommandLink } from './redis-command-link.js';
import { isCluster } from './redis-commands.js';
import { unavailable } from './redis-errors.js';
import type { RedisKeys } from './redis-keys.js';
import { connectShardSubscriber, connectSubscriber, type RedisSource } from './redis-source.js';
import { ShardedChannels } from './sharded-channels.js';
import { SingleChannels } from './single-channels.js';

/** How a node listens to Redis. */
export interface RedisLinkOptions {
  /**
   * Whether a cluster's channels are those of its shards, which Redis has from 7.0 on. All nodes have to
   * agree. Default true. Without effect where Redis is no cluster.
   */
  readonly sharded?: boolean;
  /** Milliseconds between two probes of the connections, and until a probe is given up. Default 3 000. */
  readonly probeMs?: number;
  /** Milliseconds until a channel has to be subscribed to. Default 5 000. */
  readonly timeoutMs?: number;
}

/** What a node's connections to Redis need. */
export interface RedisLinkSetup extends RedisLinkOptions {
  readonly source: RedisSource;
  readonly keys: RedisKeys;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: Observer;
}

/**
 * A node's connections to Redis: one for commands, one that listens (with sharded channels one for each
 * master). Shared by whatever uses Redis.
 */
export class RedisLink extends RedisCommandLink implements RedisChannels {
  readonly #channels: SingleChannels | ShardedChannels;
  readonly #onLines = new Set<() => void>();

  constructor(private readonly setup: RedisLinkSetup) {
    super(setup);
    const { random, sharded = true, probeMs = 3_000 } = setup;
    const { commands } = this;
    const changed = (): void => {
      for (const listener of this.#onLines) listener();
    };
    const base = { ...setup, probeMs, changed };
    if (isCluster(commands) && sharded) {
      const connect = connectShardSubscriber.bind(undefined, commands);
      this.#channels = new ShardedChannels({ ...base, commands, connect });
    } else {
      const connect = () => connectSubscriber(commands, random.fraction());
      this.#channels = new SingleChannels({ ...base, commands }, connect);
    }
  }

  /** {@inheritDoc RedisChannels.subscribe} */
  subscribe(channel: string, listener: ChannelListener): Promise<void> {
    const { clock, timeoutMs = 5_000 } = this.setup;
    const subscribed = this.#channels.subscribe(channel, listener);
    return withDeadline(clock, timeoutMs, subscribed, () =>
      unavailable(`expected to listen to a channel within ${String(timeoutMs)} ms`),
    );
  }

  /** {@inheritDoc RedisChannels.unsubscribe} */
  unsubscribe(channel: string): Promise<void> {
    return this.#channels.unsubscribe(channel);
  }

  /** Publishes to a channel that a node listens to by {@link subscribe}. */
  publish(channel: string, text: string): Promise<void> {
    return this.#channels.publish(channel, text);
  }

  /** The ways that messages take to this node. */
  get lines(): readonly ChannelLine[] {
    return this.#channels.lines;
  }

  /** The way that a channel's messages take; `undefined` if there is none now. */
  lineOf(channel: string): ChannelLine | undefined {
    return this.#channels.lineOf(channel);
  }

  /** Has a callback called whenever {@link lines} or {@link lineOf} may have changed. Returns what ends that. */
  onLines(listener: () => void): () => void {
    this.#onLines.add(listener);
    return () => {
      this.#onLines.delete(listener);
    };
  }

  /** Ends all connections; commands that are under way are rejected. A second call does nothing. */
  override close(): void {
    if (!this.isClosed) this.#channels.close();
    super.close();
  }
}
