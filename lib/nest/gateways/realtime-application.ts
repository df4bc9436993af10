import { Injectable } from '@nestjs/common';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { defer, firstValueFrom, isObservable, type Observable } from 'rxjs';

import {
  isAsyncIterable,
  RealtimeError,
  StreamSource,
  type Application,
  type Connection,
  type RequestContext,
  type StreamSink,
} from '../../core/index.js';
import { ErrorCode } from '../../protocol/index.js';
import type { BoundHandler, RealtimeConnection } from '../connection/realtime-connection.js';
import { ConnectionRegistry } from '../connection/connection-registry.js';
import { RateLimitInterceptor } from '../rate-limit/rate-limit.interceptor.js';
import type { OnRealtimeConnect } from './on-realtime-connect.interface.js';
import { exceptionToError } from './exception-to-error.js';
import { GatewayExplorer, type Gateway, type GatewayHandler } from './gateway-explorer.js';
import { MessageContext } from './message-context.js';
import { streamOf, valueOrStream } from './observable-result.js';

/** Called with every new client; Nest's own connection handlers, one a gateway. */
export type ConnectListener = (client: RealtimeConnection, ...args: unknown[]) => void;

/** The gateways, as the core's application: hooks around a connection's life, handlers of its requests. */
@Injectable()
export class RealtimeApplication implements Application {
  readonly #connectListeners: ConnectListener[] = [];
  /**
   * Whether a gateway hears of every connection. Otherwise handlers are bound at a client's first
   * request: Nest makes a function for each handler and client, and most clients only listen.
   */
  #bindsAtOnce: boolean | undefined;

  constructor(
    private readonly explorer: GatewayExplorer,
    private readonly registry: ConnectionRegistry,
    private readonly limiter: RateLimitInterceptor,
  ) {}

  /** Adds what Nest wants to be called with for each client. */
  onConnect(listener: ConnectListener): void {
    this.#connectListeners.push(listener);
  }

  async connecting(connection: Connection): Promise<void> {
    for (const gateway of this.explorer.gateways) {
      const hook = gateway.instance() as Partial<OnRealtimeConnect> | undefined;
      if (typeof hook?.onRealtimeConnect !== 'function') continue;
      try {
        await hook.onRealtimeConnect(this.registry.of(connection));
      } catch (error) {
        throw exceptionToError(error) ?? error;
      }
    }
  }

  connected(connection: Connection): void {
    this.#bindsAtOnce ??= this.explorer.gateways.some(hearsOfConnections);
    if (this.#bindsAtOnce) this.#bind(this.registry.of(connection), connection);
  }

  /** Has Nest bind the gateways' handlers to a client and call their connection hooks. */
  #bind(client: RealtimeConnection, connection: Connection): void {
    client.isBound = true;
    for (const listener of this.#connectListeners) listener(client, connection.handshake);
  }

  disconnected(connection: Connection, _code: number, reason: string): void {
    this.registry.of(connection).end(reason);
  }

  handler(event: string): GatewayHandler | undefined {
    return this.explorer.handler(event);
  }

  async handle(connection: Connection, request: RequestContext): Promise<unknown> {
    const handler = this.explorer.handler(request.event);
    const client = this.registry.of(connection);
    if (!client.isBound) this.#bind(client, connection);
    const callback = client.handlers.get(request.event);
    if (handler === undefined || callback === undefined) {
      throw new RealtimeError(ErrorCode.UnknownEvent, 'no handler answers to this event');
    }
    if (connection.session?.isAnonymous === true && !handler.isPublic) {
      throw new RealtimeError(ErrorCode.Unauthorized, 'the request needs credentials');
    }
    const context = new MessageContext(request);
    let result: unknown;
    try {
      const isLimited = handler.rateLimits.length > 0;
      if (isLimited) result = await this.#limited(handler, client, callback, request, context);
      else result = await callback(request.payload, context);
      if (isObservable(result)) result = await this.#settle(handler, result);
    } catch (error) {
      // What a filter of the application has thrown, made ready for the client.
      throw exceptionToError(error) ?? error;
    }
    const stream = isAsyncIterable(result) ? StreamSource.fromAsyncIterable(result) : result;
    if (stream instanceof StreamSource) return checked(stream, handler, context);
    throwFailure(handler, context, result !== undefined);
    return result;
  }

  /** Calls a handler inside the interceptor of rate limits. What the handler gives passes it as one value. */
  async #limited(
    { metatype, callback, event }: GatewayHandler,
    client: RealtimeConnection,
    call: BoundHandler,
    { payload }: RequestContext,
    message: MessageContext,
  ): Promise<unknown> {
    const context = new ExecutionContextHost([client, payload, message, event], metatype, callback);
    context.setType('ws');
    const handle = (): Observable<unknown> => defer(async () => call(payload, message));
    const answer = await this.limiter.intercept(context, { handle });
    return firstValueFrom(answer, { defaultValue: undefined });
  }

  #settle(handler: GatewayHandler, result: Observable<unknown>): Promise<unknown> {
    const isStream = handler.returnsObservable || !this.explorer.hasInterceptors(handler);
    return isStream ? Promise.resolve(streamOf(result)) : valueOrStream(result);
  }
}

/** Whether a gateway has to be told of connections; one that is made for each connection has to. */
function hearsOfConnections(gateway: Gateway): boolean {
  const bound = gateway.bound();
  return !gateway.isStatic || 'handleConnection' in bound || 'handleDisconnect' in bound;
}

/** A stream that ends with an error where Nest, having given the error to a filter, just ends it. */
function checked(
  source: StreamSource,
  handler: GatewayHandler,
  context: MessageContext,
): StreamSource {
  return new StreamSource((sink: StreamSink) => {
    let hasItems = false;
    return source.start({
      ready: () => sink.ready(),
      next: (item) => {
        hasItems = true;
        sink.next(item);
      },
      failed: (error) => {
        sink.failed(exceptionToError(error) ?? error);
      },
      completed: () => {
        try {
          throwFailure(handler, context, hasItems && !context.entered);
          sink.completed();
        } catch (error) {
          sink.failed(error);
        }
      },
    });
  }, source.discard);
}

/**
 * @param answered whether there is an answer that did not come from a handler whose error was dropped:
 * an interceptor in front of ours may answer by itself, or turn an error into a value.
 * @throws what the handler or an enhancer threw, if anything, made ready for the client.
 */
function throwFailure(handler: GatewayHandler, context: MessageContext, answered: boolean): void {
  const { failure, entered, completed } = context;
  if (failure !== undefined) throw exceptionToError(failure.error) ?? failure.error;
  if (answered || completed || !handler.hasFilters) return;
  // A filter of the application has dealt with the error; what it was is between the two.
  throw entered
    ? new RealtimeError(ErrorCode.Rejected, 'the request was refused')
    : new RealtimeError(ErrorCode.Forbidden, 'the request is not allowed');
}
