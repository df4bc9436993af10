import type { PresenceListener } from '../core/index.js';
import type { PresenceKeys } from './presence-keys.js';
import type { RedisCalls } from './redis-calls.js';
import type { ChannelListener, RedisChannels } from './redis-channels.js';
import { decodeChanges } from './redis-presence-codec.js';

/** A room that this node hears of. */
interface Watch {
  /** The version that was told last. `undefined`: whatever comes next is in order. */
  version: number | undefined;
}

/**
 * The rooms whose changes this node hears of. A change that is told already is dropped; where one is
 * missing, the listener is told so before it hears of the next.
 */
export class PresenceWatches {
  readonly #watches = new Map<string, Watch>();

  constructor(
    private readonly calls: RedisCalls,
    private readonly channels: RedisChannels,
    private readonly keys: PresenceKeys,
    private readonly listener: PresenceListener,
  ) {}

  /**
   * Begins to listen. Does nothing if it does already.
   *
   * @throws RealtimeError `unavailable`.
   */
  async open(room: string): Promise<void> {
    if (this.#watches.has(room)) return;
    const watch: Watch = { version: undefined };
    this.#watches.set(room, watch);
    try {
      const listener = this.#listenerOf(room, watch);
      const { channel } = this.keys.room(room);
      await this.calls.wait(this.channels.subscribe(channel, listener));
    } catch (error) {
      await this.close(room);
      throw error;
    }
  }

  /** A snapshot of this version was read after the listening began. */
  begin(room: string, version: number): void {
    const watch = this.#watches.get(room);
    if (watch !== undefined) watch.version ??= version;
  }

  /** Listens no longer. Nothing is told of the room from the call on. */
  async close(room: string): Promise<void> {
    if (this.#watches.delete(room)) await this.channels.unsubscribe(this.keys.room(room).channel);
  }

  /** The same for all rooms. */
  async closeAll(): Promise<void> {
    await Promise.all(Array.from(this.#watches.keys(), (room) => this.close(room)));
  }

  /** Redis has lost what it knew, and nobody can tell which changes with it. */
  missAll(): void {
    for (const [room, watch] of [...this.#watches]) this.#miss(room, watch);
  }

  #listenerOf(room: string, watch: Watch): ChannelListener {
    const isOpen = (): boolean => this.#watches.get(room) === watch;
    return {
      message: (text) => {
        if (isOpen()) this.#tell(room, watch, text);
      },
      missed: () => {
        if (isOpen()) this.#miss(room, watch);
      },
    };
  }

  #tell(room: string, watch: Watch, text: string): void {
    const changes = decodeChanges(text);
    if (changes === undefined) {
      this.#miss(room, watch);
      return;
    }
    for (const change of changes) {
      const { version } = change;
      const known = watch.version;
      if (known !== undefined && version <= known) continue;
      if (known !== undefined && version > known + 1) this.listener.missed(room);
      watch.version = version;
      this.listener.changed(room, change);
    }
  }

  #miss(room: string, watch: Watch): void {
    watch.version = undefined;
    this.listener.missed(room);
  }
}
