import {
  assertLatest,
  jsonText,
  RealtimeError,
  type HistoryPolicy,
  type Observer,
  type PresencePolicy,
  type PublishDecision,
  type RealtimeUser,
  type RoomRights,
  type RoomSnapshot,
} from '../../core/index.js';
import { ErrorCode, MAX_PRESENCE_INFO_BYTES, type Payload } from '../../protocol/index.js';
import { exceptionToError } from '../gateways/exception-to-error.js';
import type { EventValidator } from './event-validator.js';
import { ExactSnapshot } from './exact-snapshot.js';
import type { LatestKey } from './room-options.interface.js';
import type { RoomPattern } from './room-pattern.js';
import type { RoomParams, RoomPolicy } from './room-policy.interface.js';

/** A room class, its options checked and filled in. */
export interface RoomClass {
  readonly name: string;
  readonly pattern: RoomPattern;
  readonly events: ReadonlyMap<string, EventValidator>;
  /** Those of `events` that are never stored. */
  readonly volatile: ReadonlySet<string>;
  /** Those of `events` of which only the last counts, with what it is the last of. All of them are volatile. */
  readonly latest: ReadonlyMap<string, LatestKey>;
  readonly isPublic: boolean;
  readonly history: HistoryPolicy;
  readonly presence: Pick<PresencePolicy, 'graceMs' | 'countsOnly'> & {
    /** `undefined`: if the class has `canSeePresence`. */
    readonly isTracked: boolean | undefined;
  };
  /** The instance. Known once the application has its providers. */
  readonly policy: () => RoomPolicy;
}

/** The rights of one room, by its class. */
export function rightsOf(roomClass: RoomClass, params: RoomParams, observer: Observer): RoomRights {
  const policy = roomClass.policy();
  const Rights = policy.snapshot === undefined ? PolicyRights : SnapshotRights;
  return new Rights(roomClass, policy, params, observer);
}

class PolicyRights implements RoomRights {
  constructor(
    private readonly roomClass: RoomClass,
    protected readonly policy: RoomPolicy,
    protected readonly params: RoomParams,
    private readonly observer: Observer,
  ) {}

  get isPublic(): boolean {
    return this.roomClass.isPublic;
  }

  get history(): HistoryPolicy {
    return this.roomClass.history;
  }

  get presence(): PresencePolicy | undefined {
    const { policy } = this;
    const { graceMs, countsOnly, isTracked } = this.roomClass.presence;
    if (!(isTracked ?? policy.canSeePresence !== undefined)) return undefined;
    return { graceMs, countsOnly, info: (user) => this.#info(user) };
  }

  canSubscribe(user: RealtimeUser): Promise<boolean> {
    return this.#ask('canSubscribe', () => this.policy.canSubscribe?.(user, this.params));
  }

  canSeePresence(user: RealtimeUser): Promise<boolean> {
    return this.#ask('canSeePresence', () => this.policy.canSeePresence?.(user, this.params));
  }

  canReadHistory(user: RealtimeUser): Promise<boolean> {
    return this.#ask('canReadHistory', () => this.policy.canReadHistory?.(user, this.params));
  }

  async decidePublish(
    user: RealtimeUser,
    event: string,
    payload: Payload | undefined,
  ): Promise<PublishDecision> {
    const { policy } = this;
    const validate = this.roomClass.events.get(event);
    if (policy.canPublish === undefined) return refused(ErrorCode.Forbidden, NOT_ALLOWED);
    if (validate === undefined) {
      return refused(ErrorCode.UnknownEvent, 'the room declares no such event');
    }
    const verdict = await validate(payload);
    if (!verdict.valid) {
      const { details } = verdict;
      return { ...refused(ErrorCode.ValidationFailed, 'the payload breaks the schema'), details };
    }
    const allowed = await this.#ask('canPublish', () =>
      policy.canPublish?.(user, this.params, event),
    );
    if (!allowed) return refused(ErrorCode.Forbidden, NOT_ALLOWED);
    const latest = await this.#latest(user, event, payload);
    return {
      allowed,
      payload: verdict.payload,
      volatile: this.roomClass.volatile.has(event),
      latest,
    };
  }

  /** Tells the log of a failure of the application's. */
  protected failed(what: string, error: unknown): void {
    this.observer.failed(`${this.roomClass.name}.${what}`, error);
  }

  /** Only `true` means yes: a policy that fails, or returns nothing, lets nobody in. */
  async #ask(what: string, ask: () => boolean | Promise<boolean> | undefined): Promise<boolean> {
    try {
      return (await ask()) === true;
    } catch (error) {
      this.failed(what, error);
      return false;
    }
  }

  /** A key that cannot be made is none: the message is sent like any other volatile one. */
  async #latest(
    user: RealtimeUser,
    event: string,
    payload: Payload | undefined,
  ): Promise<string | undefined> {
    const keyOf = this.roomClass.latest.get(event);
    if (keyOf === undefined) return undefined;
    try {
      const key = keyOf(user, await payload?.load());
      assertLatest(key);
      return key;
    } catch (error) {
      this.failed(`latest of ${JSON.stringify(event)}`, error);
      return undefined;
    }
  }

  /** Who cannot be described is there all the same, without a description. */
  async #info(user: RealtimeUser): Promise<unknown> {
    try {
      const info = await this.policy.presenceInfo?.(user, this.params);
      if (info === undefined) return undefined;
      const text = jsonText(info);
      const bytes = Buffer.byteLength(text);
      if (bytes > MAX_PRESENCE_INFO_BYTES) throw tooLarge(bytes);
      // Through its text: what the application changes later in its object is not in it.
      return JSON.parse(text) as unknown;
    } catch (error) {
      this.failed('presenceInfo', error);
      return undefined;
    }
  }
}

/** The rights where the class has `snapshot`: that the method is there says that the room offers one. */
class SnapshotRights extends PolicyRights {
  async snapshot(user: RealtimeUser): Promise<RoomSnapshot> {
    try {
      const taken = await this.policy.snapshot?.(this.params, user);
      if (!(taken instanceof ExactSnapshot)) return { payload: jsonText(taken) };
      return { payload: jsonText(taken.state), position: taken.position };
    } catch (error) {
      const known = exceptionToError(error);
      if (known !== undefined) throw known;
      this.failed('snapshot', error);
      throw new RealtimeError(ErrorCode.Internal, 'the snapshot failed', { cause: error });
    }
  }
}

const NOT_ALLOWED = 'the room does not allow this';

function refused(code: ErrorCode, message: string): PublishDecision & { allowed: false } {
  return { allowed: false, code, message };
}

function tooLarge(bytes: number): RangeError {
  const limit = String(MAX_PRESENCE_INFO_BYTES);
  return new RangeError(`expected at most ${limit} bytes of JSON, got ${String(bytes)}`);
}
