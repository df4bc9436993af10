import { Inject, Injectable, Logger, type Type } from '@nestjs/common';
import { EXCEPTION_FILTERS_METADATA, INTERCEPTORS_METADATA } from '@nestjs/common/constants.js';
import { ApplicationConfig, DiscoveryService, MetadataScanner } from '@nestjs/core';
import {
  GATEWAY_METADATA,
  GATEWAY_OPTIONS,
  MESSAGE_MAPPING_METADATA,
  MESSAGE_METADATA,
  PORT_METADATA,
} from '@nestjs/websockets/constants.js';

import { REALTIME_IDEMPOTENT_METADATA } from '../decorators/idempotent.decorator.js';
import { REALTIME_PUBLIC_METADATA } from '../decorators/public.decorator.js';
import { REALTIME_GATEWAY_METADATA } from '../decorators/realtime-gateway.decorator.js';
import type { ResolvedRealtimeOptions } from '../options/realtime-options.interface.js';
import {
  decoratorProblems,
  rateLimitsOf,
  type RateLimitGroup,
} from '../rate-limit/rate-limit-rules.js';
import { REALTIME_OPTIONS } from '../realtime.tokens.js';
import { CompletionInterceptor } from './completion.interceptor.js';
import { DefaultExceptionFilter } from './default-exception.filter.js';

type GatewayClass = (abstract new (...args: never[]) => object) & {
  readonly prototype: object;
};

/** A method that answers requests. */
export interface GatewayHandler {
  readonly event: string;
  readonly gateway: string;
  readonly method: string;
  readonly metatype: Type<object>;
  readonly callback: (...args: unknown[]) => unknown;
  /** Whether anonymous sessions may reach it. */
  readonly isPublic: boolean;
  /** Whether its requests take effect once, however often they are sent. */
  readonly isIdempotent: boolean;
  /** Whether its declared return type is an Observable. */
  readonly returnsObservable: boolean;
  /** Whether the application has filters on it or its class. */
  readonly hasFilters: boolean;
  /** Whether an interceptor of its own or its class's runs around it. */
  readonly hasInterceptors: boolean;
  /** How often it may be asked; empty: as often as one likes. */
  readonly rateLimits: readonly RateLimitGroup[];
}

/** A class whose handlers this module serves. */
export interface Gateway {
  readonly name: string;
  readonly metatype: GatewayClass;
  readonly isStatic: boolean;
  /** The one instance; `undefined` for a request-scoped gateway, which has one a connection. */
  readonly instance: () => object | undefined;
  /** What Nest binds: the instance or, of a request-scoped gateway, an empty one that stands for all. */
  readonly bound: () => object;
}

/** Nest's default interceptors and filters, one of each for all gateways: they have no state. */
const completion = new CompletionInterceptor();
const defaultFilter = new DefaultExceptionFilter();

/**
 * Finds the gateways that are ours, before Nest binds them, and puts our filter (and, where the
 * application has filters, our interceptor) on them.
 */
