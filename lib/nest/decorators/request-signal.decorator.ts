import { createParamDecorator, type ExecutionContext } from '@nestjs/common';

import { MessageContext } from '../gateways/message-context.js';

/**
 * Injects an `AbortSignal` that aborts when the client cancels the request or its connection ends (in
 * an `@Idempotent()` handler only when the client cancels): `@RequestSignal() signal: AbortSignal`.
 * Pass it on to `fetch`, a database driver, a stream.
 */
export const RequestSignal = createParamDecorator(
  (_: unknown, context: ExecutionContext): AbortSignal | undefined =>
    MessageContext.of(context)?.signal,
);
