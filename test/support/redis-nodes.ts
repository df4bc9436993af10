import type { Clock } from '../../lib/core/index.js';
import { keySlot } from '../../lib/redis/key-slot.js';
import { isCluster, type RedisCommands } from '../../lib/redis/redis-commands.js';
import { RedisKeys } from '../../lib/redis/redis-keys.js';
import { RedisLink } from '../../lib/redis/redis-link.js';
import type { RedisSource } from '../../lib/redis/redis-source.js';
import { SystemClock, SystemRandom } from '../../lib/transport/index.js';
import { RecordingObserver } from './fakes.js';
import { TimedCommands } from './redis-time.js';
import { deferred, turn } from './turns.js';

/** One node's connections to Redis. */
export interface RedisNode {
  readonly link: RedisLink;
  readonly timed: TimedCommands;
  readonly commands: RedisCommands;
}

/** A channel by which a node hears that it has heard everything. */
interface Mark {
  readonly channel: string;
  /** By the mark's name: who waits for it. */
  readonly heard: Map<string, () => void>;
}

/** Connections of several nodes to one Redis, on which scripts see the time that a test says. */
export class RedisNodes {
  readonly random = new SystemRandom();
  /** Told what goes wrong with the connections. */
  readonly observer = new RecordingObserver();
  /** The time that scripts see. Default: the machine's. */
  clock: Clock = new SystemClock();
  readonly nodes: readonly RedisNode[];
  readonly #marks = new Map<RedisNode, Promise<readonly Mark[]>>();

  constructor(source: RedisSource, count: number) {
    const clock = new SystemClock();
    this.nodes = Array.from({ length: count }, () => {
      const { random, observer } = this;
      const link = new RedisLink({ source, keys: new RedisKeys(), clock, random, observer });
      const timed = new TimedCommands(link.commands, () => this.clock.now());
      return { link, timed, commands: timed.commands };
    });
  }

  /** A prefix that nobody else has. */
  prefix(): string {
    return `test-${this.random.id()}`;
  }

  /** Waits until every command was answered, and every message that was published before has come. */
  async settle(): Promise<void> {
    for (let sent = -1; sent !== this.#sent;) {
      await this.#answered();
      sent = this.#sent;
      await Promise.all(this.nodes.map((node) => this.#reached(node)));
      await turn();
    }
  }

  /** Ends all connections. */
  close(): void {
    for (const { link } of this.nodes) link.close();
  }

  get #sent(): number {
    return this.nodes.reduce((sum, { timed }) => sum + timed.sent.length, 0);
  }

  async #answered(): Promise<void> {
    do await turn();
    while (this.nodes.some(({ timed }) => timed.pending > 0));
  }

  /** Messages of one server come in their order: what it published before the mark came before it. */
  async #reached(node: RedisNode): Promise<void> {
    const marks = this.#marks.get(node) ?? this.#mark(node);
    this.#marks.set(node, marks);
    await Promise.all(
      (await marks).map(async ({ channel, heard }) => {
        const { promise, resolve } = deferred();
        const name = this.random.id();
        heard.set(name, resolve);
        await node.link.publish(channel, name);
        await promise;
        heard.delete(name);
      }),
    );
  }

  /** A channel on each server. */
  async #mark({ link }: RedisNode): Promise<readonly Mark[]> {
    const { commands } = link;
    await commands.ping();
    const channels = new Map<string | undefined, string>();
    const servers = isCluster(commands) ? commands.nodes('master').length : 1;
    while (channels.size < servers) {
      const channel = this.prefix();
      channels.set(isCluster(commands) ? commands.slots[keySlot(channel)]?.[0] : '', channel);
    }
    return Promise.all(
      Array.from(channels.values(), async (channel) => {
        const heard = new Map<string, () => void>();
        const message = (name: string): void => heard.get(name)?.();
        await link.subscribe(channel, { message, missed: () => undefined });
        return { channel, heard };
      }),
    );
  }
}
