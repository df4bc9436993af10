import type {
  BrokerListener,
  Clock,
  ControlCommand,
  NodeAnswer,
  NodeQuestion,
  Observer,
  Random,
} from '../core/index.js';
import { ControlWriter, REVOCATIONS } from './control-writer.js';
import { NodeQuestions } from './node-questions.js';
import { NodeRegistry } from './node-registry.js';
import { unavailable } from './redis-errors.js';
import type { RedisKeys, StreamKeys } from './redis-keys.js';
import type { RedisLink } from './redis-link.js';
import type { RedisPublisher } from './redis-publisher.js';
import { RevocationMemory } from './revocation-memory.js';
import { RoomFeed } from './room-feed.js';
import type { RoomStore } from './room-store.js';
import type { CheckedFeed } from './top-check.js';

/** What nodes say to each other besides messages of rooms. */
export interface NodeControlSetup {
  readonly link: RedisLink;
  readonly keys: RedisKeys;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: Observer;
  readonly node: string;
  readonly timeoutMs: number;
  readonly leaseMs: number;
  readonly store: RoomStore;
  readonly publisher: RedisPublisher;
}

/** Messages, and bytes, that are read at once. */
const PAGE = { limit: 128, bytes: 262_144 };

/**
 * Commands for every node, in two streams that are kept in order and healed as rooms are: one for
 * revocations, of which none may be missed, one for the rest. And questions to every node.
 */
export class NodeControl {
  readonly #writer: ControlWriter;
  readonly #registry: NodeRegistry;
  readonly #commands: CheckedFeed;
  readonly #revocations: CheckedFeed;
  readonly #remembered: RevocationMemory;
  #questions: NodeQuestions | undefined;
  #listener: BrokerListener | undefined;

  constructor(private readonly setup: NodeControlSetup) {
    const { clock, keys, observer } = setup;
    this.#writer = new ControlWriter(setup);
    this.#registry = new NodeRegistry(setup);
    this.#remembered = new RevocationMemory(clock, REVOCATIONS);
    this.#commands = this.#feed(keys.control('commands'), {
      deliver: ({ payload }) => {
        this.#obey(payload);
      },
      moved: () => {
        observer.failed('commands to every node', unavailable('expected to have them all'));
      },
    });
    this.#revocations = this.#feed(keys.control('revocations'), {
      deliver: (message) => {
        if (this.#remembered.add(message)) this.#obey(message.payload);
        this.#renewIn(message.position?.epoch);
      },
      moved: ({ epoch }) => {
        this.#renewIn(epoch);
      },
    });
  }

  /** What has to be checked as rooms are. */
  get feeds(): readonly CheckedFeed[] {
    return [this.#commands, this.#revocations];
  }

  /** What brings messages to users and to everyone, among other commands. */
  get direct(): CheckedFeed {
    return this.#commands;
  }

  /** Begins. Resolves when this node gets every command, and has got the revocations before. */
  async start(listener: BrokerListener): Promise<void> {
    this.#listener = listener;
    const answer = (question: NodeQuestion): Promise<NodeAnswer> => listener.answer(question);
    this.#questions = new NodeQuestions({ ...this.setup, registry: this.#registry, answer });
    const { link, clock } = this.setup;
    const opened = [this.#commands, this.#revocations].map(async (entry, index) => {
      await link.subscribe(entry.keys.channel, entry.feed);
      entry.lookedAt = clock.now();
      // Revocations from the first on.
      await entry.feed.open(index === 0 ? undefined : 0);
    });
    await Promise.all([...opened, this.#questions.start()]);
    await this.#registry.enter();
  }

  /** Has every node do something. */
  async command(command: ControlCommand): Promise<void> {
    await this.#writer.command(command);
  }

  /** Asks every node. */
  async ask(question: NodeQuestion): Promise<NodeAnswer[]> {
    if (this.#questions === undefined) throw unavailable('expected the broker to be started');
    return this.#questions.ask(question);
  }

  /** Ends it. */
  async close(): Promise<void> {
    this.#listener = undefined;
    this.#questions?.close();
    for (const { feed, keys } of this.feeds) {
      feed.close();
      void this.setup.link.unsubscribe(keys.channel);
    }
    await this.#registry.leave();
  }

  #feed(
    keys: StreamKeys,
    to: Pick<ConstructorParameters<typeof RoomFeed>[0], 'deliver' | 'moved'>,
  ): CheckedFeed {
    const { clock, observer, store } = this.setup;
    const feed = new RoomFeed({
      ...to,
      top: () => store.top(keys),
      read: (from) => store.history(keys, { direction: 'forwards', from, ...PAGE }),
      forget: () => store.forget(keys),
      observer,
    });
    return { keys, feed, touchedAt: clock.now(), lookedAt: 0 };
  }

  #obey(payload: string | undefined): void {
    try {
      this.#listener?.command(JSON.parse(payload ?? '') as ControlCommand);
    } catch (error) {
      this.setup.observer.failed('command to every node', error);
    }
  }

  /**
   * A store that has lost its tail holds no revocations any more: a node that starts later would let
   * revoked tokens in. Whoever knows them puts them back, all nodes together once.
   */
  #renewIn(epoch: string | undefined): void {
    if (epoch === undefined) return;
    const { observer, publisher } = this.setup;
    for (const publication of this.#remembered.toRenew(epoch)) {
      const operation = { client: epoch, id: publication.id };
      publisher
        .publish(this.#revocations.keys, publication, { history: REVOCATIONS, operation })
        .catch((error: unknown) => {
          observer.failed('keeping revocations', error);
        });
    }
  }
}
