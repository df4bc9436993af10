import { history, type RealtimeClient } from 'nestjs-realtime/client';

import type { ClusterContract, Tick } from '../../../sample/02-cluster/src/cluster.contract.js';
import type { HistoryRecord } from '../../checker/history.js';

/** A record before it has its time. */
type Untimed = HistoryRecord extends infer R
  ? R extends HistoryRecord
    ? Omit<R, 't'>
    : never
  : never;

/** Publishes of one client that wait for their confirmation: fewer than a server would refuse as too many. */
const IN_FLIGHT = 5;

/** Many clients of one room, and what they saw, as the checker wants to read it. */
export class ClusterLoad {
  readonly records: HistoryRecord[] = [];
  confirmed = 0;
  readonly #tops = new Map<string, number>();
  #check = () => {};

  constructor(private readonly name: string) {}

  /** Has a client listen to the room. Resolves when it is in. */
  async follow(p: string, client: RealtimeClient<ClusterContract>): Promise<void> {
    const place = { p, room: this.name };
    const room = client.room(`ticks/${this.name}`);
    room.on('subscribed', ({ position, recovered, replayed }) => {
      const verdict = recovered === undefined ? {} : { recovered, replayed };
      const wasRecovering = recovered !== undefined;
      this.#note({ type: 'sub.ok', ...place, ...position, wasRecovering, ...verdict });
    });
    room.on('gap', ({ position, reason }) => {
      this.#note({ type: 'gap', ...place, ...position, reason });
    });
    room.on('tick', (tick, { position }) => {
      if (position === undefined) throw new Error('a stored message has a position');
      this.#note({ type: 'recv', ...place, ...position, id: idOf(tick) });
      this.#tops.set(p, position.offset);
      this.#check();
    });
    this.#note({ type: 'sub.call', ...place });
    await room.subscribe();
  }

  /** Has a client count aloud until it is enough, several messages at a time. Resolves to the last number. */
  async publish(
    p: string,
    client: RealtimeClient<ClusterContract>,
    isEnough: () => boolean,
  ): Promise<number> {
    let number = 0;
    const work = async () => {
      while (!isEnough()) await this.#say(client, { from: p, number: (number += 1) });
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, work));
    return number;
  }

  /** Resolves when so many messages are confirmed. */
  whenConfirmed(count: number): Promise<void> {
    return this.#until(() => this.confirmed >= count);
  }

  /** Resolves when everybody who follows has seen the message with this offset, or a later one. */
  whenAllHave(offset: number): Promise<void> {
    return this.#until(() => [...this.#tops.values()].every((top) => top >= offset));
  }

  /** Reads what the room holds in the end. Resolves to the offset of its last message. */
  async final(client: RealtimeClient<ClusterContract>): Promise<number> {
    const room = `ticks/${this.name}` as const;
    let page = await history(client, room);
    const held = [...page.messages];
    for (let last = held.at(-1)?.position; !page.complete; last = held.at(-1)?.position) {
      page = await history(client, room, { after: last });
      held.push(...page.messages);
    }
    const { epoch, offset } = page.position;
    const messages = held.map(({ position, payload }) => {
      return { offset: position?.offset ?? 0, id: idOf(payload) };
    });
    const oldest = messages[0]?.offset ?? offset + 1;
    this.#note({ type: 'final', p: 'oracle', room: this.name, epoch, oldest, messages });
    return offset;
  }

  async #say(client: RealtimeClient<ClusterContract>, tick: Tick): Promise<void> {
    const { from: p, number: n } = tick;
    const call = { p, id: idOf(tick) };
    this.#note({ type: 'pub.call', ...call, room: this.name, n });
    const receipt = await client.room(`ticks/${this.name}`).publish('tick', tick);
    const { epoch = '', offset = 0, durability } = receipt;
    this.#note({ type: 'pub.ok', ...call, room: this.name, epoch, offset, durability });
    this.confirmed += 1;
    this.#check();
  }

  #until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#check = () => {
        if (holds()) resolve();
      };
      this.#check();
    });
  }

  #note(record: Untimed): void {
    // One process writes all of them: what was written first was first.
    this.records.push({ ...record, t: this.records.length });
  }
}

function idOf({ from, number }: Tick): string {
  return `${from}/${String(number)}`;
}
