import type { ClientFrame, Position, ServerFrame } from '../../lib/protocol/index.js';
import type { Note, Said } from './recorder.js';

/**
 * Stands beside a client on one link and writes down what the server sends, as a subscriber that
 * trusts it would see it. The SDK notices a server's mistakes and makes up for them; here they show.
 *
 * Each subscription is a subscriber of its own, because a client may ask for messages again.
 */
export class Witness {
  /** Positions that were claimed, by the id of the question, or by room for those of a hello. */
  readonly #claims = new Map<string, Partial<Position>>();
  /** Who listens to a room now. */
  readonly #subscribers = new Map<string, string>();
  #count = 0;

  constructor(
    private readonly link: string,
    private readonly note: Note,
  ) {}

  /** The client sends a frame. */
  sent(text: string): void {
    const frame = JSON.parse(text) as ClientFrame;
    if (frame.type === 'hello') {
      for (const { room, ...claim } of frame.rooms ?? []) this.#claims.set(`hello ${room}`, claim);
    } else if (frame.type === 'subscribe') this.#claims.set(frame.id, frame);
  }

  /** A frame of the server arrives. */
  heard(text: string): void {
    const frame = JSON.parse(text) as ServerFrame;
    if (!('room' in frame)) return;
    if (frame.type === 'subscribed') this.#begin(frame);
    const { room } = frame;
    const p = this.#subscribers.get(room);
    if (p === undefined) return;
    if (frame.type === 'unsubscribed') this.#end(room);
    else if (frame.type === 'gap') {
      const { epoch, offset, reason } = frame;
      this.note({ type: 'gap', p, room, epoch, offset, reason });
    } else if (frame.type === 'message') {
      const { epoch = '', offset = -1, payload } = frame;
      this.note({ type: 'recv', p, room, epoch, offset, id: (payload as Said).id });
    }
  }

  /** The link is gone, as far as the client knows. */
  lost(): void {
    for (const room of [...this.#subscribers.keys()]) this.#end(room);
  }

  #end(room: string): void {
    const p = this.#subscribers.get(room);
    this.#subscribers.delete(room);
    if (p !== undefined) this.note({ type: 'sub.end', p, room });
  }

  /** A stream that is continued begins, for a new subscriber, where the client has claimed to be. */
  #begin({ id, room, epoch, offset, recovered }: ServerFrame & { type: 'subscribed' }): void {
    this.#end(room);
    this.#count += 1;
    const p = `${this.link} subscription ${String(this.#count)}`;
    this.#subscribers.set(room, p);
    const claim = this.#claims.get(id ?? `hello ${room}`);
    const from = recovered === true && claim?.offset !== undefined ? claim.offset : offset;
    this.note({ type: 'sub.ok', p, room, epoch, offset: from, wasRecovering: false });
  }
}
