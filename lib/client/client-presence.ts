/**
 * The presence of one room: who listens, what the server was asked, and who is there.
 *
 * Each listener is told the difference between what it was told last and what is known now. So the
 * first state, a change, and the state after a broken connection are one and the same thing.
 *
 * A change that does not lead to the total it names was made for a state that we do not have: then
 * nobody is told, and the server is asked for the whole state.
 */
import type {
  ErrorFrame,
  PresenceChangeFrame,
  PresenceMember,
  PresenceStateFrame,
} from '../protocol/index.js';
import type { CallOptions } from './call-options.js';
import { callSafely } from './emitter.js';
import { fromErrorFrame, type RealtimeClientError } from './errors.js';
import type { PresenceChange, PresenceListener, PresenceState, RoomPresence } from './presence.js';
import { Retry } from './retry.js';
import type { RoomHost } from './room-host.js';

type Members = ReadonlyMap<string, PresenceMember>;

interface Registration {
  readonly listener: PresenceListener;
  /** The members that it was told last. */
  told: Members;
  /** The state that it was told last; absent before the first. */
  state: PresenceState | undefined;
}

/** What presence needs of its room. */
export interface PresenceRoom {
  readonly name: string;
  /** Somebody listens: the room is wanted. */
  readonly want: () => void;
  /** Nobody listens any more, maybe. */
  readonly release: () => void;
  readonly raise: (error: RealtimeClientError) => void;
}

/** See the head of this file. */
export class ClientPresence implements RoomPresence {
  readonly #room: PresenceRoom;
  readonly #host: RoomHost;
  readonly #listeners = new Set<Registration>();
  #state: PresenceState | undefined;
  /** The id of the open question. */
  #question: string | undefined;
  /** The id under which the server tells what changes. */
  #watch: string | undefined;
  #isSubscribed = false;
  /** What is told about this connection, and whether the present one has told it. */
  #info: { readonly info: unknown } | undefined;
  #hasTold = false;
  /** Calls of `update` that wait for their answer: what they tell is newer than what was told. */
  #updates = 0;
  readonly #retry: Retry;

