import { Injectable } from '@nestjs/common';
import { isObservable, type Observable } from 'rxjs';

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
import type { RealtimeConnection } from '../connection/realtime-connection.js';
import { ConnectionRegistry } from '../connection/connection-registry.js';
import type { OnRealtimeConnect } from './on-realtime-connect.interface.js';
import { exceptionToError } from './exception-to-error.js';
import { GatewayExplorer, type GatewayHandler } from './gateway-explorer.js';
import { MessageContext } from './message-context.js';
import { streamOf, valueOrStream } from './observable-result.js';

/** Called with every new client; Nest's own connection handlers, one a gateway. */
export type ConnectListener = (client: RealtimeConnection, ...args: unknown[]) => void;

/** The gateways, as the core's application: hooks around a connection's life, handlers of its requests. */
@Injectable()
export class RealtimeApplication implements Application {
  readonly #connectListeners: ConnectListener[] = [];

  constructor(
    private readonly explorer: GatewayExplorer,
    private readonly registry: ConnectionRegistry,
  ) {}

  /** Adds what Nest wants to be called with for each client. */
  onConnect(listener: ConnectListener): void {
    this.#connectListeners.push(listener);
  }

  async connecting(connection: Connection): Promise<void> {
    const client = this.registry.of(connection);
    for (const gateway of this.explorer.gateways) {
      const hook = gateway.instance() as Partial<OnRealtimeConnect> | undefined;
      if (typeof hook?.onRealtimeConnect !== 'function') continue;
      try {
        await hook.onRealtimeConnect(client);
      } catch (error) {
        throw exceptionToError(error) ?? error;
      }
    }
  }

  connected(connection: Connection): void {
    const client = this.registry.of(connection);
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
    const callback = this.registry.of(connection).handlers.get(request.event);
    if (handler === undefined || callback === undefined) {
      throw new RealtimeError(ErrorCode.UnknownEvent, 'no handler answers to this event');
    }
    if (connection.session?.isAnonymous === true && !handler.isPublic) {
      throw new RealtimeError(ErrorCode.Unauthorized, 'the request needs credentials');
    }
    const context = new MessageContext(request);
    let result: unknown;
    try {
      result = await callback(request.payload, context);
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

  #settle(handler: GatewayHandler, result: Observable<unknown>): Promise<unknown> {
    const isStream = handler.returnsObservable || !this.explorer.hasInterceptors(handler);
    return isStream ? Promise.resolve(streamOf(result)) : valueOrStream(result);
  }
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
