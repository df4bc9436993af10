import type { DeliveredPublication, HistoryPage, Observer } from '../core/index.js';
import type { Position } from '../protocol/index.js';
import { decodeFrame, type Frame } from './frame.js';
import type { ChannelListener } from './redis-channels.js';
import { unavailable } from './redis-errors.js';

/** What a feed needs of the store, and where its messages go. */
export interface FeedSetup {
  /** The room's position in the store. */
  top(): Promise<Position>;
  /** Messages after an offset, forwards. */
  read(from: number): Promise<HistoryPage>;
  /** Makes the store forget the room: its position went back, so the epoch means two things. */
  forget(): Promise<void>;
  /** A message, in its place. */
  deliver(message: DeliveredPublication): void;
  /** The stream goes on after this position; what came before may be lost, and no message tells so. */
  moved(position: Position): void;
  readonly observer: Pick<Observer, 'failed'>;
}

/** Characters of frames that wait until what is before them is read. Beyond, they are read themselves. */
export const HELD_LENGTH = 1_048_576;

interface Held {
  readonly frame: Frame;
  /** Counts what has arrived. */
  readonly arrival: number;
}

/**
 * The stream of one room as this node gets it: in order and without a hole as far as the store has it,
 * whatever the channel loses, doubles or delays. A frame that does not follow on what was delivered waits
 * until what is between was read from history; that also tells an epoch that begins from one that is over.
 */
export class RoomFeed implements ChannelListener {
  /** Of the last message that was delivered; known once the feed is open. */
  #position: Position | undefined;
  #held: Held[] = [];
  #heldLength = 0;
  #arrivals = 0;
  #healing: Promise<boolean> | undefined;
  /** What is read now began too early: it is read once more. */
  #again = false;
  /** Whether something was lost and no message delivered since. */
  #isTorn = false;
  #isClosed = false;

  constructor(private readonly setup: FeedSetup) {}

  /** Position of the last message that was delivered. `undefined` before the feed is open. */
  get position(): Position | undefined {
    return this.#position;
  }

  /** Whether it reads what it has missed. */
  get isHealing(): boolean {
    return this.#healing !== undefined;
  }

  /**
   * Begins at the room's top. The channel has to be subscribed to by then.
   *
   * @param from begins after this offset instead, with what history still holds.
   * @throws RealtimeError `unavailable` if that could not be read.
   */
  async open(from?: number): Promise<Position> {
    const arrivals = this.#arrivals;
    const top = await this.setup.top();
    this.#position = from === undefined ? top : { epoch: top.epoch, offset: from };
    if (from === undefined) this.#release(arrivals);
    const isWhole = (!this.#again && from === undefined) || (await this.heal());
    // Whoever wants what is held does not begin without it; a room's loss is told later.
    if (!isWhole && from !== undefined) throw unavailable('expected what the store holds');
    return top;
  }

  /** {@inheritDoc ChannelListener.message} */
  message(text: string): void {
    if (this.#isClosed) return;
    try {
      this.#take(decodeFrame(text));
    } catch (error) {
      // Somebody else writes to our channel: nothing that could be delivered.
      this.setup.observer.failed('message of a room’s channel', error);
    }
  }

  /** {@inheritDoc ChannelListener.missed} */
  missed(): void {
    if (this.#position !== undefined) void this.heal();
  }

  /** Delivers nothing any more. */
  close(): void {
    this.#isClosed = true;
    this.#held = [];
  }

  /**
   * Reads what is missing up to the room's top. Never rejects; what fails is tried again later.
   *
   * @returns whether it is all there.
   */
  heal(): Promise<boolean> {
    this.#again = true;
    this.#healing ??= this.#heal().finally(() => {
      this.#healing = undefined;
    });
    return this.#healing;
  }

  #take(frame: Frame): void {
    this.#arrivals += 1;
    const position = this.#position;
    if (position === undefined || this.#healing !== undefined) {
      this.#hold(frame);
    } else if (frame.epoch === position.epoch && frame.before <= position.offset) {
      this.#give(frame);
    } else {
      this.#hold(frame);
      void this.heal();
    }
  }

  #hold(frame: Frame): void {
    this.#held.push({ frame, arrival: this.#arrivals });
    this.#heldLength += frame.bytes;
    if (this.#heldLength <= HELD_LENGTH) return;
    // History has them as well, but for the volatile ones.
    this.#held = [];
    this.#heldLength = 0;
    this.#again = true;
  }

  async #heal(): Promise<boolean> {
    try {
      while (this.#again && !this.#isClosed) {
        this.#again = false;
        const arrivals = this.#arrivals;
        await this.#readOn();
        this.#release(arrivals);
      }
      return true;
    } catch (error) {
      this.setup.observer.failed('reading what a room’s channel has not brought', error);
      return false;
    }
  }

  /** Delivers what history holds, up to the top. */
  async #readOn(): Promise<void> {
    for (let isOver = false; !isOver;) {
      const from = this.#position?.offset ?? 0;
      const page = await this.setup.read(from);
      if (this.#isClosed) return;
      isOver = await this.#advance(page, from);
    }
    if (!this.#isTorn || this.#position === undefined) return;
    this.#isTorn = false;
    this.setup.moved(this.#position);
  }

  /** Returns whether nothing more has to be read. */
  async #advance({ top, messages }: HistoryPage, from: number): Promise<boolean> {
    if (top.epoch !== this.#position?.epoch) {
      this.#position = { epoch: top.epoch, offset: 0 };
      this.#isTorn = true;
      if (from > 0) return false;
    } else if (top.offset < from) {
      // Not by any fail-over, those begin an epoch: somebody has changed what is ours.
      await this.setup.forget();
      return false;
    }
    for (const message of messages) {
      if (message.position.offset > this.#position.offset) this.#deliver(message);
    }
    if (messages.length === 0 && this.#position.offset < top.offset) {
      this.#position = top;
      this.#isTorn = true;
    }
    return this.#position.offset >= top.offset;
  }

  /** Delivers what waited; keeps what came after the store was asked, and does not follow. */
  #release(arrivals: number): void {
    const held = this.#held;
    this.#held = [];
    this.#heldLength = 0;
    for (const { frame, arrival } of held) {
      const position = this.#position;
      if (frame.epoch === position?.epoch && frame.before <= position.offset) this.#give(frame);
      else if (arrival > arrivals) {
        this.#held.push({ frame, arrival });
        this.#heldLength += frame.bytes;
        this.#again = true;
      }
      // Else it is of an epoch that is over, or was read.
    }
  }

  #give({ epoch, before, items }: Frame): void {
    // What a late frame has of volatile messages is older than what was delivered.
    const isLate = before < (this.#position?.offset ?? 0);
    let offset = before;
    for (const { publication, isVolatile } of items) {
      if (isVolatile) {
        if (!isLate) this.setup.deliver(publication);
        continue;
      }
      offset += 1;
      if (offset > (this.#position?.offset ?? 0)) {
        this.#deliver({ ...publication, position: { epoch, offset } });
      }
    }
  }

  #deliver(message: DeliveredPublication & { readonly position: Position }): void {
    this.#position = message.position;
    this.#isTorn = false;
    this.setup.deliver(message);
  }
}
