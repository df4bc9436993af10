import { MessageBundle } from './message-bundle.js';
import type { Outbox } from './outbox.js';
import type { VolatileMessage } from './volatile-backlog.js';

/** A receiver, as far as sending is concerned. */
interface Receiver {
  readonly outbox: Outbox;
}

/**
 * Sends messages to everyone in a room. Those of one turn of the event loop go in one bundle, so that
 * only the first of them visits every member; whoever is behind, or has something else in between, is
 * sent each by itself.
 */
export class RoomFanOut<Member extends Receiver> {
  readonly #members = new Set<Member>();
  #bundle: MessageBundle | undefined;
  /** Members that have not taken the bundle. */
  #apart: Member[] = [];

  /** Who gets every message. */
  get members(): ReadonlySet<Member> {
    return this.#members;
  }

  /** From now on it gets every message. */
  add(member: Member): void {
    this.#end();
    this.#members.add(member);
  }

  /** It gets no more. */
  delete(member: Member): void {
    if (this.#members.delete(member)) this.#end();
  }

  /** Sends a message to every member. */
  send(message: Uint8Array): void {
    this.#give(message);
    for (const { outbox } of this.#apart) outbox.sendEncoded(message, message.byteLength);
  }

  /** Sends a volatile message to every member who is not behind. */
  sendVolatile(message: VolatileMessage): void {
    this.#give(message.bytes);
    for (const { outbox } of this.#apart) outbox.sendVolatile(message);
  }

  /** To those who take the bundle; the others are {@link #apart}. */
  #give(message: Uint8Array): void {
    if (this.#bundle?.add(message) !== true) this.#begin(message);
  }

  #begin(message: Uint8Array): void {
    const bundle = new MessageBundle();
    const fits = bundle.add(message);
    this.#apart = [];
    for (const member of this.#members) {
      if (!fits || !member.outbox.take(bundle)) this.#apart.push(member);
    }
    // Where nobody has taken it nobody would ever close it.
    this.#bundle = this.#apart.length < this.#members.size ? bundle : undefined;
  }

  /** What comes next goes to other members. */
  #end(): void {
    this.#bundle?.close();
    this.#bundle = undefined;
  }
}
