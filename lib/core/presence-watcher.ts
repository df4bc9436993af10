import type { Outbox } from './outbox.js';
import type { PresenceChange } from './ports/index.js';
import { isListable, MAX_LIST_LENGTH, type PresenceBatch } from './presence-frames.js';

/** Changes that are held back for one watcher while the state is read. */
const MAX_HELD = 1_000;

/** One connection that wants to hear of a room's presence, and what it knows of it. */
export class PresenceWatcher {
  /** Whether the client holds a list of members that changes can be applied to. */
  lists = false;
  /** Whether the client was told the state. */
  hasBegun = false;
  /** The version the client knows. `undefined`: it waits for the state. */
  #version: number | undefined;
  /** How many users it was told of last. */
  #total = 0;
  #held: PresenceChange[] = [];
  /** The latest change that was not kept. */
  #dropped: PresenceChange | undefined;
  /** Whether changes may have been lost while it waits. */
  #hasMissed = false;

  /** @param mayList whether it may ever be told who is there. */
  constructor(
    readonly outbox: Pick<Outbox, 'sendEncoded' | 'untilRoom'>,
    public mayList: boolean,
  ) {}

  /** How many users it was told of last. */
  get total(): number {
    return this.#total;
  }

  /** Whether it waits for the state. */
  get isWaiting(): boolean {
    return this.#version === undefined;
  }

  /** Holds back changes from now on, for the state that is going to be read. */
  wait(): void {
    this.#version = undefined;
    this.#held = [];
    this.#dropped = undefined;
    this.#hasMissed = false;
  }

  /** Changes may have been lost while it waits. */
  miss(): void {
    this.#hasMissed = true;
  }

  /** A change has come while it waits. */
  hold(change: PresenceChange): void {
    if (this.#dropped === undefined && this.#held.length < MAX_HELD) this.#held.push(change);
    else this.#dropped = change;
  }

  /** Whether changes after this version are held without a hole. A number needs the last one only. */
  canFollow(version: number, lists: boolean): boolean {
    if (this.#hasMissed) return false;
    return !lists || this.#dropped === undefined || this.#dropped.version <= version;
  }

  /** The client was told the state at this version. Returns what came meanwhile. */
  follow(version: number, total: number, lists: boolean): readonly PresenceChange[] {
    this.#version = version;
    this.#total = total;
    this.lists = lists;
    this.hasBegun = true;
    const held = [...this.#held, ...(this.#dropped === undefined ? [] : [this.#dropped])];
    this.#held = [];
    this.#dropped = undefined;
    return held;
  }

  /** Tells the client what of a batch it does not know. */
  tell(batch: PresenceBatch): void {
    if (this.#version === undefined) return;
    const news = batch.after(this.#version);
    if (news === undefined) return;
    this.#version = news.version;
    if (this.lists && isListable(news.total)) {
      const { list } = news;
      // Whoever came has gone again.
      if (list === undefined) return;
      if (list.length <= MAX_LIST_LENGTH) {
        this.#send(list, news.total);
        return;
      }
      this.mayList = false;
    }
    this.#tellTotal(news.total, news.count);
  }

  /** Makes void the list that the client has, if it has one. */
  forget(countText: string): void {
    if (!this.lists) return;
    this.lists = false;
    this.outbox.sendEncoded(countText, countText.length);
  }

  /** From here on the client has a number only. */
  #tellTotal(total: number, text: string): void {
    if (!this.lists && total === this.#total) return;
    this.lists = false;
    this.#send(text, total);
  }

  #send(text: string, total: number): void {
    this.#total = total;
    this.outbox.sendEncoded(text, text.length);
  }
}
