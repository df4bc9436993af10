import type { Clock, HistoryPage, HistoryQuery, Random, StoredPublication } from '../core/index.js';
import type { Position } from '../protocol/index.js';
import { decodeRecord } from './frame.js';
import { RedisCalls } from './redis-calls.js';
import type { StreamKeys } from './redis-keys.js';
import type { RedisLink } from './redis-link.js';
import { RedisScript } from './redis-script.js';

const TOP = RedisScript.load('room', 'top');
const HISTORY = RedisScript.load('room', 'history');

/** What reading rooms needs. */
export interface RoomStoreSetup {
  readonly link: RedisLink;
  readonly clock: Clock;
  readonly random: Random;
  /** Milliseconds a call may take. */
  readonly timeoutMs: number;
  /** Milliseconds a room's position is kept after its last use. */
  readonly metaTtlMs: number;
}

/** Positions and histories of rooms, as the store has them. Rejects with `unavailable`. */
export class RoomStore {
  readonly #calls: RedisCalls;

  constructor(private readonly setup: RoomStoreSetup) {
    const { clock, link, timeoutMs } = setup;
    this.#calls = new RedisCalls({ commands: link.commands, clock, timeoutMs, caller: 'broker' });
  }

  /** The position of a room's last message; a room that is not known begins an epoch. */
  async top({ meta, stream }: StreamKeys): Promise<Position> {
    const { random, metaTtlMs } = this.setup;
    const reply = await this.#calls.script(TOP, [meta, stream], [random.id(), metaTtlMs]);
    const [epoch, offset] = reply as [string, number];
    return { epoch, offset };
  }

  /** A page of what a room holds. */
  async history({ meta, stream }: StreamKeys, query: HistoryQuery): Promise<HistoryPage> {
    const { random, metaTtlMs } = this.setup;
    const { direction, from, limit, bytes } = query;
    const args = [random.id(), metaTtlMs, direction, from ?? '', limit, bytes];
    const reply = await this.#calls.script(HISTORY, [meta, stream], args);
    const [epoch, offset, oldest, ...rest] = reply as [string, number, number, ...unknown[]];
    const messages: StoredPublication[] = [];
    for (let index = 0; index + 1 < rest.length; index += 2) {
      const position = { epoch, offset: Number(rest[index]) };
      messages.push({ ...decodeRecord(String(rest[index + 1])).publication, position });
    }
    return { top: { epoch, offset }, oldest, messages };
  }

  /** Makes the store forget a room. */
  async forget({ meta, stream }: StreamKeys): Promise<void> {
    await this.#calls.command('del', meta, stream);
  }
}
