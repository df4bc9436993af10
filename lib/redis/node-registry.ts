import type { Clock, Observer, Random } from '../core/index.js';
import { RedisCalls } from './redis-calls.js';
import type { RedisKeys } from './redis-keys.js';
import type { RedisLink } from './redis-link.js';
import { RedisScript } from './redis-script.js';

const NODES = RedisScript.load('nodes');

/** What the registry needs. */
export interface NodeRegistrySetup {
  readonly link: RedisLink;
  readonly keys: RedisKeys;
  readonly clock: Clock;
  readonly random: Pick<Random, 'fraction'>;
  readonly observer: Pick<Observer, 'failed'>;
  /** This node's name. */
  readonly node: string;
  /** Milliseconds a call may take. */
  readonly timeoutMs: number;
  /** Milliseconds without a sign of life after which a node counts as dead. */
  readonly leaseMs: number;
}

/** Which nodes live. Each renews its lease three times within it. */
export class NodeRegistry {
  readonly #calls: RedisCalls;
  #cancel: () => void = () => undefined;
  #isClosed = false;

  constructor(private readonly setup: NodeRegistrySetup) {
    const { clock, link, timeoutMs } = setup;
    this.#calls = new RedisCalls({ commands: link.commands, clock, timeoutMs, caller: 'broker' });
  }

  /**
   * Enters this node, and keeps it there.
   *
   * @throws RealtimeError `unavailable` without Redis.
   */
  async enter(): Promise<void> {
    await this.living();
    if (!this.#isClosed) this.#wait();
  }

  /**
   * The nodes that live, this one included.
   *
   * @throws RealtimeError `unavailable` without Redis.
   */
  living(): Promise<string[]> {
    return this.#call(this.setup.leaseMs);
  }

  /** Takes this node out; without Redis its lease runs out. Never rejects. */
  async leave(): Promise<void> {
    this.#isClosed = true;
    this.#cancel();
    if (this.setup.link.isReady) await this.#call(0).catch(this.#failed);
  }

  #wait(): void {
    const { clock, leaseMs, random } = this.setup;
    this.#cancel = clock.after((leaseMs / 3) * (0.75 + random.fraction() / 4), () => {
      void this.living()
        .catch(this.#failed)
        .finally(() => {
          if (!this.#isClosed) this.#wait();
        });
    });
  }

  async #call(leaseMs: number): Promise<string[]> {
    const { keys, node } = this.setup;
    return (await this.#calls.script(NODES, [keys.nodes], [node, leaseMs])) as string[];
  }

  readonly #failed = (error: unknown): void => {
    this.setup.observer.failed('lease of this node', error);
  };
}
