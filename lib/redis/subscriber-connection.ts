import type { Redis } from 'ioredis';

import type { Clock, Observer, Random } from '../core/index.js';
import type { ChannelListener } from './redis-channels.js';
import { unavailable } from './redis-errors.js';

/** Channels that one command names. A server reads a command whole before it does anything else. */
const CHUNK = 500;

/** How a server is told what to listen to: by ordinary channels, or by those of a cluster's shards. */
export type ChannelKind = 'ordinary' | 'sharded';

/** A channel that somebody listens to. */
interface Subscription {
  listener: ChannelListener;
  /** Whether the server has confirmed it, on this connection or one before. */
  wasConfirmed: boolean;
  /** Settle with the confirmation. */
  readonly waiting: {
    readonly resolve: () => void;
    readonly reject: (error: Error) => void;
  }[];
}

/** What a connection that listens needs. */
export interface SubscriberSetup {
  /** Begins a connection that does not reconnect by itself. `undefined`: no server is known just now. */
  connect(): Redis | undefined;
  readonly kind: ChannelKind;
  /** Called when the server says that it has channels of a shard no longer. */
  readonly moved?: () => void;
  /** Called when the connection is lost, and when everything is listened to again. */
  readonly changed?: () => void;
  readonly clock: Clock;
  readonly random: Pick<Random, 'fraction'>;
  readonly observer: Pick<Observer, 'failed'>;
}

/** Longest wait between two attempts to connect, in milliseconds. */
const MAX_BACKOFF_MS = 2_000;

/**
 * One connection that listens. What is wanted within a turn goes out as one command; after a
 * reconnect everything is subscribed again in chunks, and whoever listens is told that it may have missed
 * something. That is done here, not by ioredis, which names all channels in one command and tells nobody.
 */
export class SubscriberConnection {
  readonly #wanted = new Map<string, Subscription>();
  /** What the server was told of on this connection. */
  readonly #told = new Set<string>();
  readonly #dirty = new Set<string>();
  #isScheduled = false;
  #client: Redis | undefined;
  #isWhole = false;
  #attempts = 0;
  #cancelRetry: () => void = () => undefined;
  #isClosed = false;

  constructor(private readonly setup: SubscriberSetup) {
    this.#open();
  }

  /** Whether the server can be told of channels now. */
  get isReady(): boolean {
    return this.#client?.status === 'ready';
  }

  /** Whether what was wanted when the connection was made has been subscribed to on it. */
  get isWhole(): boolean {
    return this.isReady && this.#isWhole;
  }

  /** Channels that somebody listens to. */
  get channels(): ReadonlyMap<string, { readonly listener: ChannelListener }> {
    return this.#wanted;
  }

