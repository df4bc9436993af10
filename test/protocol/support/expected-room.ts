/** What a room has to come to for the application, by the frames of a dialogue. */
import type {
  PresenceChange,
  PresenceState,
  Room,
  RoomGap,
  RoomReset,
} from '../../../lib/client/index.js';
import type { PresenceMember } from '../../../lib/protocol/index.js';
import { check, type Call, type Frame } from './client-calls.js';
import { match } from './vectors.js';

/** A message as a handler gets it. */
export interface SeenMessage {
  readonly event: string;
  readonly payload: unknown;
}

interface Told {
  readonly state: PresenceState;
  readonly change: PresenceChange;
}

/** One room: what the application was told, and what it has to be told. */
export class ExpectedRoom {
  readonly messages: SeenMessage[] = [];
  readonly gaps: RoomGap[] = [];
  readonly resets: { readonly state: unknown; readonly info: RoomReset }[] = [];
  readonly #told: Told[] = [];
  readonly #expected: SeenMessage[] = [];
  #position: { readonly epoch: unknown; readonly offset: number } | undefined;
  #awaitsState = false;
  #members: ReadonlyMap<string, unknown> | undefined;
  #unwatch: (() => void) | undefined;
  #watchId: unknown;
  /** The id of the last subscribe or unsubscribe; answers to others are stale. */
  question?: string;
  call?: Call;

  /**
   * @param events of messages to listen for.
   * @param takesState whether a loss is made up for by the room's state.
   */
  constructor(
    readonly room: Room,
    events: Iterable<string>,
    private readonly takesState: boolean,
  ) {
    // A handler is a wish to be in the room: `subscribe()`, which follows, asks no second time.
    if (takesState) {
      room.on('reset', (state, info) => this.resets.push({ state, info }));
    }
    for (const event of events) {
      room.on(event, (payload: unknown) => this.messages.push({ event, payload }));
    }
    room.on('gap', (gap) => this.gaps.push(gap));
    room.on('error', () => undefined);
  }

  /** Has the application look at who is there. */
  watch(): void {
    this.#unwatch = this.room.presence.watch((state, change) => this.#told.push({ state, change }));
  }

  /** Has it look away. */
  unwatch(): void {
    this.#unwatch?.();
  }

  /** The client has asked to watch under this id. */
  watches(id: unknown): void {
    this.#watchId = id;
  }

  /** Checks what the application has noticed of a frame. */
  expect(frame: Frame): void {
    const { type, id } = frame;
    if (type === 'message' || type === 'position') this.#expectMessage(frame);
    else if (type === 'gap') this.#expectLoss(frame);
    else if (type === 'presence') this.#expectState(frame);
    else if (type === 'presence-change') this.#expectChange(frame);
    else if (id === undefined || id === this.question) {
      if (type === 'subscribed') this.#expectSubscribed(frame);
      if (type === 'unsubscribed') this.#expectUnsubscribed(frame);
    }
  }

  #expectMessage(frame: Frame): void {
    const { epoch, offset } = frame as { epoch?: string; offset?: number };
    if (this.#awaitsState || this.room.state !== 'subscribed') return;
    const at = this.#position;
    if (offset === undefined) this.#expected.push(messageOf(frame));
    else if (at && epoch === at.epoch && offset === at.offset + 1) {
      // Every message once, in order: what comes early comes once more.
      this.#jump({ ...frame, epoch, offset });
      if (frame['type'] === 'message') this.#expected.push(messageOf(frame));
    }
    this.#goOn();
  }

  #goOn(): void {
    check(match(this.messages, this.#expected, new Map()), 'the messages');
    check(match(this.room.position, this.#position, new Map()), 'the position of the room');
  }

  #jump({ epoch, offset }: Frame): void {
    this.#position = { epoch, offset: offset as number };
  }

  #expectLoss(frame: Frame): void {
    const { epoch, offset, reason } = frame;
    if (this.takesState) {
      this.#awaitsState = true;
      return;
    }
    this.#jump(frame);
    const expected = { reason, position: { epoch, offset } };
    check(match(this.gaps.at(-1), expected, new Map()), 'the gap');
    this.#goOn();
  }

  #expectSubscribed(frame: Frame): void {
    const { epoch, offset, recovered, reason } = frame;
    check(match(this.room.state, 'subscribed', new Map()), 'the state of the room');
    check(match(this.call?.outcome, { value: undefined }, new Map()), 'subscribe()');
    if ('snapshot' in frame) {
      this.#awaitsState = false;
      this.#jump(frame);
      const expected = { state: frame['snapshot'], info: { position: { epoch, offset }, reason } };
      check(match(this.resets.at(-1), expected, new Map()), 'the reset');
    } else if (recovered === false) {
      this.#expectLoss(frame);
    } else if (recovered !== true || this.#position === undefined) {
      this.#jump(frame);
    }
    this.#goOn();
  }

  #expectUnsubscribed({ id, reason }: Frame): void {
    check(match(this.room.state, 'unsubscribed', new Map()), 'the state of the room');
    this.#position = undefined;
    // `subscribe()` learns why, unless it had its answer long ago.
    const outcome = this.call?.outcome;
    if (id !== undefined || (outcome !== undefined && 'value' in outcome)) return;
    check(match(outcome, { code: reason }, new Map()), 'subscribe()');
  }

  #expectState({ id, total, members }: Frame): void {
    if (id !== this.#watchId) return;
    this.#members = mapOf(members as readonly PresenceMember[] | undefined);
    this.#expectPresence(total);
  }

  #expectChange({ total, joined = [], updated = [], left = [] }: Frame): void {
    if (this.#members !== undefined) {
      const members = new Map(this.#members);
      for (const userId of left as string[]) members.delete(userId);
      for (const member of [...(joined as PresenceMember[]), ...(updated as PresenceMember[])]) {
        members.set(member.userId, member);
      }
      this.#members = members;
    }
    const change = this.#expectPresence(total);
    const lists = [change?.joined, change?.updated, change?.left.map(({ userId }) => userId)];
    check(match(lists, [joined, updated, left], new Map()), 'the change of presence');
  }

  #expectPresence(total: unknown): PresenceChange | undefined {
    const told = this.#told.at(-1);
    const members = told?.state.members;
    const actual = { total: told?.state.total, members: members && [...members.values()] };
    const expected = { total, members: this.#members && [...this.#members.values()] };
    check(match(actual, expected, new Map()), 'the presence');
    return told?.change;
  }
}

/** Members by their users' ids, as the application gets them. */
function mapOf(
  members: readonly PresenceMember[] | undefined,
): ReadonlyMap<string, PresenceMember> | undefined {
  return members && new Map(members.map((member) => [member.userId, member]));
}

function messageOf({ event, payload }: Frame): SeenMessage {
  return { event: event as string, payload };
}
