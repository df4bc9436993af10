import { RealtimeError } from '../core/index.js';
import { ErrorCode } from '../protocol/index.js';

/** The store cannot do it now; nothing has taken effect. */
export function unavailable(what: string, cause?: unknown): RealtimeError {
  return new RealtimeError(ErrorCode.Unavailable, `redis: ${what}`, { cause });
}

/** It was sent, and no answer came: whether it took effect is not known. */
export function unknownOutcome(what: string, cause?: unknown): RealtimeError {
  return new RealtimeError(ErrorCode.Timeout, `redis: ${what}`, { cause });
}

/**
 * What a rejected command means. A reply of the server (`OOM`, `READONLY`, `LOADING`, `BUSY`,
 * `CLUSTERDOWN`, `MISCONF`, `NOPERM` …) says that nothing has taken effect: its scripts write only after
 * whatever may fail. Anything else is the end of the connection, and says nothing.
 */
export function whyRejected(error: unknown): RealtimeError {
  if (error instanceof RealtimeError) return error;
  if (error instanceof Error && error.name === 'ReplyError') {
    return unavailable(`expected the command to be carried out, got ${codeOf(error)}`, error);
  }
  // What a cluster refuses (`CLUSTERDOWN`, `TRYAGAIN`) ioredis tries again, so often; one of those times
  // may have been the end of a connection.
  const wasSentAgain = error instanceof Error && error.message.startsWith('Too many Cluster');
  const got = wasSentAgain ? 'the cluster goes on refusing' : 'the connection ended';
  return unknownOutcome(`expected an answer, but ${got}`, error);
}

/** The first word of a reply: the rest may quote keys. */
function codeOf({ message }: Error): string {
  return /^[A-Z]+/.exec(message)?.[0] ?? 'an error';
}
