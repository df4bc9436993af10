import type { HelloFrame } from '../protocol/index.js';
import type { AnyFrame } from './tab-frame.js';

/** Of a client's key, in front of its ids: they have to be the same on its next socket, for a repeat. 48 random bits. */
const PREFIX_CHARACTERS = 12;

/** What a frame grows by when it is tagged, at most: prefix and dot, or an id where it had none. */
export const MAX_TAG_BYTES = 32;

/** One socket that shares the connection. */
export class TabMember {
  hello: HelloFrame | undefined;
  readonly rooms = new Set<string>();
  /** The ids under which its client watches who is in a room. */
  readonly watched = new Map<string, string>();

  constructor(
    readonly name: string,
    readonly url: string,
  ) {}

  /** What its ids get in front: the same for each socket of its client. */
  get prefix(): string {
    return this.hello?.clientKey?.slice(0, PREFIX_CHARACTERS) ?? this.name;
  }

  /** The rooms of its hello, asked for one by one. */
  wishes(): AnyFrame[] {
    return (this.hello?.rooms ?? []).map((wish, index) => {
      this.rooms.add(wish.room);
      return { type: 'subscribe', id: `${this.prefix}.hello-${String(index)}`, ...wish };
    });
  }

  /** A frame under an id that no other socket uses. Those without an id are given one, to find the answer's way back. */
  tag(frame: AnyFrame): AnyFrame & { readonly id: string } {
    return { ...frame, id: `${this.prefix}.${frame.id ?? ''}` };
  }

  /** The answer as the client expects it. */
  untag(frame: AnyFrame, id: string): AnyFrame {
    if (!id.startsWith('hello-')) return { ...frame, id: id || undefined };
    // Answers about the rooms of a hello carry no id, and refusals are no errors.
    if (frame.type !== 'error') return { ...frame, id: undefined };
    const room = this.hello?.rooms?.[Number(id.slice('hello-'.length))]?.room;
    return { type: 'unsubscribed', room, reason: frame.code };
  }
}
