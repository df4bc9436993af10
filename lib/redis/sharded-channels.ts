import type { Cluster, Redis } from 'ioredis';

import { keySlot } from './key-slot.js';
import type { ChannelListener, ChannelLine, RedisChannels } from './redis-channels.js';
import { unavailable } from './redis-errors.js';
import type { ChannelsSetup } from './single-channels.js';
import { SubscriberConnection } from './subscriber-connection.js';
import { Watchdog } from './watchdog.js';

/** What connections to the shards of a cluster need. */
export interface ShardedChannelsSetup extends ChannelsSetup {
  readonly commands: Cluster;
  /** Begins a connection that listens to the master at an address; `undefined` if there is none now. */
  connect(address: string): Redis | undefined;
}

/** Names that are tried for a probe's channel before a shard counts as one without slots. */
const MOST_NAMES = 10_000;

/** A master, and the connection to it. */
interface Shard {
  readonly subscriber: SubscriberConnection;
  readonly watchdog: Watchdog;
}

/** A channel that somebody listens to. */
interface Place {
  readonly slot: number;
  listener: ChannelListener;
  /** Of the master that was told of it. Absent: the cluster is not known yet. */
  address: string | undefined;
  readonly waiting: {
    readonly resolve: () => void;
    readonly reject: (error: unknown) => void;
  }[];
}

/**
 * Sharded pub/sub: a connection to each master of the cluster, and each channel on the one that has its
 * slot, so that a message goes to nobody else. Where a slot has moved, its channels follow; who listens is
 * told that it may have missed something.
 */
