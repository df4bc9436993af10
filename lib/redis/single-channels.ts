import type { Redis } from 'ioredis';

import type { Clock, Observer, Random } from '../core/index.js';
import type { ChannelListener, ChannelLine, RedisChannels } from './redis-channels.js';
import type { RedisCommands } from './redis-commands.js';
import type { RedisKeys } from './redis-keys.js';
import { SubscriberConnection } from './subscriber-connection.js';
import { Watchdog } from './watchdog.js';

/** What connections that listen need. */
export interface ChannelsSetup {
  /** What probes are published by. */
  readonly commands: RedisCommands;
  readonly keys: RedisKeys;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: Observer;
  /** Milliseconds between two probes, and until one is given up. */
  readonly probeMs: number;
  /** Called whenever what a {@link ChannelLine} tells may have changed, or which one a channel has. */
  readonly changed: () => void;
}

/** Pub/sub over one connection, to one server or to any of a cluster, which passes everything on to all. */
export class SingleChannels implements RedisChannels {
  /** The command of a script that publishes to these channels. */
  readonly publishVerb = 'PUBLISH';
  readonly #subscriber: SubscriberConnection;
  readonly #watchdog: Watchdog;
  readonly #look = (): void => {
    this.#watchdog.look();
  };

  /** @param connect see {@link SubscriberConnection}. */
  constructor(
    private readonly setup: ChannelsSetup,
    connect: () => Redis | undefined,
  ) {
    const { keys, probeMs, random } = setup;
    const changed = this.#look;
    this.#subscriber = new SubscriberConnection({ ...setup, kind: 'ordinary', connect, changed });
    this.#watchdog = new Watchdog({
      ...setup,
      subscriber: this.#subscriber,
      channel: keys.probe(random.id()),
      publish: (channel, text) => this.publish(channel, text),
      intervalMs: probeMs,
    });
    setup.commands.on('close', this.#look);
    setup.commands.on('ready', this.#look);
  }

  /** {@inheritDoc RedisChannels.subscribe} */
  subscribe(channel: string, listener: ChannelListener): Promise<void> {
    return this.#subscriber.subscribe(channel, listener);
  }

  /** {@inheritDoc RedisChannels.unsubscribe} */
  async unsubscribe(channel: string): Promise<void> {
    this.#subscriber.unsubscribe(channel);
  }

  /** The one line there is. */
  get lines(): readonly ChannelLine[] {
    return [this.#watchdog];
  }

  /** The line of a channel. */
  lineOf(): ChannelLine {
    return this.#watchdog;
  }

  /** Publishes. */
  async publish(channel: string, text: string): Promise<void> {
    await this.setup.commands.publish(channel, text);
  }

  /** Ends the connection. */
  close(): void {
    this.setup.commands.off('close', this.#look);
    this.setup.commands.off('ready', this.#look);
    this.#watchdog.close();
    this.#subscriber.close();
  }
}