@Injectable()
export class GatewayExplorer {
  readonly #gateways: Gateway[] = [];
  readonly #handlers = new Map<string, GatewayHandler>();
  /** Handlers in classes that are no gateways, which nobody binds: `Class.method`. */
  readonly #strays: string[] = [];
  readonly #scanner = new MetadataScanner();

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly config: ApplicationConfig,
    @Inject(REALTIME_OPTIONS) private readonly options: ResolvedRealtimeOptions,
  ) {}

  /** Gateways that this module serves. */
  get gateways(): readonly Gateway[] {
    return this.#gateways;
  }

  /** The handler of an event, if there is one. */
  handler(event: string): GatewayHandler | undefined {
    return this.#handlers.get(event);
  }

  /** Whether interceptors, the application's global ones included, run around a handler. */
  hasInterceptors(handler: GatewayHandler): boolean {
    return (
      handler.hasInterceptors ||
      this.config.getGlobalInterceptors().length > 0 ||
      this.config.getGlobalRequestInterceptors().length > 0
    );
  }

  /**
   * Looks at every provider. To be called once, after all classes are known and before Nest binds them.
   *
   * @throws Error for a gateway that cannot be served, or two handlers of one event.
   */
  explore(): void {
    for (const wrapper of this.discovery.getProviders()) {
      const metatype = wrapper.metatype as GatewayClass | null | undefined;
      if (typeof metatype !== 'function' || wrapper.isNotMetatype) continue;
      if (Reflect.getMetadata(GATEWAY_METADATA, metatype) !== true || !this.#isOurs(metatype))
        continue;
      this.#refuseUnsupported(metatype);
      const isStatic = wrapper.isDependencyTreeStatic();
      if (!isStatic && 'onRealtimeConnect' in metatype.prototype) {
        throw new Error(`${metatype.name}: a request-scoped gateway cannot have onRealtimeConnect`);
      }
      this.#gateways.push({
        name: metatype.name,
        metatype,
        isStatic,
        instance: () => (isStatic ? (wrapper.instance as object) : undefined),
        bound: () => wrapper.instance as object,
      });
      this.#exploreHandlers(metatype);
      putFirst(metatype, EXCEPTION_FILTERS_METADATA, defaultFilter);
    }
    for (const { metatype } of [
      ...this.discovery.getProviders(),
      ...this.discovery.getControllers(),
    ]) {
      this.#noteStrays(metatype as GatewayClass | null | undefined);
    }
  }

  /** Gateways without a mark of ours belong to the fallback adapter, if there is one. */
  #isOurs(metatype: GatewayClass): boolean {
    if (this.options.fallbackAdapter === undefined) return true;
    if (Reflect.getMetadata(REALTIME_GATEWAY_METADATA, metatype) === true) return true;
    return gatewayOptions(metatype)['path'] === this.options.path;
  }

  #refuseUnsupported(metatype: GatewayClass): void {
    const { path, namespace } = gatewayOptions(metatype);
    const port: unknown = Reflect.getMetadata(PORT_METADATA, metatype);
    const isMarked = Reflect.getMetadata(REALTIME_GATEWAY_METADATA, metatype) === true;
    const hint = 'or give its adapter as realtime.fallbackAdapter';
    if (typeof port === 'number' && port !== 0) {
      throw new Error(
        `${metatype.name}: a port of its own (${String(port)}) is not supported, remove it ${hint}`,
      );
    }
    if (namespace !== undefined) {
      throw new Error(`${metatype.name}: namespaces are not supported, use rooms ${hint}`);
    }
    if (!isMarked && path !== undefined && path !== this.options.path) {
      throw new Error(
        `${metatype.name}: expected the module's path ${this.options.path} or none, got ${JSON.stringify(path)}; change it ${hint}`,
      );
    }
  }

  #noteStrays(metatype: GatewayClass | null | undefined): void {
    // Factories are functions, too, and arrow functions have no prototype.
    const prototype: object | undefined = metatype?.prototype;
    if (typeof metatype !== 'function' || prototype === undefined) return;
    if (Reflect.getMetadata(GATEWAY_METADATA, metatype) === true) return;
    // What a gateway inherits is served there.
    if (this.#gateways.some((gateway) => gateway.metatype.prototype instanceof metatype)) return;
    for (const method of this.#scanner.getAllMethodNames(prototype)) {
      const callback = Reflect.get(prototype, method) as object;
      if (Reflect.getMetadata(MESSAGE_MAPPING_METADATA, callback) === true) {
        this.#strays.push(`${metatype.name}.${method}`);
      }
    }
  }

  #exploreHandlers(metatype: GatewayClass): void {
    const prototype = metatype.prototype;
    const classFilters = ownFilters(metatype);
    refuseProblems(decoratorProblems(metatype.name, metatype));
    for (const method of this.#scanner.getAllMethodNames(prototype)) {
      const callback = Reflect.get(prototype, method) as (...args: unknown[]) => unknown;
      if (Reflect.getMetadata(MESSAGE_MAPPING_METADATA, callback) !== true) continue;
      const event: unknown = Reflect.getMetadata(MESSAGE_METADATA, callback);
      const name = `${metatype.name}.${method}`;
      if (typeof event !== 'string') {
        throw new Error(`${name}: expected @SubscribeMessage() with a string, got ${typeof event}`);
      }
      const other = this.#handlers.get(event);
      if (other !== undefined) {
        throw new Error(
          `${name}: the event ${JSON.stringify(event)} already has a handler, ${other.gateway}.${other.method}; a request has one answer`,
        );
      }
      const returnsObservable = declaresObservable(prototype, method);
      const hasFilters = classFilters.length > 0 || ownFilters(callback).length > 0;
      // Outside of the class's own, which may answer without the handler or in spite of it.
      const outermost = hasMetadata(INTERCEPTORS_METADATA, metatype) ? metatype : callback;
      if (hasFilters) putFirst(outermost, INTERCEPTORS_METADATA, completion);
      this.#handlers.set(event, {
        event,
        gateway: metatype.name,
        method,
        metatype: metatype as Type<object>,
        callback,
        isPublic: [callback, metatype].some(isPublic),
        isIdempotent: isIdempotent(callback, name, returnsObservable),
        returnsObservable,
        hasFilters,
        hasInterceptors: hasMetadata(INTERCEPTORS_METADATA, metatype, callback),
        rateLimits: this.#rateLimits(event, metatype, callback, name),
      });
    }
  }

  #rateLimits(
    event: string,
    metatype: GatewayClass,
    callback: object,
    name: string,
  ): RateLimitGroup[] {
    refuseProblems(decoratorProblems(name, callback));
    return rateLimitsOf({ event, callback, metatype, options: this.options.rateLimit });
  }

  /** Says what is served, for the log, and which handlers never will be. */
  report(logger: Logger, roomClasses: number): void {
    for (const stray of new Set(this.#strays)) {
      logger.warn(
        `${stray}: @SubscribeMessage() has no effect in a class without @RealtimeGateway()`,
      );
    }
    logger.log(
      `Serving ${String(this.#handlers.size)} events of ${String(this.#gateways.length)} gateways and ${String(roomClasses)} room classes at ${this.options.path}`,
    );
  }
}