export class ShardedChannels implements RedisChannels {
  /** The command of a script that publishes to these channels. */
  readonly publishVerb = 'SPUBLISH';
  readonly #shards = new Map<string, Shard>();
  readonly #places = new Map<string, Place>();
  readonly #onTopology = (): void => {
    this.#follow();
  };
  /** One listener for all shards: there may be many. */
  readonly #look = (): void => {
    for (const { watchdog } of this.#shards.values()) watchdog.look();
  };
  #cancel: () => void = () => undefined;

  constructor(private readonly setup: ShardedChannelsSetup) {
    setup.commands.on('close', this.#look);
    setup.commands.on('ready', this.#look);
    setup.commands.on('refresh', this.#onTopology);
    setup.commands.on('ready', this.#onTopology);
    this.#wait();
  }

  /** {@inheritDoc RedisChannels.subscribe} */
  subscribe(channel: string, listener: ChannelListener): Promise<void> {
    const known = this.#places.get(channel);
    const place = known ?? { slot: keySlot(channel), listener, address: undefined, waiting: [] };
    place.listener = listener;
    this.#places.set(channel, place);
    return new Promise((resolve, reject) => {
      place.waiting.push({ resolve, reject });
      this.#tell(channel, place, this.#masterOf(place.slot), false);
    });
  }

  /** {@inheritDoc RedisChannels.unsubscribe} */
  async unsubscribe(channel: string): Promise<void> {
    const place = this.#places.get(channel);
    if (place === undefined) return;
    this.#places.delete(channel);
    settle(place, unavailable('the channel is not listened to any longer'));
    this.#shardAt(place.address)?.subscriber.unsubscribe(channel);
  }

  /** One for each master that has channels of ours. */
  get lines(): readonly ChannelLine[] {
    return Array.from(this.#shards.values(), ({ watchdog }) => watchdog);
  }

  /** The line of a channel; `undefined` if nobody has its slot, or nothing was listened to there yet. */
  lineOf(channel: string): ChannelLine | undefined {
    return this.#shardAt(this.#masterOf(keySlot(channel)))?.watchdog;
  }

  /** Publishes. */
  async publish(channel: string, text: string): Promise<void> {
    await this.setup.commands.spublish(channel, text);
  }

  /** Ends every connection. */
  close(): void {
    this.#cancel();
    this.setup.commands.off('close', this.#look);
    this.setup.commands.off('ready', this.#look);
    this.setup.commands.off('refresh', this.#onTopology);
    this.setup.commands.off('ready', this.#onTopology);
    for (const place of this.#places.values())
      settle(place, unavailable('the connection is closed'));
    this.#places.clear();
    for (const address of this.#shards.keys()) this.#drop(address);
  }

  /** A slot may move without a word to us: what the commands have learnt is looked at from time to time. */
  #wait(): void {
    const { clock, probeMs } = this.setup;
    this.#cancel = clock.after(probeMs, () => {
      this.#follow();
      this.#wait();
    });
  }

  #follow(): void {
    const addresses = new Set<string>();
    // Slots that nobody serves are holes.
    this.setup.commands.slots.forEach(([address]) => {
      if (address !== undefined) addresses.add(address);
    });
    for (const [channel, place] of this.#places) {
      const address = this.#masterOf(place.slot);
      if (address !== undefined && address !== place.address) {
        this.#tell(channel, place, address, place.address !== undefined);
      }
    }
    for (const address of this.#shards.keys()) if (!addresses.has(address)) this.#drop(address);
    this.setup.changed();
  }

  #tell(channel: string, place: Place, address: string | undefined, hasMoved: boolean): void {
    if (place.address !== address) this.#shardAt(place.address)?.subscriber.unsubscribe(channel);
    place.address = address;
    // Comes again when the cluster is known.
    if (address === undefined) return;
    const { subscriber } = this.#shard(address);
    // The place's listener, whoever it is by then.
    const listener = {
      message: (text: string) => {
        place.listener.message(text);
      },
      missed: () => {
        place.listener.missed();
      },
    };
    subscriber.subscribe(channel, listener).then(
      () => {
        if (place.address !== address) return;
        settle(place);
        if (hasMoved) place.listener.missed();
      },
      (error: unknown) => {
        // Another master has it by now, or nobody: looked at again with the next news of the cluster.
        if (place.address === address && this.#places.get(channel) === place) {
          this.setup.observer.failed('listening to a channel of a shard', error);
          place.address = undefined;
        }
      },
    );
  }

  #masterOf(slot: number): string | undefined {
    return this.setup.commands.slots[slot]?.[0];
  }

  #shardAt(address: string | undefined): Shard | undefined {
    return address === undefined ? undefined : this.#shards.get(address);
  }

  #shard(address: string): Shard {
    const known = this.#shards.get(address);
    if (known !== undefined) return known;
    const { setup } = this;
    const connect = (): Redis | undefined => setup.connect(address);
    const moved = (): void => {
      // Nobody may send anything to the slot that moved, and so be told where it is.
      setup.commands.refreshSlotsCache();
    };
    const changed = (): void => {
      watchdog.look();
    };
    const connection = { ...setup, kind: 'sharded', connect, moved, changed } as const;
    const subscriber = new SubscriberConnection(connection);
    const watchdog: Watchdog = new Watchdog({
      ...setup,
      subscriber,
      channel: this.#probeChannel(address),
      publish: (channel, text) => this.publish(channel, text),
      intervalMs: setup.probeMs,
    });
    const shard = { subscriber, watchdog };
    this.#shards.set(address, shard);
    return shard;
  }

  /** A channel in one of the slots of a master. */
  #probeChannel(address: string): string {
    const { keys, random } = this.setup;
    const name = random.id();
    for (let n = 0; n < MOST_NAMES; n += 1) {
      const channel = keys.probe(`${name}-${String(n)}`);
      if (this.#masterOf(keySlot(channel)) === address) return channel;
    }
    return keys.probe(name);
  }

  #drop(address: string): void {
    const shard = this.#shards.get(address);
    this.#shards.delete(address);
    shard?.watchdog.close();
    shard?.subscriber.close();
  }
}

function settle({ waiting }: Place, error?: unknown): void {
  for (const { resolve, reject } of waiting.splice(0)) {
    if (error === undefined) resolve();
    else reject(error);
  }
}
