import { Inject, Injectable } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import type { InstanceWrapper } from '@nestjs/core/injector/instance-wrapper.js';

import {
  RealtimeOptionsError,
  type Observer,
  type RoomDirectory,
  type RoomRights,
} from '../../core/index.js';
import { REALTIME_PUBLIC_METADATA } from '../decorators/public.decorator.js';
import { resolveHistory } from '../options/history-option.js';
import type { ResolvedRealtimeOptions } from '../options/realtime-options.interface.js';
import { REALTIME_OBSERVER, REALTIME_OPTIONS } from '../realtime.tokens.js';
import { eventValidator } from './event-validator.js';
import { rightsOf, type RoomClass } from './policy-rights.js';
import { REALTIME_ROOM_METADATA, type RoomDefinition } from './realtime-room.decorator.js';
import { roomProblems } from './room-option-rules.js';
import { RoomPattern } from './room-pattern.js';
import type { RoomParams, RoomPolicy } from './room-policy.interface.js';

/** Milliseconds for which a client whose connection broke still counts as there. */
const DEFAULT_GRACE_MS = 10_000;

/** The room classes of the application, as the core's directory. */
@Injectable()
export class RoomRegistry implements RoomDirectory {
  readonly #classes: RoomClass[] = [];
  /** Every event that some class never stores: most publishes need not look for their class. */
  readonly #volatile = new Set<string>();

  constructor(
    private readonly discovery: DiscoveryService,
    @Inject(REALTIME_OBSERVER) private readonly observer: Observer,
    @Inject(REALTIME_OPTIONS) private readonly options: Pick<ResolvedRealtimeOptions, 'rooms'>,
  ) {}

  /** How many room classes there are. */
  get size(): number {
    return this.#classes.length;
  }

  /**
   * Looks at every provider. To be called once, after all classes are known.
   *
   * @throws RealtimeOptionsError with a line for each rule that a class's options break.
   * @throws Error for a broken pattern, two equally specific ones, or a request-scoped class.
   */
  explore(): void {
    const problems: string[] = [];
    for (const wrapper of this.discovery.getProviders()) {
      const metatype = wrapper.metatype as { readonly name: string } | null;
      if (typeof metatype !== 'function') continue;
      const definition = Reflect.getMetadata(REALTIME_ROOM_METADATA, metatype) as
        RoomDefinition | undefined;
      if (definition === undefined) continue;
      if (!wrapper.isDependencyTreeStatic()) {
        throw new Error(`${metatype.name}: a room class cannot be request-scoped`);
      }
      const found = roomProblems(metatype.name, definition.options);
      problems.push(...found);
      if (found.length === 0) this.#add(metatype, definition, wrapper);
    }
    if (problems.length > 0) throw new RealtimeOptionsError(problems, '@RealtimeRoom()');
    this.#sort();
  }

  find(room: string): RoomRights | undefined {
    const match = this.#match(room);
    return match && rightsOf(match.roomClass, match.params, this.observer);
  }

  /** Whether the class of this room says that messages with this event are never stored. */
  isVolatile(room: string, event: string): boolean {
    return this.#volatile.has(event) && this.#match(room)?.roomClass.volatile.has(event) === true;
  }

  #match(room: string): { roomClass: RoomClass; params: RoomParams } | undefined {
    for (const roomClass of this.#classes) {
      const params = roomClass.pattern.match(room);
      if (params !== undefined) return { roomClass, params };
    }
    return undefined;
  }

  #add(
    metatype: { readonly name: string },
    { pattern, options }: RoomDefinition,
    wrapper: InstanceWrapper,
  ): void {
    const { events = {}, latest = {}, history, presence } = options;
    const volatile = new Set([...(options.volatile ?? []), ...Object.keys(latest)]);
    for (const event of volatile) this.#volatile.add(event);
    const { graceMs = DEFAULT_GRACE_MS, countsOnly = false } =
      typeof presence === 'object' ? presence : {};
    this.#classes.push({
      name: metatype.name,
      pattern: new RoomPattern(pattern),
      events: new Map(
        Object.entries(events).map(([event, schema]) => [event, eventValidator(schema)]),
      ),
      volatile,
      latest: new Map(Object.entries(latest)),
      isPublic: Reflect.getMetadata(REALTIME_PUBLIC_METADATA, metatype) === true,
      history: resolveHistory(history, this.options.rooms.history),
      presence: {
        isTracked: typeof presence === 'object' ? true : presence,
        graceMs,
        countsOnly,
      },
      policy: () => wrapper.instance as RoomPolicy,
    });
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
