import { Inject, Injectable } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';

import type {
  Observer,
  PublishDecision,
  RealtimeUser,
  RoomDirectory,
  RoomRights,
} from '../../core/index.js';
import { ErrorCode, type Payload } from '../../protocol/index.js';
import { REALTIME_PUBLIC_METADATA } from '../decorators/public.decorator.js';
import { REALTIME_OBSERVER } from '../realtime.tokens.js';
import { eventValidator, type EventValidator } from './event-validator.js';
import { REALTIME_ROOM_METADATA, type RoomDefinition } from './realtime-room.decorator.js';
import { RoomPattern } from './room-pattern.js';
import type { RoomParams, RoomPolicy } from './room-policy.interface.js';

interface RoomClass {
  readonly name: string;
  readonly pattern: RoomPattern;
  readonly events: ReadonlyMap<string, EventValidator>;
  readonly isPublic: boolean;
  readonly policy: () => RoomPolicy;
}

/** The room classes of the application, as the core's directory. */
@Injectable()
export class RoomRegistry implements RoomDirectory {
  readonly #classes: RoomClass[] = [];

  constructor(
    private readonly discovery: DiscoveryService,
    @Inject(REALTIME_OBSERVER) private readonly observer: Observer,
  ) {}

  /** How many room classes there are. */
  get size(): number {
    return this.#classes.length;
  }

  /**
   * Looks at every provider. To be called once, after all classes are known.
   *
   * @throws Error for a broken pattern, two equally specific ones, or a request-scoped class.
   */
  explore(): void {
    for (const wrapper of this.discovery.getProviders()) {
      const metatype = wrapper.metatype as { readonly name: string } | null;
      if (typeof metatype !== 'function') continue;
      const definition = Reflect.getMetadata(REALTIME_ROOM_METADATA, metatype) as
        RoomDefinition | undefined;
      if (definition === undefined) continue;
      if (!wrapper.isDependencyTreeStatic()) {
        throw new Error(`${metatype.name}: a room class cannot be request-scoped`);
      }
      const { pattern, options } = definition;
      const events = Object.entries(options.events ?? {});
      this.#classes.push({
        name: metatype.name,
        pattern: new RoomPattern(pattern),
        events: new Map(events.map(([event, schema]) => [event, eventValidator(schema)])),
        isPublic: Reflect.getMetadata(REALTIME_PUBLIC_METADATA, metatype) === true,
        policy: () => wrapper.instance as RoomPolicy,
      });
    }
    this.#sort();
  }

  find(room: string): RoomRights | undefined {
    for (const roomClass of this.#classes) {
      const params = roomClass.pattern.match(room);
      if (params !== undefined) return new PolicyRights(roomClass, params, this.observer);
    }
    return undefined;
  }

  #sort(): void {
    this.#classes.sort((a, b) => a.pattern.compare(b.pattern));
    for (const [index, current] of this.#classes.entries()) {
      const next = this.#classes[index + 1];
      if (next?.pattern.compare(current.pattern) === 0) {
        throw new Error(
          `${current.name} and ${next.name}: their patterns ${JSON.stringify(current.pattern.source)} and ${JSON.stringify(next.pattern.source)} match the same rooms`,
        );
      }
    }
  }
}

/** One room's rights, by its class. */
class PolicyRights implements RoomRights {
  constructor(
    private readonly roomClass: RoomClass,
    private readonly params: RoomParams,
    private readonly observer: Observer,
  ) {}

  get isPublic(): boolean {
    return this.roomClass.isPublic;
  }

  canSubscribe(user: RealtimeUser): Promise<boolean> {
    const policy = this.roomClass.policy();
    return this.#ask('canSubscribe', () => policy.canSubscribe?.(user, this.params));
  }

  canSeePresence(user: RealtimeUser): Promise<boolean> {
    const policy = this.roomClass.policy();
    return this.#ask('canSeePresence', () => policy.canSeePresence?.(user, this.params));
  }

  async decidePublish(
    user: RealtimeUser,
    event: string,
    payload: Payload | undefined,
  ): Promise<PublishDecision> {
    const policy = this.roomClass.policy();
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
    return allowed
      ? { allowed, payload: verdict.payload }
      : refused(ErrorCode.Forbidden, NOT_ALLOWED);
  }

  /** Only `true` means yes: a policy that fails, or returns nothing, lets nobody in. */
  async #ask(what: string, ask: () => boolean | Promise<boolean> | undefined): Promise<boolean> {
    try {
      return (await ask()) === true;
    } catch (error) {
      this.observer.failed(`${this.roomClass.name}.${what}`, error);
      return false;
    }
  }
}

const NOT_ALLOWED = 'the room does not allow this';

function refused(code: ErrorCode, message: string): PublishDecision & { allowed: false } {
  return { allowed: false, code, message };
}
