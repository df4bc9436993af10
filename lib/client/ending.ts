import type { CloseAction, CloseCode } from '../protocol/index.js';
import type { Loss } from './client-state.js';
import { clientError, type RealtimeClientError } from './errors.js';
import type { Settings } from './options.js';

const FORBIDDEN: typeof CloseCode.Forbidden = 4403;

/** The error that the end of a connection means for good; `undefined` when another may follow. */
export function endingError(
  loss: Loss,
  action: CloseAction,
  { token }: Settings,
): RealtimeClientError | undefined {
  const more = { details: loss };
  if (action === 'refresh' && typeof token !== 'function') {
    return clientError('unauthorized', more);
  }
  if (action !== 'stop') return undefined;
  const code = loss.code === FORBIDDEN ? 'forbidden' : 'closed';
  return clientError(code, more);
}
