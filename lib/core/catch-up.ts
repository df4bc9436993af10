import type { Position, RecoveryReason } from '../protocol/index.js';
import type { HistoryReads } from './history-reads.js';
import { sendStored, type LocalRoom, type Member, type Replay } from './local-room.js';
import type { Clock, HistoryPage, Observer } from './ports/index.js';
import { whyNot } from './recovery.js';
import { encodeMessageBytes } from './room-message.js';
import type { EncodedMessage } from './tail.js';

/** What a replay needs besides its member and room. */
export interface CatchUpDependencies {
  readonly reads: HistoryReads;
  readonly observer: Observer;
  readonly clock: Clock;
}

/**
 * Brings one member from a position in the past to the present: pages of history while its outbox
 * takes them, then, within one turn, what came live since the last page was read, then live.
 *
 * Nothing is buffered for the member: what it has not read yet is in the history, and if it is there
 * no longer the member is told by `gap` and goes on from the present.
 */
export class CatchUp implements Replay {
  #cursor: Position;
  #isOver = false;
  #wake: () => void = () => undefined;

  constructor(
    private readonly deps: CatchUpDependencies,
    private readonly room: LocalRoom,
    private readonly member: Member,
    from: Position,
  ) {
    this.#cursor = from;
  }

  /**
   * Runs until the member is live or gone. Never rejects.
   *
   * @param page read already, from where the member is.
   */
  async run(page?: HistoryPage): Promise<void> {
    const { replays } = this.member;
    try {
      // Pages that have to wait are read again then: those of a hundred rooms are no small thing.
      if (page !== undefined && replays.isFree) await replays.run(() => this.#send(page));
      while (!this.#isOver) await this.#step();
    } catch (error) {
      this.deps.observer.failed('replay of missed messages', error);
      this.#jump('position-unknown');
    }
  }

  /** Joins the member to the live messages if it has seen everything before them. Returns whether it did. */
  goLive(): boolean {
    if (this.#isOver) return true;
    const { position, tail } = this.room;
    if (this.#cursor.epoch !== position.epoch) return this.#jump('epoch-changed');
    for (const message of tail.between(this.#cursor, position) ?? []) {
      if (!this.member.outbox.hasRoom(message.bytes.byteLength)) return false;
      this.#give(message);
    }
    return this.#cursor.offset === position.offset && this.#end();
  }

  moved(): void {
    this.#wake();
  }

  stop(): void {
    this.#isOver = true;
    this.#wake();
  }

  async #step(): Promise<void> {
    if (this.#cursor.offset > this.room.position.offset && !this.goLive()) await this.#wait();
    else await this.member.replays.run(() => this.#readOn());
  }

  /** History was ahead of what is delivered live: that will come. */
  #wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  async #readOn(): Promise<void> {
    await this.member.outbox.ready();
    if (this.goLive()) return;
    await this.#send(await this.deps.reads.read(this.room, this.#cursor));
  }

  async #send(page: HistoryPage): Promise<void> {
    const reason = whyNot(this.#cursor, page);
    if (reason !== undefined) {
      this.#jump(reason);
      return;
    }
    const { outbox } = this.member;
    for (const publication of page.messages) {
      // Sent already from what the room still had, after the page was read.
      if (publication.position.offset <= this.#cursor.offset) continue;
      const bytes = encodeMessageBytes(this.room.name, publication);
      // Asked again after each wait, and nothing between the last time and the sending: others send
      // to this outbox as well.
      for (let full = outbox.ready(bytes.byteLength); full !== undefined;) {
        await full;
        full = outbox.ready(bytes.byteLength);
      }
      if (this.#isOver) return;
      this.#give({ publication, bytes });
    }
    // A history in this process waits for nothing: without this nothing else would ever run.
    if (!this.goLive()) await this.#pause();
  }

  #give(message: EncodedMessage): void {
    sendStored(this.member, this.room.name, message);
    this.#cursor = message.publication.position;
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => this.deps.clock.after(0, resolve));
  }

  /** What comes next is not there any more: says so, and goes on with what is live. */
  #jump(reason: RecoveryReason): boolean {
    if (this.#isOver) return true;
    this.room.tellGap(this.member, reason);
    return this.#end();
  }

  #end(): boolean {
    this.#isOver = true;
    // A gap that was told may have been more than the member's connection takes: then it has left.
    if (this.room.replays.delete(this.member)) this.room.enter(this.member);
    this.room.forgetTail();
    return true;
  }
}
