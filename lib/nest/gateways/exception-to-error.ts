import { HttpException } from '@nestjs/common';
import { WsException } from '@nestjs/websockets';

import { RealtimeError } from '../../core/index.js';
import { ErrorCode } from '../../protocol/index.js';

const BY_STATUS: ReadonlyMap<number, string> = new Map([
  [400, ErrorCode.BadRequest],
  [401, ErrorCode.Unauthorized],
  [403, ErrorCode.Forbidden],
  [404, ErrorCode.NotFound],
  [408, ErrorCode.Timeout],
  [409, ErrorCode.Conflict],
  [413, ErrorCode.PayloadTooLarge],
  [422, ErrorCode.ValidationFailed],
  [429, ErrorCode.RateLimited],
  [503, ErrorCode.Unavailable],
  [504, ErrorCode.Timeout],
]);

/** What Nest says when a guard returns false. */
const GUARD_REFUSAL = 'Forbidden resource';

/**
 * What a client is told of something that was thrown. Exceptions that are made for clients (Nest's
 * `HttpException` and `WsException`, our `RealtimeError`) pass with their message; for everything
 * else the result is `undefined`: the client learns nothing, the log everything.
 */
export function exceptionToError(exception: unknown): RealtimeError | undefined {
  if (exception instanceof RealtimeError) return exception;
  if (exception instanceof WsException) return fromWsException(exception);
  if (exception instanceof HttpException) return fromHttpException(exception);
  return undefined;
}

function fromWsException(exception: WsException): RealtimeError {
  const error = exception.getError();
  if (typeof error === 'string') {
    const code = error === GUARD_REFUSAL ? ErrorCode.Forbidden : ErrorCode.Rejected;
    return new RealtimeError(code, error);
  }
  const { code, message, details } = error as Record<string, unknown>;
  return new RealtimeError(
    typeof code === 'string' ? code : ErrorCode.Rejected,
    typeof message === 'string' ? message : 'the request was refused',
    details === undefined ? {} : { details },
  );
}

function fromHttpException(exception: HttpException): RealtimeError {
  const status = exception.getStatus();
  const code = BY_STATUS.get(status) ?? (status < 500 ? ErrorCode.BadRequest : ErrorCode.Internal);
  const response = exception.getResponse();
  const messages: unknown =
    typeof response === 'string' ? undefined : Reflect.get(response, 'message');
  // Nest's validation pipes give the broken rules as a list under `message`.
  if (Array.isArray(messages) && (status === 400 || status === 422)) {
    const message = 'the payload breaks the schema';
    return new RealtimeError(ErrorCode.ValidationFailed, message, { details: messages });
  }
  return new RealtimeError(code, exception.message);
}
