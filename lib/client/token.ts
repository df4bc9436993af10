import { clientError, type RealtimeClientError } from './errors.js';

/**
 * Where the client's credentials come from: a fixed token, or a function that is called before
 * every attempt to connect and when the server asks for fresh ones. `undefined` connects without a
 * token (the handshake's cookies may do).
 *
 * One call is under way at a time: who asks meanwhile gets what it gives. A call that takes longer than an
 * attempt to connect is waited for by the next one; after six times `connectTimeoutMs` it is begun anew, and
 * after a refusal (4401) at once. What a call gives is used once.
 *
 * A function that throws or rejects is called again after a delay; an {@link UnauthorizedError}
 * stops the client for good.
 */
export type TokenSource = string | (() => string | undefined | Promise<string | undefined>);

/**
 * What a token function threw, as an error of the client: retryable, unless it said that there are no
 * credentials and will be none.
 */
export function tokenError(cause: unknown): RealtimeClientError {
  const isFinal = (cause as { readonly code?: unknown } | undefined)?.code === 'unauthorized';
  return clientError(isFinal ? 'unauthorized' : 'token-failed', { cause, retryable: !isFinal });
}
