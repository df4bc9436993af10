import type {
  HistoryPolicy,
  Operation,
  Publication,
  PublishOptions,
  PublishReceipt,
} from '../core/index.js';
import type { Durability } from '../protocol/index.js';
import { decodeReceipt, encodeRecord } from './frame.js';
import { OperationBlocks } from './operation-blocks.js';
import type { RedisKeys, StreamKeys } from './redis-keys.js';
import type { ScriptArgument } from './redis-script.js';

/** Most messages that one call of the script appends: others wait while it runs. */
const MOST_ITEMS = 128;

/** Most bytes of messages that one call is given, as long as it is more than one message. */
const MOST_BYTES = 262_144;

/** Place of the first client's first hash among the keys of `publish.lua`. */
const FIRST_CLIENT_KEY = 4;

/** Counted for each message besides its payload, as every broker counts it; `history.lua` has it too. */
export const MESSAGE_OVERHEAD_BYTES = 256;

interface BatchItem {
  readonly publication: Publication;
  readonly isVolatile: boolean;
  readonly bytes: number;
  readonly operation: Operation | undefined;
  readonly resolve: (receipt: PublishReceipt) => void;
  readonly reject: (error: Error) => void;
}

/** What a message counts in a history and in what waits to be sent. */
export function bytesOf({ payload }: Publication): number {
  return MESSAGE_OVERHEAD_BYTES + (payload === undefined ? 0 : Buffer.byteLength(payload));
}

/** Publishes of one node into one room, in their order, that one call of the script makes. */
export class PublishBatch {
  readonly #items: BatchItem[] = [];
  /** What comes of its operations, by client and id. */
  readonly #operations = new Map<string, Map<string, Promise<PublishReceipt>>>();
  #policy: HistoryPolicy | undefined;
  #bytes = 0;
  /** Whether it was handed to the connection: then an end without an answer says nothing. */
  isSent = false;
  /** Whether everybody was told how it ended. */
  isOver = false;
  /** Stops what waits for it to take too long. */
  cancelDeadline: () => void = () => undefined;

  /** @param number rises with each batch of a node: a batch that comes again has the same. */
  constructor(readonly number: number) {}

  /** Bytes of its messages. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether a publish can join it: it has not begun, is not full, and keeps what the others keep. */
  takes(bytes: number, { history }: PublishOptions): boolean {
    if (this.isSent || this.#items.length >= MOST_ITEMS) return false;
    if (this.#bytes + bytes > MOST_BYTES) return false;
    return history === 'volatile' || this.#policy === undefined || isSame(history, this.#policy);
  }

  /** Adds a publish. One that repeats another of the same batch gets what comes of that (B13). */
  add(
    publication: Publication,
    { history, operation }: PublishOptions,
    bytes: number,
  ): Promise<PublishReceipt> {
    this.#bytes += bytes;
    const ofClient = operation === undefined ? undefined : this.#ofClient(operation.client);
    const first = operation === undefined ? undefined : ofClient?.get(operation.id);
    if (first !== undefined) return first;
    const isVolatile = history === 'volatile';
    if (!isVolatile) this.#policy = history;
    const receipt = new Promise<PublishReceipt>((resolve, reject) => {
      this.#items.push({ publication, isVolatile, bytes, operation, resolve, reject });
    });
    if (operation !== undefined) ofClient?.set(operation.id, receipt);
    return receipt;
  }

  #ofClient(client: string): Map<string, Promise<PublishReceipt>> {
    const known = this.#operations.get(client);
    if (known !== undefined) return known;
    const added = new Map<string, Promise<PublishReceipt>>();
    this.#operations.set(client, added);
    return added;
  }

  /** Keys of the clients' operations, and the arguments of the items: see `scripts/publish.lua`. */
  encode(keys: RedisKeys, room: StreamKeys): { keys: string[]; args: ScriptArgument[] } {
    const args: ScriptArgument[] = [this.#items.length];
    const blocks = new OperationBlocks();
    let delta = 0;
    for (const [index, { publication, isVolatile, bytes, operation }] of this.#items.entries()) {
      args.push(bytes, encodeRecord(publication, isVolatile));
      if (!isVolatile) delta += 1;
      if (operation === undefined) continue;
      blocks.add(operation, index + 1, isVolatile ? 0 : delta, publication.id);
    }
    const operations = blocks.encode(keys, room, FIRST_CLIENT_KEY);
    return { keys: operations.keys, args: [...args, ...operations.args] };
  }

  /** What is kept of the room. */
  get policy(): HistoryPolicy {
    return this.#policy ?? { size: 0, ttlMs: 0, bytes: 0 };
  }

  /** Whether anything of it has a position. */
  get isStored(): boolean {
    return this.#policy !== undefined;
  }

  /** Passes on what the script says. */
  settle(reply: unknown, durability: Durability): void {
    this.cancelDeadline();
    this.isOver = true;
    const [epoch, before, ...repeats] = reply as [string, number, ...(number | string)[]];
    const first = firstReceipts(repeats);
    let top = before;
    for (const [index, { publication, isVolatile, resolve }] of this.#items.entries()) {
      const repeated = first.get(index + 1);
      if (repeated === undefined && !isVolatile) top += 1;
      const offset = isVolatile ? 0 : top;
      const receipt = repeated ?? { id: publication.id, epoch, offset };
      if (receipt.offset === 0) resolve({ id: receipt.id, durability: 'none' });
      else {
        const position = { epoch: receipt.epoch, offset: receipt.offset };
        resolve({ id: receipt.id, position, durability });
      }
    }
  }

  /** Tells everybody that it came to nothing, or that nobody knows. */
  fail(error: Error): void {
    this.cancelDeadline();
    this.isOver = true;
    for (const { reject } of this.#items) reject(error);
  }
}

/** By the number of the message in the batch: the receipts of publishes that were repeated. */
function firstReceipts(
  repeats: readonly (number | string)[],
): Map<number, ReturnType<typeof decodeReceipt>> {
  const receipts = new Map<number, ReturnType<typeof decodeReceipt>>();
  for (let index = 0; index + 1 < repeats.length; index += 2) {
    receipts.set(Number(repeats[index]), decodeReceipt(String(repeats[index + 1])));
  }
  return receipts;
}

function isSame(a: HistoryPolicy, b: HistoryPolicy): boolean {
  return a === b || (a.size === b.size && a.ttlMs === b.ttlMs && a.bytes === b.bytes);
}
