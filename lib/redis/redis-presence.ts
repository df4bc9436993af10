import {
  RealtimeError,
  type Clock,
  type Observer,
  type PresenceListener,
  type PresenceRecord,
  type PresenceScope,
  type PresenceSnapshot,
  type PresenceStore,
  type Random,
} from '../core/index.js';
import { ErrorCode } from '../protocol/index.js';
import { PresenceKeys } from './presence-keys.js';
import { RedisCalls } from './redis-calls.js';
import type { RedisChannels } from './redis-channels.js';
import type { RedisCommands } from './redis-commands.js';
import { StoreGenerations } from './redis-presence-generations.js';
import { RoomLane, type RoomChange } from './redis-presence-lane.js';
import { PresenceLease } from './redis-presence-lease.js';
import { PresenceReaper } from './redis-presence-reaper.js';
import { RoomRecords, type PublishCommand } from './redis-presence-records.js';
import { PresenceWatches } from './redis-presence-watches.js';

/** What the store works with. */
export interface RedisPresenceSetup {
  readonly commands: RedisCommands;
  readonly channels: RedisChannels;
  /** Command that publishes to what `channels` subscribes to. */
  readonly publishCommand: PublishCommand;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: Observer;
}

/** How the store behaves. */
export interface RedisPresenceOptions {
  /** What every key begins with. Default `realtime`. Applications that share a Redis have different ones. */
  readonly prefix?: string;
  /**
   * Milliseconds after a node's last sign of life in which its records are removed by the others; a node
   * gives one after a seventh of it. Default 10 000. At least 100.
   */
  readonly leaseMs?: number;
  /** Milliseconds a call to Redis may take until it counts as `unavailable`. Default 5 000. */
  readonly callTimeoutMs?: number;
}

/** What a started store is made of. */
interface Running {
  readonly records: RoomRecords;
  readonly watches: PresenceWatches;
  readonly lease: PresenceLease;
  readonly reaper: PresenceReaper;
}

/**
 * Who is in which room, in Redis, for any number of nodes; on one server, behind Sentinel or in a
 * cluster.
 *
 * *Leases.* A node has one lease, and nothing else of its is renewed. The time of a lease is told by
 * Redis alone. A lease that is over is taken up by a node that lives, which removes its records, some
 * hundred users a call; each record that goes is one change, told by the script that removes it.
 *
 * *Fencing.* A script can read the keys of one slot only, and in a cluster the lease is in another than
 * the room. So no script about a room asks whether the lease holds; what has to be refused is refused
 * by two facts in reach. A lease comes into a room only by a note that the lease held, made at most
 * half an hour ago; and a room knows for an hour that a lease is dead, told before the first record of
 * that lease is removed anywhere. A node that was away, however long, and sends what it had in hand,
 * therefore finds: a room it was in, which knows that the lease is dead; or a room it was not in, and
 * a note that is too old, or cannot be had. In each case nothing is done, the node gets a new lease,
 * says `expired`, and the call is made under the new one.
 *
 * *Loss.* Where Redis has forgotten (a flush, a promoted replica without the last writes, a restart),
 * the node takes a new lease and says `expired`, so that its members are put again: those that are
 * there stay as they are, and what only the old lease has is removed when that is over. Watched rooms
 * are reported as missed.
 *
 * A room with n users costs about 200 n bytes in Redis besides names and info; a node holds about 100
 * bytes for each room its members are in, one timer, and nothing for a member.
 */
export class RedisPresenceStore implements PresenceStore {
  readonly #keys: PresenceKeys;
  readonly #calls: RedisCalls;
  readonly #leaseMs: number;
  readonly #generations: StoreGenerations;
  readonly #lanes = new Map<string, RoomLane>();
  #isLooking = false;
  #running: Running | undefined;

