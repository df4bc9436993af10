import { BACKSLASH, CLOSE_BRACE, SPACE } from './characters.js';
import type { RequestFrame } from './client-frames.js';
import { MAX_DEPTH, MAX_EVENT_LENGTH, MAX_ID_LENGTH } from './limits.js';
import { parseJson } from './parse-json.js';
import { Payload } from './payload.js';

/** A request as `JSON.stringify` writes it, field by field. */
const BEFORE_ID = '{"type":"request","id":"';
const BEFORE_EVENT = '","event":"';
const BEFORE_PAYLOAD = '","payload":';
const END = '"}';

/**
 * Reads a request that is written as the SDK writes it, in this order of fields and with no others:
 * nothing but its payload is parsed. Nearly all frames that a busy server reads are of this kind, and
 * `JSON.parse` would keep every short id in a table that is never young.
 *
 * @returns `undefined` for any other text, good or bad: it is to be read in the general way. Never a
 * frame that the general way would read differently.
 */
export function readPlainRequest(text: string): RequestFrame<Payload> | undefined {
  if (!text.startsWith(BEFORE_ID)) return undefined;
  const idAt = BEFORE_ID.length;
  const idEnd = plainEnd(text, idAt, MAX_ID_LENGTH);
  if (idEnd < 0 || !text.startsWith(BEFORE_EVENT, idEnd)) return undefined;
  const eventAt = idEnd + BEFORE_EVENT.length;
  const eventEnd = plainEnd(text, eventAt, MAX_EVENT_LENGTH);
  if (eventEnd < 0) return undefined;
  const id = text.slice(idAt, idEnd);
  const event = text.slice(eventAt, eventEnd);
  if (text.startsWith(BEFORE_PAYLOAD, eventEnd)) {
    const payload = plainPayload(text, eventEnd + BEFORE_PAYLOAD.length);
    return payload && { type: 'request', id, event, payload };
  }
  const isWhole = text.length === eventEnd + END.length && text.endsWith(END);
  return isWhole ? { type: 'request', id, event } : undefined;
}

/** Where a string without escapes ends, or -1 if it is empty, too long, or not as plain as that. */
function plainEnd(text: string, from: number, maxLength: number): number {
  const end = text.indexOf('"', from);
  if (end <= from || end - from > maxLength) return -1;
  for (let at = from; at < end; at += 1) {
    const code = text.charCodeAt(at);
    if (code < SPACE || code === BACKSLASH) return -1;
  }
  return end;
}

/** The payload from here to the last brace, if there is exactly one value and nothing beside it. */
function plainPayload(text: string, from: number): Payload | undefined {
  const end = text.length - 1;
  if (text.charCodeAt(end) !== CLOSE_BRACE) return undefined;
  // Its text is passed on as it is, and white space around a value is no part of it.
  if (text.charCodeAt(from) <= SPACE || text.charCodeAt(end - 1) <= SPACE) return undefined;
  if (!hasFewBrackets(text, from)) return undefined;
  const source = text.slice(from, end);
  const value = parseJson(source);
  return value === undefined ? undefined : Payload.parsed(source, value);
}

/**
 * Whether a text has too few brackets from some place on to be nested too deeply, wherever they stand:
 * most have. Deeper ones end the stack when they are parsed.
 */
export function hasFewBrackets(text: string, from = 0): boolean {
  let left = MAX_DEPTH - 1;
  for (const bracket of '[{') {
    for (let at = text.indexOf(bracket, from); at >= 0; at = text.indexOf(bracket, at + 1)) {
      left -= 1;
      if (left < 0) return false;
    }
  }
  return true;
}
