import type { ArgumentsHost } from '@nestjs/common';

import type { RequestContext } from '../../core/index.js';

/** Where our context stands among the arguments of a handler: client, payload, context, pattern. */
const CONTEXT_INDEX = 2;

/**
 * One request on its way through Nest's guards, interceptors, pipes and filters. It travels as an
 * extra argument, so that filters can answer under the request's id: Nest gives them only the
 * connection.
 */
export class MessageContext {
  /** What the handler or an enhancer threw, noted by the default filter. */
  failure: { readonly error: unknown } | undefined;
  /** Whether the handler was reached. Only kept for handlers with filters of the application. */
  entered = false;
  /** Whether the handler came to its end. Only kept for handlers with filters of the application. */
  completed = false;

  constructor(private readonly request: RequestContext) {}

  /** The context of a message that this module handles; `undefined` for any other. */
  static of(host: ArgumentsHost): MessageContext | undefined {
    const context: unknown = host.getArgByIndex(CONTEXT_INDEX);
    return context instanceof MessageContext ? context : undefined;
  }

  /** The request's event. */
  get event(): string {
    return this.request.event;
  }

  /** Aborts when the request is cancelled or, unless it is idempotent, its connection ends. */
  get signal(): AbortSignal {
    return this.request.signal;
  }
}
