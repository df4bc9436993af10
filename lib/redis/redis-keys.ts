import type { Operation } from '../core/index.js';

/** What every key and channel begins with unless told otherwise. */
export const DEFAULT_PREFIX = 'realtime';

/**
 * A name as it stands in keys. Injective: what is not plain is percent-encoded, as UTF-8; half of a
 * surrogate pair, which UTF-8 does not have, as `%u` and four digits.
 */
export function encodeName(name: string): string {
  return name.replace(/[^\w.~@:\-/]+/gu, (text) => Array.from(text, encodeCharacter).join(''));
}

/**
 * The part of a key that decides on its slot in a cluster, braces included: everything that belongs
 * to one name (a room, a client) has the same. Never empty: Redis would take `{}` for no tag at all.
 */
export function hashTag(name: string): string {
  return `{${name === '' ? '%' : encodeName(name)}}`;
}

function encodeCharacter(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code >= 0xd800 && code <= 0xdfff) return `%u${code.toString(16)}`;
  return Array.from(
    Buffer.from(character),
    (byte) => `%${byte.toString(16).padStart(2, '0')}`,
  ).join('');
}

/** Keys and channel of one room, or of one of the streams that nodes talk to each other by. */
export interface StreamKeys {
  /** Hash: epoch, offset, bytes, ttl, bounds (most messages and bytes), generation, kept (when it was said to stay). */
  readonly meta: string;
  /** Stream: the messages that are held, some in each entry; see `scripts/room.lua`. */
  readonly stream: string;
  /** Where messages are published as they come. */
  readonly channel: string;
}

/**
 * The names of everything in Redis. Users' data stand in keys only encoded. All keys of a room, and its
 * channel, have one hash tag, so that a script touches one slot.
 */
export class RedisKeys {
  /** @param prefix what every key begins with; applications that share a Redis have different ones. */
  constructor(readonly prefix: string = DEFAULT_PREFIX) {}

  /** Of a room. */
  room(name: string): StreamKeys {
    return this.#stream('room', name);
  }

  /** Of a stream of commands. Apart from rooms, whatever their names. */
  control(name: string): StreamKeys {
    return this.#stream('control', name);
  }

  /** Two hashes: the latest operations of one client in a room, in blocks. They are written to in turn. */
  operations({ stream }: StreamKeys, { client }: Pick<Operation, 'client'>): [string, string] {
    const first = `${stream}:repeats:${encodeName(client)}`;
    // No encoded name has this character.
    return [first, `${first}+`];
  }

  /** String: the last batch of publishes that a node has put into a room. */
  sent({ stream }: StreamKeys, node: string): string {
    return `${stream}:sent:${node}`;
  }

  /** String: how far the limits of one key are used. */
  rate(key: string): string {
    return `${this.prefix}:rate:${hashTag(key)}`;
  }

  /** Sorted set: nodes that live, by the time their leases are over. */
  get nodes(): string {
    return `${this.prefix}:nodes:{nodes}`;
  }

  /** Channel: questions and answers for one node. */
  inbox(node: string): string {
    return `${this.prefix}:inbox:{${node}}`;
  }

  /** Channel: what a connection sends to itself to know that it lives. */
  probe(name: string): string {
    return `${this.prefix}:probe:{${name}}`;
  }

  #stream(kind: 'room' | 'control', name: string): StreamKeys {
    const base = `${this.prefix}:${kind}:${hashTag(name)}`;
    return { meta: `${base}:meta`, stream: `${base}:stream`, channel: `${base}:live` };
  }
}
