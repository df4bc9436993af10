import {
  RealtimeError,
  type Clock,
  type Publication,
  type PublishOptions,
  type PublishReceipt,
  type Random,
} from '../core/index.js';
import { ErrorCode, type Durability } from '../protocol/index.js';
import { isPlain } from './frame.js';
import { bytesOf, PublishBatch } from './publish-batch.js';
import type { RedisCommandLink } from './redis-command-link.js';
import type { RedisCommands } from './redis-commands.js';
import { unavailable, unknownOutcome, whyRejected } from './redis-errors.js';
import type { RedisKeys, StreamKeys } from './redis-keys.js';
import { whenReplicated } from './redis-replicas.js';
import { RedisScript } from './redis-script.js';

const PUBLISH = RedisScript.load('room', 'repeats', 'publish');

/** How long the last batch of a node is remembered: an outage that is longer may double it. */
const SENT_TTL_MS = 300_000;

/** Turns of the event loop that messages wait for others at most; less where a turn takes a millisecond. */
const MOST_TURNS = 4;

/** How publishes are made. */
export interface RedisPublisherOptions {
  /** Milliseconds a publish may take. */
  readonly timeoutMs: number;
  /** Milliseconds a room's position is kept after its last use. */
  readonly metaTtlMs: number;
  /** How long publishes are remembered that may be repeated, and how many of one client in a room. */
  readonly operations: { readonly windowMs: number; readonly perClient: number };
  /** Bytes of messages that wait to be sent, or for an answer. */
  readonly maxQueuedBytes: number;
  /** Replicas that have to have a message before its publish resolves. 0: none. */
  readonly replicas: number;
  /**
   * Whether a room that keeps messages already goes on to keep as many: for who does not know the
   * room's class. Default false: what a publish says counts.
   */
  readonly keepsPolicy?: boolean;
}

/** What publishes need. */
export interface RedisPublisherSetup extends RedisPublisherOptions {
  readonly link: RedisCommandLink;
  readonly keys: RedisKeys;
  readonly clock: Clock;
  readonly random: Random;
  /** Names this node among those that publish. */
  readonly node: string;
}

/** What a node publishes into one room: one batch under way, the others behind it. */
interface RoomQueue {
  readonly keys: StreamKeys;
  readonly batches: PublishBatch[];
}

/**
 * Puts messages into rooms. What is published into a room within a turn of the event loop or some, and while
 * the batch before is under way, is one call: so the order of the calls is kept, and a batch whose answer
 * was lost with the connection can be sent again.
 */
export class RedisPublisher {
  readonly #queues = new Map<string, RoomQueue>();
  /** Rooms that got something to send, which they wait for more of. */
  readonly #due = new Set<RoomQueue>();
  /** Whether they wait, for how many turns by now, since when, and whether the last turn brought more. */
  #isGathering = false;
  #turns = 0;
  #gathersSince = 0;
  #hasMore = false;
  readonly #stop: () => void;
  #number = 0;
  #queuedBytes = 0;
  #isClosed = false;

