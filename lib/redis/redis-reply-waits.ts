import type { Clock, Observer, Operation, RepeatedReply } from '../core/index.js';
import type { RedisCalls } from './redis-calls.js';
import type { RedisChannels } from './redis-channels.js';
import { listOf } from './redis-presence-codec.js';
import type { ReplyKeys } from './reply-keys.js';

/** What waiting needs. */
export interface ReplyWaitsSetup {
  readonly calls: RedisCalls;
  readonly channels: RedisChannels;
  readonly keys: ReplyKeys;
  readonly clock: Clock;
  readonly observer: Observer;
  /** Milliseconds between two looks at what is waited for, in case that a message was lost. */
  readonly pollMs: number;
}

/** Somebody who waits for the end of a run. */
interface Waiter {
  /** The operation's name, as JSON text. */
  readonly operation: string;
  readonly token: string;
  end(reply: RepeatedReply | undefined): void;
}

/** Who waits for the operations of one client. */
interface ClientWaits {
  readonly client: string;
  readonly waiters: Set<Waiter>;
}

/**
 * Those who wait on this node for what another run, on whatever node, comes to. One channel a client
 * while somebody waits; what it tells is looked at again now and then, because messages get lost.
 */
export class ReplyWaits {
  readonly #clients = new Map<string, ClientWaits>();
  #cancelPoll: (() => void) | undefined;
  #isFailing = false;

  constructor(private readonly setup: ReplyWaitsSetup) {}

  /** How a run ends; `undefined` if it does not within this time, or was given up. Never rejects. */
  wait(
    { client, id }: Operation,
    token: string,
    limitMs: number,
  ): Promise<RepeatedReply | undefined> {
    if (limitMs <= 0) return Promise.resolve(undefined);
    const waits = this.#clients.get(client) ?? this.#open(client);
    return new Promise((resolve) => {
      const cancel = this.setup.clock.after(limitMs, () => {
        waiter.end(undefined);
      });
      const waiter: Waiter = {
        operation: JSON.stringify(id),
        token,
        end: (reply) => {
          cancel();
          if (waits.waiters.delete(waiter)) this.#releaseIfUnused(waits);
          resolve(reply);
        },
      };
      waits.waiters.add(waiter);
      void this.#listen(waits);
    });
  }

  /** Lets everybody go. */
  close(): void {
    for (const waits of [...this.#clients.values()]) endAll(waits, () => true, undefined);
  }

  #open(client: string): ClientWaits {
    const waits: ClientWaits = { client, waiters: new Set() };
    this.#clients.set(client, waits);
    this.#schedule();
    return waits;
  }

  /** What ended before the listening began has told nobody: hence the look. */
  async #listen(waits: ClientWaits): Promise<void> {
    const { calls, channels, keys } = this.setup;
    const listener = {
      message: (text: string): void => {
        this.#heard(waits, text);
      },
      missed: (): void => {
        void this.#look(waits);
      },
    };
    try {
      await calls.wait(channels.subscribe(keys.client(waits.client).channel, listener));
    } catch (error) {
      // Else nobody waits any more, and the channel was given up before it was there.
      if (this.#clients.get(waits.client) === waits) this.#failed(error);
    }
    await this.#look(waits);
  }

  #heard(waits: ClientWaits, text: string): void {
    const told = decodeEnd(text);
    if (told === undefined) {
      // Not ours: what it has displaced can be read.
      void this.#look(waits);
      return;
    }
    endAll(waits, (waiter) => isOf(waiter, told), told.reply);
  }

  async #look(waits: ClientWaits): Promise<void> {
    const waiters = [...waits.waiters];
    if (waiters.length === 0) return;
    try {
      const { replies } = this.setup.keys.client(waits.client);
      const names = waiters.map(({ operation }) => operation);
      const entries = listOf(await this.setup.calls.command('hmget', replies, ...names));
      this.#isFailing = false;
      for (const [index, waiter] of waiters.entries()) {
        const entry = entries[index];
        if (!isRunOf(entry, waiter.token)) waiter.end(replyOf(entry));
      }
    } catch (error) {
      this.#failed(error);
    }
  }

  #schedule(): void {
    this.#cancelPoll ??= this.setup.clock.after(this.setup.pollMs, () => {
      this.#cancelPoll = undefined;
      for (const waits of this.#clients.values()) void this.#look(waits);
      if (this.#clients.size > 0) this.#schedule();
    });
  }

  #releaseIfUnused({ client, waiters }: ClientWaits): void {
    if (waiters.size > 0 || !this.#clients.delete(client)) return;
    void this.setup.channels.unsubscribe(this.setup.keys.client(client).channel);
    if (this.#clients.size > 0) return;
    this.#cancelPoll?.();
    this.#cancelPoll = undefined;
  }

  /** Once, until it works again. Whoever waits goes on waiting, as long as it may. */
  #failed(error: unknown): void {
    if (!this.#isFailing) this.setup.observer.failed('reply store', error);
    this.#isFailing = true;
  }
}

interface End {
  /** The operation's name. */
  readonly operation: string;
  readonly token: string;
  /** Absent: it was given up. */
  readonly reply?: RepeatedReply;
}

function decodeEnd(text: string): End | undefined {
  try {
    const end = JSON.parse(text) as Partial<End> | null;
    if (typeof end?.operation !== 'string' || typeof end.token !== 'string') return undefined;
    return end as End;
  } catch {
    // Somebody else has written to our channel; the caller looks at what is kept.
    return undefined;
  }
}

function isOf({ operation, token }: Waiter, end: End): boolean {
  return token === end.token && operation === JSON.stringify(end.operation);
}

function endAll(
  { waiters }: ClientWaits,
  isMeant: (waiter: Waiter) => boolean,
  reply: RepeatedReply | undefined,
): void {
  for (const waiter of [...waiters]) {
    if (isMeant(waiter)) waiter.end(reply);
  }
}

/** Whether what is kept of an operation is that this run goes on: see `scripts/reply-window.lua`. */
function isRunOf(entry: unknown, token: string): boolean {
  return typeof entry === 'string' && entry.startsWith(`p:${token}:`);
}

/** What is kept of an operation as it is told; `undefined`: nobody knows how it ended. */
function replyOf(entry: unknown): RepeatedReply | undefined {
  if (typeof entry !== 'string' || entry.startsWith('p:')) return undefined;
  return entry.startsWith('r:')
    ? (JSON.parse(entry.slice(2)) as RepeatedReply)
    : { isOmitted: true };
}
