import type { Position, ServerFrame, SubscribedFrame } from '../../lib/protocol/index.js';

/**
 * A client's view of its rooms, which finds what must not be: a message twice, out of order, after a
 * hole that was not told, or of a room it is not in. Outlives connections, as a client's positions do.
 */
export class StreamReader {
  /** What must not be. */
  readonly faults: string[] = [];
  /** Every frame, in order. */
  readonly frames: ServerFrame[] = [];
  /** Ids of messages, by room, in order. */
  readonly ids = new Map<string, string[]>();
  /** Position and id of every message that has a position. */
  readonly seen: { readonly room: string; readonly position: Position; readonly id: string }[] = [];
  /** How often it was told that something was lost. */
  losses = 0;
  readonly #at = new Map<string, Position>();
  readonly #last = new Map<string, Position>();
  readonly #claims = new Map<string, Partial<Position>>();

  /** Where it is in a room. `undefined`: it is not in it. */
  at(room = 'r'): Position | undefined {
    return this.#at.get(room);
  }

  /** Where it was last in a room, on whatever connection. */
  last(room = 'r'): Position | undefined {
    return this.#last.get(room);
  }

  /** It asked under this id to go on from a position. */
  claim(id: string, from: Partial<Position>): void {
    this.#claims.set(id, from);
  }

  /** Its connection ended. */
  disconnect(): void {
    this.#at.clear();
  }

  read(frames: readonly ServerFrame[]): void {
    for (const frame of frames) {
      this.frames.push(frame);
      if (frame.type === 'subscribed') this.#begin(frame);
      else if (frame.type === 'gap') this.#jump(frame.room, frame);
      else if (frame.type === 'unsubscribed') this.#at.delete(frame.room);
      else if (frame.type === 'position') this.#step(frame.room, frame);
      else if (frame.type === 'message') {
        const { room = '', id, epoch, offset } = frame;
        if (!this.#at.has(room)) this.faults.push(`${id} of a room it is not in`);
        this.ids.set(room, [...(this.ids.get(room) ?? []), id]);
        if (epoch === undefined || offset === undefined) continue;
        this.seen.push({ room, position: { epoch, offset }, id });
        this.#step(room, { epoch, offset });
      }
    }
  }

  #begin({ id = '', room, epoch, offset, recovered, replayed }: SubscribedFrame): void {
    const claimed = this.#claims.get(id) ?? {};
    const hasClaim = claimed.epoch !== undefined || claimed.offset !== undefined;
    if ((recovered !== undefined) !== hasClaim) this.faults.push('a verdict out of place');
    if (recovered === false) this.losses += 1;
    if (recovered !== true) {
      this.#move(room, { epoch, offset });
      return;
    }
    if (claimed.epoch !== epoch) this.faults.push('recovered from another epoch');
    if ((claimed.offset ?? 0) + (replayed ?? 0) !== offset) this.faults.push('a wrong number');
    this.#move(room, { epoch, offset: claimed.offset ?? 0 });
  }

  #jump(room: string, to: Position): void {
    this.losses += 1;
    const at = this.#at.get(room);
    if (at === undefined) this.faults.push('a gap in a room it is not in');
    else if (at.epoch === to.epoch && at.offset >= to.offset) this.faults.push('a gap backwards');
    this.#move(room, to);
  }

  #step(room: string, to: Position): void {
    const at = this.#at.get(room);
    if (at?.epoch !== to.epoch || to.offset !== at.offset + 1) {
      this.faults.push(`${JSON.stringify(to)} after ${JSON.stringify(at)}`);
    }
    this.#move(room, to);
  }

  #move(room: string, { epoch, offset }: Position): void {
    this.#at.set(room, { epoch, offset });
    this.#last.set(room, { epoch, offset });
  }
}