  constructor(
    private readonly setup: RedisPresenceSetup,
    { prefix, leaseMs = 10_000, callTimeoutMs = 5_000 }: RedisPresenceOptions = {},
  ) {
    const { commands, clock } = setup;
    this.#keys = new PresenceKeys(prefix);
    this.#leaseMs = leaseMs;
    const caller = 'presence store';
    this.#calls = new RedisCalls({ commands, clock, timeoutMs: callTimeoutMs, caller });
    this.#generations = new StoreGenerations(commands, this.#calls);
  }

  /** {@inheritDoc PresenceStore.start} */
  async start(listener: PresenceListener): Promise<void> {
    const { channels, publishCommand, observer } = this.setup;
    const calls = this.#calls;
    const keys = this.#keys;
    const watches = new PresenceWatches(calls, channels, keys, listener);
    const claimMs = this.#leaseMs;
    const reaper = new PresenceReaper({ calls, keys, observer, publishCommand, claimMs });
    const lease = new PresenceLease(
      { ...this.setup, calls, keys, leaseMs: this.#leaseMs },
      {
        replaced: (hasForgotten) => {
          if (this.#running === undefined) return;
          if (hasForgotten) watches.missAll();
          listener.expired();
        },
        overdue: (dead) => reaper.reap(dead),
        renewed: () => void this.#look(lease),
      },
    );
    const records = new RoomRecords({ calls, keys, lease, publishCommand });
    this.#running = { records, watches, lease, reaper };
    // What is there at the beginning is what later looks are compared with.
    await Promise.all([lease.start(), this.#look(lease)]);
  }

  /** {@inheritDoc PresenceStore.put} */
  async put(room: string, record: PresenceRecord): Promise<void> {
    await this.#change(room, { kind: 'put', record });
  }

  /** {@inheritDoc PresenceStore.remove} */
  async remove(
    room: string,
    record: Pick<PresenceRecord, 'userId' | 'client' | 'connectionId'>,
    scope: PresenceScope,
  ): Promise<void> {
    await this.#change(room, { kind: scope, record });
  }

  /** {@inheritDoc PresenceStore.read} */
  async read(room: string, maxMembers: number): Promise<PresenceSnapshot> {
    const { records } = this.#open();
    return this.#lane(room).run(() => records.read(room, maxMembers, false));
  }

  /** {@inheritDoc PresenceStore.watch} */
  async watch(room: string, maxMembers: number): Promise<PresenceSnapshot> {
    const { records, watches } = this.#open();
    return this.#lane(room).run(async () => {
      await watches.open(room);
      const snapshot = await records.read(room, maxMembers, true);
      watches.begin(room, snapshot.version);
      return snapshot;
    });
  }

  /** {@inheritDoc PresenceStore.unwatch} */
  async unwatch(room: string): Promise<void> {
    const { watches } = this.#open();
    return this.#lane(room).runSurely(() => watches.close(room));
  }

  /** {@inheritDoc PresenceStore.close} */
  async close(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    running.reaper.close();
    for (const lane of this.#lanes.values()) lane.fail(closed());
    await Promise.all([running.watches.closeAll(), running.lease.close()]);
  }

  #change(room: string, change: RoomChange): Promise<void> {
    this.#open();
    return this.#lane(room).change(change);
  }

  #open(): Running {
    if (this.#running === undefined) throw closed();
    return this.#running;
  }

  #lane(room: string): RoomLane {
    const known = this.#lanes.get(room);
    if (known !== undefined) return known;
    const lane = new RoomLane(
      (changes) => this.#open().records.change(room, changes),
      () => this.#lanes.delete(room),
    );
    this.#lanes.set(room, lane);
    return lane;
  }

  /** Looks whether a server may have lost what it had. */
  async #look(lease: PresenceLease): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      if (await this.#generations.hasChanged()) await lease.replace(await lease.id(), true);
    } catch (error) {
      this.setup.observer.failed('presence lease', error);
    } finally {
      this.#isLooking = false;
    }
  }
}

function closed(): RealtimeError {
  const message = 'presence store: expected it to be started and open';
  return new RealtimeError(ErrorCode.Unavailable, message);
}
