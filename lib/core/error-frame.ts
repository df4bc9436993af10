import type { ErrorFrame } from '../protocol/index.js';
import type { RealtimeError } from './errors.js';

/** What a client is told of an error: code, message and details, never its cause or stack. */
export function errorFrame(error: RealtimeError, id?: string): ErrorFrame {
  return {
    type: 'error',
    ...(id === undefined ? {} : { id }),
    code: error.code,
    message: error.message,
    retryable: error.retryable,
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
    ...(error.details === undefined ? {} : { details: error.details }),
  };
}