  /** Listens to a channel; resolves when the server has confirmed it on a living connection. */
  subscribe(channel: string, listener: ChannelListener): Promise<void> {
    const known = this.#wanted.get(channel);
    const subscription = known ?? { listener, wasConfirmed: false, waiting: [] };
    subscription.listener = listener;
    this.#wanted.set(channel, subscription);
    if (known?.wasConfirmed === true && this.#told.has(channel)) return Promise.resolve();
    this.#touch(channel);
    return new Promise((resolve, reject) => {
      subscription.waiting.push({ resolve, reject });
    });
  }

  /** Listens no longer. */
  unsubscribe(channel: string): void {
    const known = this.#wanted.get(channel);
    if (known === undefined) return;
    this.#wanted.delete(channel);
    settle(known, unavailable('the channel is not listened to any longer'));
    this.#touch(channel);
  }

  /** Begins anew: the connection is silent, or cut off without a word. */
  reconnect(): void {
    this.#client?.disconnect();
  }

  /** Ends it. Nobody is called any more. */
  close(): void {
    this.#isClosed = true;
    this.#cancelRetry();
    for (const subscription of this.#wanted.values()) {
      settle(subscription, unavailable('the connection is closed'));
    }
    this.#wanted.clear();
    this.#client?.disconnect();
  }

  #open(): void {
    const client = this.setup.connect();
    if (client === undefined) {
      this.#retry();
      return;
    }
    this.#client = client;
    const event = this.setup.kind === 'ordinary' ? 'message' : 'smessage';
    client.on(event, (channel: string, text: string) => {
      if (client === this.#client) this.#wanted.get(channel)?.listener.message(text);
    });
    client.on('ready', () => {
      this.#attempts = 0;
      void this.#begin(client);
    });
    client.on('error', (error: Error) => {
      // Once for each time that it is away, not for each attempt.
      if (this.#attempts === 0) this.#failed(error);
    });
    client.on('moved', () => {
      if (client === this.#client) this.setup.moved?.();
    });
    client.on('end', () => {
      if (client === this.#client) this.#retry();
    });
  }

  #retry(): void {
    const wasThere = this.#client !== undefined;
    this.#client = undefined;
    this.#isWhole = false;
    if (this.#isClosed) return;
    if (wasThere) this.setup.changed?.();
    this.#attempts += 1;
    const delayMs = Math.min(MAX_BACKOFF_MS, 25 * 2 ** Math.min(this.#attempts, 8));
    const jitter = 0.5 + this.setup.random.fraction() / 2;
    this.#cancelRetry = this.setup.clock.after(delayMs * jitter, () => {
      this.#open();
    });
  }

  #touch(channel: string): void {
    this.#dirty.add(channel);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      void Promise.all(this.#flush());
    });
  }

  async #begin(client: Redis): Promise<void> {
    this.#told.clear();
    this.#dirty.clear();
    for (const channel of this.#wanted.keys()) this.#dirty.add(channel);
    await Promise.all(this.#flush());
    if (client !== this.#client || !this.isReady) return;
    this.#isWhole = true;
    this.setup.changed?.();
  }

  /** Tells the server what is wanted and what is not. Gives what settles when it has answered to the first. */
  #flush(): Promise<void>[] {
    // Otherwise all of it is done when the connection is there.
    const client = this.#client;
    if (client?.status !== 'ready') return [];
    const dirty = [...this.#dirty];
    this.#dirty.clear();
    const surplus = dirty.filter((name) => !this.#wanted.has(name) && this.#told.delete(name));
    const missing = dirty.filter((name) => this.#wanted.has(name));
    // A slot of its own for each channel of a shard: one command must not name several.
    const size = this.setup.kind === 'ordinary' ? CHUNK : 1;
    for (const chunk of chunks(surplus, size)) void this.#unsubscribe(client, chunk);
    return chunks(missing, size).map((chunk) => {
      for (const name of chunk) this.#told.add(name);
      return this.#subscribe(client, chunk);
    });
  }

  async #subscribe(client: Redis, channels: readonly string[]): Promise<void> {
    try {
      if (this.setup.kind === 'ordinary') await client.subscribe(...channels);
      else await client.ssubscribe(...channels);
    } catch (error) {
      this.#refused(client, channels, error);
      return;
    }
    if (client !== this.#client) return;
    for (const channel of channels) this.#confirmed(channel);
  }

  /** A connection that has ended is made anew, and all of it comes again; else the server refuses. */
  #refused(client: Redis, channels: readonly string[], error: unknown): void {
    if (client !== this.#client || client.status !== 'ready') return;
    this.#failed(error);
    for (const channel of channels) {
      this.#told.delete(channel);
      const subscription = this.#wanted.get(channel);
      if (subscription !== undefined) settle(subscription, unavailable('refused', error));
    }
  }

  async #unsubscribe(client: Redis, channels: readonly string[]): Promise<void> {
    try {
      if (this.setup.kind === 'ordinary') await client.unsubscribe(...channels);
      else await client.sunsubscribe(...channels);
    } catch (error) {
      // A channel that has moved to another server is not listened to at this one any more.
      const hasMoved = error instanceof Error && error.message.startsWith('MOVED');
      if (client.status === 'ready' && !hasMoved) this.#failed(error);
    }
  }

  #confirmed(channel: string): void {
    const subscription = this.#wanted.get(channel);
    if (subscription === undefined) return;
    const isAgain = subscription.wasConfirmed;
    subscription.wasConfirmed = true;
    settle(subscription);
    if (isAgain) subscription.listener.missed();
  }

  #failed(error: unknown): void {
    this.setup.observer.failed('listening to channels of Redis', error);
  }
}

function settle({ waiting }: Subscription, error?: Error): void {
  for (const { resolve, reject } of waiting.splice(0)) {
    if (error === undefined) resolve();
    else reject(error);
  }
}

function chunks(names: readonly string[], size: number): string[][] {
  const result: string[][] = [];
  for (let start = 0; start < names.length; start += size) {
    result.push(names.slice(start, start + size));
  }
  return result;
}
