import {
  assertEvent,
  assertTimeout,
  payloadText,
  RealtimeError,
  type ClientQuestion,
  type ClientReply,
  type RealtimeNode,
} from '../../core/index.js';
import { ErrorCode, withBytes } from '../../protocol/index.js';

/** How to ask clients. */
export interface ClientRequestOptions {
  /** Longest wait for the answer, in milliseconds. Integer from 1 to 2^31 - 1. Default 10 000. */
  readonly timeoutMs?: number;
  /** Gives up waiting: clients of this process are told so by `cancel`. Absent: only the time does. */
  readonly signal?: AbortSignal;
}

/** A client that was asked. */
export interface AskedClient {
  readonly connectionId: string;
  readonly userId: string;
}

/** What a client answered. */
export interface ClientAnswer extends AskedClient {
  /** Untrusted: validate it before use. `undefined` when the client only acknowledged. */
  readonly payload: unknown;
}

/** How a client refused. */
export interface ClientRefusal extends AskedClient {
  /** The client's code, or `rate-limited` where too many requests wait for that client already. */
  readonly code: string;
  /** The client's words. Untrusted. */
  readonly message: string;
}

/** What came of asking everyone in a room. Each connection that was asked stands in one of the lists. */
export interface RoomAnswers {
  readonly answers: readonly ClientAnswer[];
  readonly refused: readonly ClientRefusal[];
  /** Who did not answer in time, or whose connection ended first. */
  readonly silent: readonly AskedClient[];
}

/** Asks one connection. See `RoomService.request`. */
export async function askConnection(
  node: RealtimeNode,
  connectionId: string,
  question: ClientQuestion,
): Promise<unknown> {
  const [reply] = await node.request({ connectionId }, question);
  if (reply === undefined) throw new RealtimeError(ErrorCode.Unavailable, 'it is not connected');
  const { outcome } = reply;
  switch (outcome.kind) {
    case 'answered':
      return valueOf(outcome.payload);
    case 'refused': {
      // Its words only as the cause: where a handler lets this error through, they reach no other client.
      const { code, message: cause } = outcome;
      throw new RealtimeError(code, 'the client refused the request', { cause });
    }
    case 'silent':
      throw outcome.ended === true
        ? new RealtimeError(ErrorCode.Unavailable, 'the connection ended before its answer came')
        : new RealtimeError(ErrorCode.Timeout, 'the client did not answer in time');
  }
}

/** Asks everyone in a room. See `RoomService.requestAll`. */
export async function askRoom(
  node: RealtimeNode,
  room: string,
  question: ClientQuestion,
): Promise<RoomAnswers> {
  const answers: ClientAnswer[] = [];
  const refused: ClientRefusal[] = [];
  const silent: AskedClient[] = [];
  for (const reply of await node.request({ room }, question)) {
    const { outcome } = reply;
    const who = whoIs(reply);
    if (outcome.kind === 'silent') silent.push(who);
    else if (outcome.kind === 'answered')
      answers.push({ ...who, payload: valueOf(outcome.payload) });
    else refused.push({ ...who, code: outcome.code, message: outcome.message });
  }
  return { answers, refused, silent };
}

/** @throws RealtimeError `invalid-field` for a bad event name or time. */
export function questionOf(
  event: string,
  payload: unknown,
  { timeoutMs = 10_000, signal }: ClientRequestOptions,
): ClientQuestion {
  assertEvent(event);
  assertTimeout(timeoutMs);
  return { event, payload: payloadText(payload), timeoutMs, signal };
}

function whoIs({ connectionId, userId }: ClientReply): AskedClient {
  return { connectionId, userId };
}

/** Checked when it came in: it parses. */
function valueOf(payload: string | undefined): unknown {
  return payload === undefined ? undefined : withBytes(payload, JSON.parse(payload));
}
