import {
  encodeServerFrame,
  MAX_PRESENCE_MEMBERS,
  type PresenceChangeFrame,
  type PresenceMember,
} from '../protocol/index.js';
import type { PresenceChange, PresenceSnapshot } from './ports/index.js';

/**
 * Longest text of a frame that lists members: half of what may wait for a peer. Longer ones tell the
 * number only. Stops a few members with much info from closing everybody who watches as too slow.
 */
export const MAX_LIST_LENGTH = 524_288;

/** The text of a frame about a room's members, and whether it lists them. */
export interface PresenceText {
  readonly text: string;
  readonly lists: boolean;
}

/** Whether the members of a room with so many users are listed. */
export function isListable(total: number): boolean {
  return total <= MAX_PRESENCE_MEMBERS;
}

/** Who is in a room, as the answer of a request. */
export function stateText(
  room: string,
  id: string,
  { total, members }: PresenceSnapshot,
  lists: boolean,
): PresenceText {
  const count = { type: 'presence', id, room, total } as const;
  if (lists && isListable(total)) {
    const text = encodeServerFrame({ ...count, members });
    if (text.length <= MAX_LIST_LENGTH) return { text, lists: true };
  }
  return { text: encodeServerFrame(count), lists: false };
}

/** Who is in a room, for one whose list, if it had one, has become void by the frame before. */
export function restatedText(
  room: string,
  snapshot: PresenceSnapshot,
  lists: boolean,
): PresenceText {
  const { total, members } = snapshot;
  if (lists && isListable(total)) {
    const text = encodeServerFrame({ type: 'presence-change', room, total, joined: members });
    if (text.length <= MAX_LIST_LENGTH) return { text, lists: true };
  }
  return { text: countText(room, total), lists: false };
}

/** How many users are in a room. */
export function countText(room: string, total: number): string {
  return encodeServerFrame({ type: 'presence-change', room, total });
}

/** Changes of a room that are told in one frame. Encoded once, however many it is told to. */
export class PresenceBatch {
  #list: { readonly text: string | undefined } | undefined;
  #count: string | undefined;

  /** @param changes in the order of their versions; at least one. */
  constructor(
    private readonly room: string,
    private readonly changes: readonly [PresenceChange, ...PresenceChange[]],
  ) {}

  /** The version that it leads to. */
  get version(): number {
    return this.#last.version;
  }

  /** How many users there are after it. */
  get total(): number {
    return this.#last.total;
  }

  /** What of it is later than a version; `undefined`: nothing. */
  after(version: number): PresenceBatch | undefined {
    if (this.changes[0].version > version) return this;
    return batchOf(
      this.room,
      this.changes.filter((change) => change.version > version),
    );
  }

  /** Who has come, changed and gone; `undefined`: all is as it was before. */
  get list(): string | undefined {
    this.#list ??= { text: this.#encodeList() };
    return this.#list.text;
  }

  /** How many users there are. */
  get count(): string {
    this.#count ??= countText(this.room, this.total);
    return this.#count;
  }

  get #last(): PresenceChange {
    return this.changes.at(-1) ?? this.changes[0];
  }

  #encodeList(): string | undefined {
    const joined: PresenceMember[] = [];
    const updated: PresenceMember[] = [];
    const left: string[] = [];
    for (const [userId, { wasThere, member }] of this.#byUser()) {
      if (member !== undefined) (wasThere ? updated : joined).push(member);
      else if (wasThere) left.push(userId);
    }
    if (joined.length + updated.length + left.length === 0) return undefined;
    const frame: PresenceChangeFrame = {
      type: 'presence-change',
      room: this.room,
      total: this.total,
      ...(joined.length === 0 ? {} : { joined }),
      ...(updated.length === 0 ? {} : { updated }),
      ...(left.length === 0 ? {} : { left }),
    };
    return encodeServerFrame(frame);
  }

  /** Of each user: whether it was there before all of this, and as what it is there now. */
  #byUser(): Map<string, { wasThere: boolean; member: PresenceMember | undefined }> {
    const users = new Map<string, { wasThere: boolean; member: PresenceMember | undefined }>();
    for (const { userId, member, hasJoined } of this.changes) {
      const wasThere = users.get(userId)?.wasThere ?? !hasJoined;
      users.set(userId, { wasThere, member });
    }
    return users;
  }
}

/** A batch of changes, if there are any. */
export function batchOf(
  room: string,
  [first, ...others]: readonly PresenceChange[],
): PresenceBatch | undefined {
  return first === undefined ? undefined : new PresenceBatch(room, [first, ...others]);
}
