import type {
  Broker,
  BrokerListener,
  Clock,
  ControlCommand,
  HistoryPage,
  HistoryQuery,
  NodeAnswer,
  NodeQuestion,
  Observer,
  Publication,
  PublishOptions,
  PublishReceipt,
  Random,
} from '../core/index.js';
import type { Position } from '../protocol/index.js';
import { DelayWatch } from './delay-watch.js';
import { MissedFeeds } from './missed-feeds.js';
import { NodeControl } from './node-control.js';
import { unavailable } from './redis-errors.js';
import type { RedisKeys, StreamKeys } from './redis-keys.js';
import type { RedisLink } from './redis-link.js';
import { RedisPublisher } from './redis-publisher.js';
import { RoomFeed } from './room-feed.js';
import { RoomStore } from './room-store.js';
import { TopCheck, type CheckedFeed } from './top-check.js';

/** How the broker on Redis behaves. Everything has a default. */
export interface RedisBrokerOptions {
  /** Milliseconds a call may take before it is given up. Default 5 000. At least 1. */
  readonly timeoutMs?: number;
  /** Milliseconds after its last use until a room's position may be forgotten. Default 24 h. */
  readonly metaTtlMs?: number;
  /** How long publishes are remembered that may be repeated, and how many of one client in a room. */
  readonly operations?: {
    /** Milliseconds. Default 120 000. */
    readonly windowMs?: number;
    /** Default 1 000. */
    readonly perClient?: number;
  };
  /** Milliseconds between two checks whether a room's last message was lost on its way. Default 10 000. */
  readonly checkMs?: number;
  /** Milliseconds a node goes on listening to a room that nobody on it is in. Default 5 000. 0: not at all. */
  readonly lingerMs?: number;
  /** Bytes of messages that wait to be published. Default 16 MiB. Beyond, publishing is `unavailable`. */
  readonly maxQueuedBytes?: number;
  /**
   * Replicas that have to have a message before its publish resolves, with durability `replicated`; with
   * fewer it rejects with `timeout`, because the message may be lost or not. Default 0: the master's word
   * is enough, durability `redis`.
   */
  readonly replicas?: number;
  /** Milliseconds of a node's lease: one that died is asked nothing any more after that. Default 10 000. */
  readonly leaseMs?: number;
}

/** What the broker on Redis needs. */
export interface RedisBrokerSetup {
  readonly link: RedisLink;
  readonly keys: RedisKeys;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: Observer;
  readonly options?: RedisBrokerOptions;
}

/** A room that this node listens to. */
interface Subscription extends CheckedFeed {
  /** Whether anybody here wants its messages; else it only lingers. */
  isWanted: boolean;
  readonly ready: Promise<Position>;
  cancelLinger: () => void;
}

const DAY_MS = 86_400_000;

/** Messages, and bytes, that a feed reads at once. */
const PAGE = { limit: 128, bytes: 262_144 };

/**
 * The broker of many nodes, on Redis. A room's position, history and fan-out are one script, so that they
 * never differ; what the fan-out loses is found by its position and read from history. Where the store
 * may have lost acknowledged messages a room begins a new epoch: see `scripts/room.lua`.
 */
export class RedisBroker implements Broker {
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #store: RoomStore;
  readonly #publisher: RedisPublisher;
  readonly #check: TopCheck;
  readonly #missed: MissedFeeds;
  readonly #delays: DelayWatch;
  readonly #control: NodeControl;
  readonly #lingerMs: number;
  #listener: BrokerListener | undefined;
  #isClosed = false;