/** @throws Error with the problems, if there are any. */
function refuseProblems(problems: readonly string[]): void {
  if (problems.length > 0) throw new Error(problems.join('\n'));
}

function isPublic(target: object): boolean {
  return Reflect.getMetadata(REALTIME_PUBLIC_METADATA, target) === true;
}

/** @throws Error for a marked handler of which it can be seen that it returns a stream. */
function isIdempotent(callback: object, name: string, returnsObservable: boolean): boolean {
  if (Reflect.getMetadata(REALTIME_IDEMPOTENT_METADATA, callback) !== true) return false;
  const kind = Object.prototype.toString.call(callback);
  if (returnsObservable || kind === '[object AsyncGeneratorFunction]') {
    throw new Error(
      `${name}: an @Idempotent() handler returns a value; streams cannot be repeated`,
    );
  }
  return true;
}

function gatewayOptions(metatype: GatewayClass): { path?: unknown; namespace?: unknown } {
  return (Reflect.getMetadata(GATEWAY_OPTIONS, metatype) ?? {}) as { path?: unknown };
}

function ownFilters(target: object): unknown[] {
  const filters = (Reflect.getMetadata(EXCEPTION_FILTERS_METADATA, target) ?? []) as unknown[];
  return filters.filter((filter) => filter !== defaultFilter);
}

function hasMetadata(key: string, ...targets: object[]): boolean {
  return targets.some(
    (target) => ((Reflect.getMetadata(key, target) ?? []) as unknown[]).length > 0,
  );
}

/** Puts an enhancer before the class's or method's own: Nest asks filters from the last to the first. */
function putFirst(target: object, key: string, enhancer: object): void {
  const present = (Reflect.getMetadata(key, target) ?? []) as unknown[];
  if (present.includes(enhancer)) return;
  Reflect.defineMetadata(key, [enhancer, ...present], target);
}

/** Whether a method's declared return type, as the compiler noted it, is an Observable. */
function declaresObservable(prototype: object, method: string): boolean {
  const returned: unknown = Reflect.getMetadata('design:returntype', prototype, method);
  return typeof returned === 'function' && /^(?:Observable|\w*Subject)$/.test(returned.name);
}
