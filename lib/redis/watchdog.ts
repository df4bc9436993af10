import type { Clock, Observer, Random } from '../core/index.js';
import type { RedisCommands } from './redis-commands.js';
import { unavailable } from './redis-errors.js';
import type { ChannelLine } from './redis-channels.js';
import type { SubscriberConnection } from './subscriber-connection.js';

/** What is watched, and how. */
export interface WatchdogSetup {
  readonly commands: RedisCommands;
  readonly subscriber: SubscriberConnection;
  /** A channel that nobody else knows. */
  readonly channel: string;
  /** Publishes to the channel. */
  readonly publish: (channel: string, text: string) => Promise<void>;
  readonly clock: Clock;
  readonly random: Pick<Random, 'fraction'>;
  readonly observer: Pick<Observer, 'failed'>;
  /** Milliseconds between two probes, and until one is given up. */
  readonly intervalMs: number;
  /** Called whenever what a {@link ChannelLine} tells has changed. */
  readonly changed: () => void;
}

interface Probe {
  readonly text: string;
  isAnswered: boolean;
  isReceived: boolean;
}

/**
 * Notices connections that are there and do nothing: cut off without a word, or a listening one that is
 * tied to a server which the commands left. A probe is published by the one and has to come back by the
 * other; what does not answer is made anew, without waiting for traffic. After either was lost both count
 * as sound when a probe has made its way again.
 */
export class Watchdog implements ChannelLine {
  #cancel: () => void = () => undefined;
  #number = 0;
  /** The probe that is under way. */
  #probe: Probe | undefined;
  #isSound = false;
  #lostAt: number;

  constructor(private readonly setup: WatchdogSetup) {
    const { clock, subscriber, channel } = setup;
    this.#lostAt = clock.now();
    const message = (text: string): void => {
      if (this.#probe?.text === text) this.#received(this.#probe);
    };
    const heard = { message, missed: () => undefined };
    // Comes again with every connection; that one is refused is told there.
    subscriber.subscribe(channel, heard).catch(() => undefined);
    this.#wait();
  }

  /** Whether a probe has made its way since either connection was lost. */
  get isSound(): boolean {
    return this.#isSound;
  }

  /** {@inheritDoc ChannelLine.lostAt} */
  get lostAt(): number {
    return this.#lostAt;
  }

  /** Has to be called when one of the connections was lost, or is there again. */
  look(): void {
    const { commands, subscriber } = this.setup;
    if (commands.status !== 'ready' || !subscriber.isWhole) this.#lose();
    else if (!this.#isSound) {
      this.#cancel();
      this.#send();
      this.#wait();
    }
  }

  /** Ends it. */
  close(): void {
    this.#cancel();
  }

  #lose(): void {
    this.#probe = undefined;
    this.#isSound = false;
    this.#lostAt = this.setup.clock.now();
    this.setup.changed();
  }

  #received(probe: Probe): void {
    probe.isReceived = true;
    if (this.#isSound || !this.setup.subscriber.isWhole) return;
    this.#isSound = true;
    this.setup.changed();
  }

  #wait(): void {
    const { clock, random, intervalMs } = this.setup;
    this.#cancel = clock.after(intervalMs * (0.75 + random.fraction() / 2), () => {
      this.#judge();
      this.#send();
      this.#wait();
    });
  }

  #judge(): void {
    const { commands, subscriber, observer } = this.setup;
    const probe = this.#probe;
    if (probe === undefined) return;
    if (!probe.isAnswered) {
      observer.failed(
        'connection to Redis',
        unavailable('expected an answer to a probe, got none'),
      );
      this.#lose();
      commands.disconnect(true);
    } else if (!probe.isReceived && subscriber.isReady) {
      observer.failed('listening to channels of Redis', unavailable('expected a probe, got none'));
      this.#lose();
      subscriber.reconnect();
    }
  }

  #send(): void {
    const { commands, subscriber, channel, publish } = this.setup;
    this.#probe = undefined;
    // A connection that is being made is no silent one.
    if (commands.status !== 'ready' || !subscriber.isReady) return;
    this.#number += 1;
    const probe: Probe = { text: String(this.#number), isAnswered: false, isReceived: false };
    this.#probe = probe;
    publish(channel, probe.text).then(
      () => {
        probe.isAnswered = true;
      },
      () => {
        // Refused, or the connection has ended: it says so itself.
        if (this.#probe === probe) this.#probe = undefined;
      },
    );
  }
}