  constructor(host: RoomHost, room: PresenceRoom) {
    this.#room = room;
    this.#host = host;
    this.#retry = new Retry(host.settings, () => {
      this.#ask();
    });
  }

  /** How many listeners there are. */
  get size(): number {
    return this.#listeners.size;
  }

  async get(options?: CallOptions): Promise<PresenceState> {
    const question = { type: 'presence', room: this.#room.name } as const;
    return stateOf(await this.#host.calls.ask(question, 'presence', options));
  }

  watch(listener: PresenceListener): () => void {
    const registration: Registration = { listener, told: new Map(), state: undefined };
    this.#listeners.add(registration);
    this.#room.want();
    if (!(this.#question ?? this.#watch)) this.#ask();
    // Not at once: the caller has not got the function that removes it.
    queueMicrotask(() => {
      this.#tell(registration);
    });
    return () => {
      this.#listeners.delete(registration);
      queueMicrotask(() => {
        if (this.size === 0) this.#unwatch();
        this.#room.release();
      });
    };
  }

  async update(info?: unknown, options?: CallOptions): Promise<void> {
    const question = { type: 'presence', room: this.#room.name, action: 'update', info } as const;
    this.#updates += 1;
    try {
      await this.#host.calls.ask(question, 'presence', options);
      if (this.#isSubscribed) {
        this.#info = { info };
        this.#hasTold = true;
      }
    } finally {
      this.#updates -= 1;
      this.#tellAgain();
    }
  }

  /** The room is subscribed, anew or again: the server may have forgotten what it was asked. */
  subscribed(): void {
    this.#isSubscribed = true;
    this.#tellAgain();
    this.#ask();
  }

  /** The connection is gone, or the subscription is. What was told is kept, to see what changes. */
  lost(): void {
    this.#isSubscribed = this.#hasTold = false;
    this.#question = this.#watch = undefined;
    this.#retry.stop();
  }

  /** The room was left. */
  forget(): void {
    this.lost();
    this.#info = this.#state = undefined;
  }

  receive(frame: PresenceStateFrame | PresenceChangeFrame): void {
    if (frame.type === 'presence-change') this.#change(frame);
    else if (frame.id === this.#question || (frame.id === this.#watch && !this.#question)) {
      this.#watch = frame.id;
      this.#question = undefined;
      this.#retry.succeeded();
      this.#enter(stateOf(frame));
    }
  }

  /** Takes an error frame, if it answers the open question. */
  refuse(frame: ErrorFrame): boolean {
    if (frame.id !== this.#question) return false;
    this.#question = this.#watch = undefined;
    if (frame.retryable) this.#retry.postpone(frame.retryAfterMs);
    // Out of the room means that the answer of a subscription is to come, or that none is wanted.
    else if (frame.code !== 'not-subscribed') {
      // What was known is not to be known any more.
      if (this.#state) this.#enter({ total: 0, members: new Map() });
      this.#state = undefined;
      this.#room.raise(fromErrorFrame(frame));
    }
    return true;
  }

  /** The present connection is to know what the one before knew, unless it is told something newer. */
  #tellAgain(): void {
    if (!this.#isSubscribed || this.#hasTold || this.#updates > 0) return;
    if (this.#info) this.#send('update', this.#info);
    this.#hasTold = true;
  }

  #ask(): void {
    this.#retry.stop();
    if (this.#isSubscribed && this.size > 0) this.#question = this.#send('watch');
  }

  #unwatch(): void {
    if (this.#watch ?? this.#question) this.#send('unwatch');
    this.#question = this.#watch = this.#state = undefined;
    this.#retry.stop();
  }

  #send(action: 'watch' | 'unwatch' | 'update', more?: { readonly info: unknown }): string {
    const { link } = this.#host;
    const id = link.nextId();
    link.send({ type: 'presence', id, room: this.#room.name, action, ...more });
    return id;
  }

  #change({ total, joined = [], updated = [], left = [] }: PresenceChangeFrame): void {
    // While a question is open its answer will contain the change.
    if (!this.#watch || this.#question) return;
    const members = this.#state?.members && new Map(this.#state.members);
    const present = [...joined, ...updated];
    for (const userId of left) members?.delete(userId);
    for (const member of present) members?.set(member.userId, member);
    const isComplete = members ? members.size === total : present.length + left.length === 0;
    if (isComplete) this.#enter({ total, members });
    else this.#ask();
  }

  #enter(state: PresenceState): void {
    this.#state = state;
    for (const registration of [...this.#listeners]) this.#tell(registration);
  }

  #tell(registration: Registration): void {
    const state = this.#state;
    if (!state || !this.#listeners.has(registration)) return;
    const before = registration.state;
    const { told } = registration;
    const members = state.members ?? told;
    const change = difference(told, members);
    registration.told = members;
    registration.state = state;
    const isNews =
      before?.total !== state.total ||
      !before.members !== !state.members ||
      Object.values(change).some(({ length }) => length > 0);
    if (!isNews) return;
    const { reportError } = this.#host.settings.environment;
    callSafely(reportError, registration.listener, state, change);
  }
}

function stateOf({ total, members }: PresenceStateFrame): PresenceState {
  return { total, members: members && new Map(members.map((member) => [member.userId, member])) };
}

function difference(before: Members, after: Members): PresenceChange {
  const isNew = ({ userId }: PresenceMember) => !before.has(userId);
  const isOther = (member: PresenceMember) => {
    const known = before.get(member.userId) ?? member;
    return known !== member && JSON.stringify(known) !== JSON.stringify(member);
  };
  const members = [...after.values()];
  return {
    joined: members.filter(isNew),
    updated: members.filter(isOther),
    left: [...before.values()].filter(({ userId }) => !after.has(userId)),
  };
}