  constructor(private readonly setup: RedisPublisherSetup) {
    this.#stop = setup.link.onReady(() => {
      for (const queue of this.#queues.values()) this.#send(queue);
    });
  }

  /** Bytes that wait to be sent, or for an answer. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /**
   * Puts a message into a room.
   *
   * @throws RealtimeError `unavailable` if it has not taken effect, `timeout` if that is not known,
   * `bad-request` for a payload that is no JSON text.
   */
  async publish(
    keys: StreamKeys,
    publication: Publication,
    options: PublishOptions,
  ): Promise<PublishReceipt> {
    if (this.#isClosed) throw unavailable('expected the broker to be open');
    if (!isPlain(publication.payload)) {
      throw new RealtimeError(ErrorCode.BadRequest, 'payload: expected a JSON text');
    }
    const bytes = bytesOf(publication);
    if (this.#queuedBytes + bytes > this.setup.maxQueuedBytes) {
      throw unavailable('too many messages wait to be published');
    }
    const queue = this.#queues.get(keys.channel) ?? { keys, batches: [] };
    this.#queues.set(keys.channel, queue);
    const last = queue.batches.at(-1);
    const batch = last?.takes(bytes, options) === true ? last : this.#open(queue);
    this.#queuedBytes += bytes;
    this.#schedule(queue);
    return batch.add(publication, options, bytes);
  }

  /** Ends it. What was not sent has not taken effect, of what was nobody knows. */
  close(): void {
    const why = 'the broker was closed';
    this.#isClosed = true;
    this.#stop();
    this.#due.clear();
    for (const { batches } of this.#queues.values()) {
      for (const batch of batches)
        batch.fail(batch.isSent ? unknownOutcome(why) : unavailable(why));
    }
    this.#queues.clear();
  }

  #open(queue: RoomQueue): PublishBatch {
    const { clock, timeoutMs } = this.setup;
    this.#number += 1;
    const batch = new PublishBatch(this.#number);
    batch.cancelDeadline = clock.after(timeoutMs, () => {
      const waited = `within ${String(timeoutMs)} ms`;
      if (batch.isSent) batch.fail(unknownOutcome(`expected an answer ${waited}`));
      else this.#drop(queue, batch, unavailable(`expected a connection ${waited}`));
    });
    queue.batches.push(batch);
    return batch;
  }

  #drop(queue: RoomQueue, batch: PublishBatch, error: Error): void {
    const index = queue.batches.indexOf(batch);
    if (index < 0) return;
    queue.batches.splice(index, 1);
    this.#queuedBytes -= batch.bytes;
    batch.fail(error);
    if (queue.batches.length === 0) this.#queues.delete(queue.keys.channel);
  }

  #schedule(queue: RoomQueue): void {
    this.#due.add(queue);
    this.#hasMore = true;
    if (this.#isGathering) return;
    this.#isGathering = true;
    this.#turns = 0;
    this.#gathersSince = this.setup.clock.now();
    setImmediate(this.#gather);
  }

  /**
   * Goes on waiting as long as each turn brings more, see {@link MOST_TURNS}. A turn of an idle event loop
   * takes microseconds, a call of the script wakes Redis, the nodes that listen, and this one: so what
   * comes together leaves together.
   */
  readonly #gather = (): void => {
    const isIdle = this.setup.clock.now() === this.#gathersSince;
    if (isIdle && this.#hasMore && this.#turns < MOST_TURNS) {
      this.#hasMore = false;
      this.#turns += 1;
      setImmediate(this.#gather);
      return;
    }
    this.#isGathering = false;
    const due = [...this.#due];
    this.#due.clear();
    for (const each of due) this.#send(each);
  };

  /** Sends what is next, unless the batch before it is under way. */
  #send(queue: RoomQueue): void {
    const [batch] = queue.batches;
    if (batch === undefined || batch.isSent || !this.setup.link.isReady) return;
    batch.isSent = true;
    void this.#run(queue, batch);
  }

  async #run(queue: RoomQueue, batch: PublishBatch): Promise<void> {
    try {
      const { reply, durability } = await this.#call(queue.keys, batch);
      batch.settle(reply, durability);
    } catch (error) {
      batch.fail(whyRejected(error));
    }
    if (this.#isClosed) return;
    queue.batches.shift();
    this.#queuedBytes -= batch.bytes;
    if (queue.batches.length > 0) this.#send(queue);
    else if (this.#queues.get(queue.keys.channel) === queue) {
      this.#queues.delete(queue.keys.channel);
    }
  }

  async #call(
    room: StreamKeys,
    batch: PublishBatch,
  ): Promise<{ reply: unknown; durability: Durability }> {
    const { link, keys, node, metaTtlMs, operations, random, replicas, timeoutMs } = this.setup;
    const { keepsPolicy = false } = this.setup;
    const { size, ttlMs, bytes } = batch.policy;
    const encoded = batch.encode(keys, room);
    const run = (client: RedisCommands): Promise<unknown> =>
      PUBLISH.run(
        client,
        [room.meta, room.stream, keys.sent(room, node), ...encoded.keys],
        [
          ...[room.channel, link.publishVerb, random.id(), metaTtlMs, batch.number, SENT_TTL_MS],
          ...[operations.windowMs, operations.perClient, size, ttlMs, bytes],
          keepsPolicy ? 1 : 0,
          ...encoded.args,
        ],
      );
    if (replicas === 0 || !batch.isStored) {
      return { reply: await run(link.commands), durability: 'redis' };
    }
    const isWanted = (): boolean => !batch.isOver;
    const wanted = { replicas, timeoutMs, key: room.meta, isWanted };
    return { reply: await whenReplicated(link.commands, wanted, run), durability: 'replicated' };
  }
}
