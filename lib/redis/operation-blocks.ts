import type { Operation } from '../core/index.js';
import type { RedisKeys, StreamKeys } from './redis-keys.js';
import type { ScriptArgument } from './redis-script.js';

/**
 * How many numbers a block is for. A publish that comes alone has the rest of its block read and written
 * with it; one of a hundred that come together has few blocks to pay for.
 */
const BLOCK_SIZE = 16;

/** Digits at the end of a name that are taken for a number: as many as a number holds exactly. */
const MOST_DIGITS = 15;

const ZERO = 48;
const NINE = 57;

/** Stands before each operation; no JSON text has such a character. */
const RECORD = '\u001e';

/** An operation's place among those that are kept together. */
interface BlockPlace {
  readonly block: string;
  /** 0 to {@link BLOCK_SIZE} - 1. */
  readonly member: number;
}

/** What a client's operations of one block say to the script. */
interface Block {
  count: number;
  text: string;
}

/**
 * Where an operation is kept: with those whose names end with a number near its own, for clients count;
 * one whose name ends otherwise has a block of its own. Injective; each block's name has a space, which the
 * script relies on.
 */
export function blockOf(id: string): BlockPlace {
  let start = id.length;
  const lowest = Math.max(0, id.length - MOST_DIGITS);
  while (start > lowest && isDigit(id.charCodeAt(start - 1))) start -= 1;
  // A number begins with no zero, apart from zero itself: `07` is another name than `7`.
  while (start < id.length - 1 && id.charCodeAt(start) === ZERO) start += 1;
  if (start === id.length) return { block: `${id} `, member: 0 };
  const number = Number(id.slice(start));
  const member = number % BLOCK_SIZE;
  return { block: `${id.slice(0, start)} ${String((number - member) / BLOCK_SIZE)}`, member };
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE;
}

/** The operations of a batch, by client and block, as `scripts/repeats.lua` takes them. */
export class OperationBlocks {
  readonly #clients = new Map<string, Map<string, Block>>();

  /**
   * Adds one that the others do not have.
   *
   * @param index number of its message in the batch, from 1 on.
   * @param delta how far its message is behind the batch's first position, if none repeats; 0 for a
   *   volatile one, which has no position.
   * @param name of its message.
   */
  add({ client, id }: Operation, index: number, delta: number, name: string): void {
    const { block, member } = blockOf(id);
    let blocks = this.#clients.get(client);
    if (blocks === undefined) {
      blocks = new Map();
      this.#clients.set(client, blocks);
    }
    // As JSON, which has no separators in it.
    const entry = `${RECORD}${String(member)} ${String(index)} ${String(delta)} ${JSON.stringify(name)}`;
    const known = blocks.get(block);
    if (known === undefined) {
      blocks.set(block, { count: 1, text: entry });
    } else {
      known.count += 1;
      known.text += entry;
    }
  }

  /**
   * Keys of the clients, and the arguments.
   *
   * @param firstKey the place that the first of the keys will have among the script's, from 1 on.
   */
  encode(
    keys: RedisKeys,
    room: StreamKeys,
    firstKey: number,
  ): { keys: string[]; args: ScriptArgument[] } {
    const clientKeys: string[] = [];
    const args: ScriptArgument[] = [];
    for (const [client, blocks] of this.#clients) {
      const place = firstKey + clientKeys.length;
      clientKeys.push(...keys.operations(room, { client }));
      for (const [block, { count, text }] of blocks) args.push(place, block, count, text);
    }
    return { keys: clientKeys, args };
  }
}
