/** Checks of what the application passes to public methods. */
import {
  ErrorCode,
  isRoomName,
  MAX_EVENT_LENGTH,
  MAX_ID_LENGTH,
  Payload,
  ROOM_NAME_RULE,
} from '../protocol/index.js';
import { RealtimeError } from './errors.js';
import type { RevocationRule } from './ports/index.js';

/** @throws RealtimeError `invalid-field` unless it is a room name. */
export function assertRoom(room: string): void {
  if (typeof room === 'string' && isRoomName(room)) return;
  throw new RealtimeError(
    ErrorCode.InvalidField,
    `room: expected ${ROOM_NAME_RULE}, got ${shape(room)}`,
  );
}

/** @throws RealtimeError `invalid-field` unless it is an event name. */
export function assertEvent(event: string): void {
  if (typeof event === 'string' && event.length > 0 && event.length <= MAX_EVENT_LENGTH) return;
  const rule = `a string of 1 to ${String(MAX_EVENT_LENGTH)} characters`;
  throw new RealtimeError(ErrorCode.InvalidField, `event: expected ${rule}, got ${shape(event)}`);
}

/** @throws RealtimeError `invalid-field` unless a message may be the latest of it: 1 to 64 characters. */
export function assertLatest(latest: string): void {
  if (typeof latest === 'string' && latest.length > 0 && latest.length <= MAX_ID_LENGTH) return;
  const rule = `a string of 1 to ${String(MAX_ID_LENGTH)} characters`;
  throw new RealtimeError(ErrorCode.InvalidField, `latest: expected ${rule}, got ${shape(latest)}`);
}

/**
 * Whether a message is volatile of which this was said; `undefined`: nothing says so.
 *
 * @throws RealtimeError `invalid-field` if it is the latest of what is no such text, or of something and
 * not to be volatile.
 */
export function assertVolatile(how: {
  readonly latest?: string;
  readonly volatile?: boolean;
}): boolean | undefined {
  const { latest, volatile } = how;
  if (latest === undefined) return volatile;
  assertLatest(latest);
  if (volatile !== false) return true;
  const message = 'latest: expected a message that may be volatile';
  throw new RealtimeError(ErrorCode.InvalidField, message);
}

/** @throws RealtimeError `invalid-field` unless an application may close with it: 1000 or 4000–4999. */
export function assertCloseCode(code: number): void {
  if (code === 1000 || (Number.isInteger(code) && code >= 4000 && code <= 4999)) return;
  const message = `code: expected 1000 or an integer from 4000 to 4999, got ${String(code)}`;
  throw new RealtimeError(ErrorCode.InvalidField, message);
}

/** @throws RealtimeError `invalid-field` for a rule that names nobody. */
export function assertRevocation({
  userId,
  sessionId,
  tokenId,
  issuedBefore,
}: RevocationRule): void {
  if ([userId, sessionId, tokenId, issuedBefore].some((field) => field !== undefined)) return;
  const expected = 'expected at least one of userId, sessionId, tokenId, issuedBefore';
  throw new RealtimeError(ErrorCode.InvalidField, `rule: ${expected}, got none`);
}

/** Most milliseconds a timer can take; beyond, `setTimeout` fires at once. */
const MAX_TIMER_MS = 2_147_483_647;

/** @throws RealtimeError `invalid-field` unless a timer can wait that long. */
export function assertTimeout(timeoutMs: number): void {
  if (Number.isInteger(timeoutMs) && timeoutMs >= 1 && timeoutMs <= MAX_TIMER_MS) return;
  const rule = `an integer from 1 to ${String(MAX_TIMER_MS)}`;
  throw new RealtimeError(
    ErrorCode.InvalidField,
    `timeoutMs: expected ${rule}, got ${String(timeoutMs)}`,
  );
}

/** The JSON text of a payload; `undefined` for `undefined`. */
export function payloadText(payload: unknown): string | undefined {
  return Payload.of(payload)?.text;
}

/**
 * The JSON text of a value that has to be one.
 *
 * @throws TypeError for what JSON cannot hold: `undefined`, functions, symbols, cycles, BigInts.
 */
export function jsonText(value: unknown): string {
  const text = payloadText(value);
  if (text === undefined) {
    throw new TypeError(`expected a value that JSON can hold, got ${typeof value}`);
  }
  return text;
}

/** Type and length: the value may have come from a client. */
function shape(value: unknown): string {
  return typeof value === 'string' ? `a string of ${String(value.length)}` : typeof value;
}