  constructor(private readonly setup: RedisBrokerSetup) {
    const { link, keys, clock, random, observer, options = {} } = setup;
    const { timeoutMs = 5_000, metaTtlMs = DAY_MS, checkMs = 10_000 } = options;
    const { windowMs = 120_000, perClient = 1_000 } = options.operations ?? {};
    const node = random.id();
    this.#lingerMs = options.lingerMs ?? 5_000;
    const store = new RoomStore({ link, clock, random, timeoutMs, metaTtlMs });
    this.#store = store;
    const missed = new MissedFeeds({ top: (room) => store.top(room), clock, observer });
    this.#missed = missed;
    this.#publisher = new RedisPublisher({
      ...{ link, keys, clock, random, node, timeoutMs, metaTtlMs },
      operations: { windowMs, perClient },
      maxQueuedBytes: options.maxQueuedBytes ?? 16_777_216,
      replicas: options.replicas ?? 0,
    });
    this.#control = new NodeControl({
      ...{ link, keys, clock, random, observer, node, timeoutMs },
      store,
      publisher: this.#publisher,
      leaseMs: options.leaseMs ?? 10_000,
    });
    this.#delays = new DelayWatch({
      ...{ link, clock, missed },
      feeds: () => this.#subscriptions,
      direct: this.#control.direct,
      channelOf: (room) => this.#keys(room).channel,
      tell: (delay) => this.#listener?.delayed?.(delay),
    });
    this.#check = new TopCheck({
      ...{ link, clock, random, observer, metaTtlMs, intervalMs: checkMs },
      feeds: () => [...this.#subscriptions.values(), ...this.#control.feeds],
      // Commands to this node, a revocation among them, do not wait for thousands of rooms.
      heal: (entry) => {
        if (this.#control.feeds.includes(entry)) void entry.feed.heal();
        else this.#missed.add(entry);
      },
    });
  }

  /** Rooms that this node listens to, those included that nobody wants any more. */
  get size(): number {
    return this.#subscriptions.size;
  }

  /** {@inheritDoc Broker.start} */
  async start(listener: BrokerListener): Promise<void> {
    await this.setup.link.ready();
    if (this.#isClosed) throw unavailable('the broker was closed');
    this.#listener = listener;
    await this.#control.start(listener);
    this.#delays.start();
  }

  /** {@inheritDoc Broker.publish} */
  async publish(
    room: string,
    publication: Publication,
    options: PublishOptions,
  ): Promise<PublishReceipt> {
    this.#running();
    return this.#publisher.publish(this.#keys(room), publication, options);
  }

  /** {@inheritDoc Broker.subscribe} */
  async subscribe(room: string): Promise<Position> {
    this.#running();
    const known = this.#subscriptions.get(room);
    if (known === undefined) return this.#open(room).ready;
    known.isWanted = true;
    known.cancelLinger();
    await known.ready;
    return this.#store.top(known.keys);
  }

  /** {@inheritDoc Broker.unsubscribe} */
  async unsubscribe(room: string): Promise<void> {
    const known = this.#subscriptions.get(room);
    if (known?.isWanted !== true) return;
    known.isWanted = false;
    // Who leaves often comes back, or another comes: a page that is loaded again, a reconnect.
    known.cancelLinger = this.setup.clock.after(this.#lingerMs, () => {
      this.#release(room, known);
    });
  }

  /** {@inheritDoc Broker.top} */
  async top(room: string): Promise<Position> {
    this.#running();
    return this.#store.top(this.#keys(room));
  }

  /** {@inheritDoc Broker.history} */
  async history(room: string, query: HistoryQuery): Promise<HistoryPage> {
    this.#running();
    return this.#store.history(this.#keys(room), query);
  }

  /** {@inheritDoc Broker.command} */
  async command(command: ControlCommand): Promise<void> {
    this.#running();
    return this.#control.command(command);
  }

  /** {@inheritDoc Broker.ask} */
  async ask(question: NodeQuestion): Promise<NodeAnswer[]> {
    this.#running();
    return this.#control.ask(question);
  }

  /** {@inheritDoc Broker.close} */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#check.close();
    this.#delays.close();
    this.#missed.close();
    this.#publisher.close();
    for (const [room, subscription] of this.#subscriptions) this.#release(room, subscription);
    // One that never began has nobody to take leave of.
    if (this.#listener === undefined) return;
    this.#listener = undefined;
    await this.#control.close();
  }

  #running(): BrokerListener {
    if (this.#listener !== undefined) return this.#listener;
    throw unavailable('expected the broker to be started and open');
  }

  #keys(room: string): StreamKeys {
    return this.#subscriptions.get(room)?.keys ?? this.setup.keys.room(room);
  }

  #open(room: string): Subscription {
    const keys = this.setup.keys.room(room);
    const feed = new RoomFeed({
      top: () => this.#store.top(keys),
      read: (from) => this.#store.history(keys, { direction: 'forwards', from, ...PAGE }),
      forget: () => this.#store.forget(keys),
      deliver: (message) => {
        if (subscription.isWanted) this.#listener?.message(room, message);
      },
      moved: (position) => {
        if (subscription.isWanted) this.#listener?.moved?.(room, position);
      },
      observer: this.setup.observer,
    });
    const { link, clock } = this.setup;
    const listener = {
      message: (text: string) => {
        feed.message(text);
      },
      missed: () => {
        // One that is being opened may have read its position before.
        void ready.then(
          () => {
            subscription.lookedAt = 0;
            this.#missed.add(subscription);
          },
          () => undefined,
        );
      },
    };
    const ready = link.subscribe(keys.channel, listener).then(() => {
      subscription.lookedAt = clock.now();
      return feed.open();
    });
    const cancelLinger = (): void => undefined;
    const touchedAt = clock.now();
    const subscription: Subscription = {
      ...{ keys, feed, touchedAt, ready, cancelLinger },
      lookedAt: 0,
      isWanted: true,
    };
    this.#subscriptions.set(room, subscription);
    ready.catch(() => {
      this.#release(room, subscription);
    });
    return subscription;
  }

  #release(room: string, subscription: Subscription): void {
    subscription.cancelLinger();
    subscription.isWanted = false;
    subscription.feed.close();
    if (this.#subscriptions.get(room) !== subscription) return;
    this.#subscriptions.delete(room);
    void this.setup.link.unsubscribe(subscription.keys.channel);
  }
}
