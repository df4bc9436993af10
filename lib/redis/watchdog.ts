import type { Clock, Observer, Random } from '../core/index.js';
import type { RedisCommands } from './redis-commands.js';
import { unavailable } from './redis-errors.js';
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
}

interface Probe {
  readonly text: string;
  isAnswered: boolean;
  isReceived: boolean;
}

/**
 * Notices connections that are there and do nothing: cut off without a word, or a listening one that is
 * tied to a server which the commands left. A probe is published by the one and has to come back by the
 * other; what does not answer is made anew, without waiting for traffic.
 */
export class Watchdog {
  #cancel: () => void = () => undefined;
  #number = 0;
  /** The probe that is under way. */
  #probe: Probe | undefined;

  constructor(private readonly setup: WatchdogSetup) {
    const { subscriber, channel } = setup;
    const message = (text: string): void => {
      if (this.#probe?.text === text) this.#probe.isReceived = true;
    };
    const heard = { message, missed: () => undefined };
    // Comes again with every connection; that one is refused is told there.
    subscriber.subscribe(channel, heard).catch(() => undefined);
    this.#wait();
  }

  /** Ends it. */
  close(): void {
    this.#cancel();
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
      commands.disconnect(true);
    } else if (!probe.isReceived && subscriber.isReady) {
      observer.failed('listening to channels of Redis', unavailable('expected a probe, got none'));
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
