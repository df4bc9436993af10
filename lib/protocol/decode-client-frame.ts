import { checkFrame } from './check-frame.js';
import { clientFrameRules } from './client-frame-rules.js';
import type { ClientFrame } from './client-frames.js';
import { MAX_DEPTH } from './limits.js';
import { Payload } from './payload.js';
import { badFrame, ProtocolError } from './protocol-error.js';
import { parseJson } from './parse-json.js';
import { hasFewBrackets, readPlainRequest } from './plain-request.js';
import { scanObject, type ScanFailure } from './scan.js';

const SCAN_MESSAGES: Record<ScanFailure, string> = {
  'not-an-object': 'expected a JSON object',
  malformed: 'expected a JSON object, got malformed JSON',
  'too-deep': `expected at most ${String(MAX_DEPTH)} levels of nesting`,
};

/**
 * Reads a frame that a client sent. Total: any input gives a frame or a {@link ProtocolError}, never an
 * exception, in time linear in its length. Unknown fields are ignored; a payload's text is kept as it came.
 *
 * @param input a text message's text, or a binary message's bytes (which are never a frame of
 * `realtime.v1.json`).
 */
export function decodeClientFrame(
  input: string | Uint8Array,
): ClientFrame<Payload> | ProtocolError {
  if (typeof input !== 'string') return badFrame('expected a text message, got a binary one');
  return readPlainRequest(input) ?? decodeText(input);
}

function decodeText(input: string): ClientFrame<Payload> | ProtocolError {
  const value = parseFlat(input);
  if (typeof value !== 'object') return badFrame(SCAN_MESSAGES[value]);
  const read = (name: string): unknown => value[name];
  const rules = checkFrame(clientFrameRules, read);
  if (rules instanceof ProtocolError) return rules;
  // Field by field: what no rule knows is left behind.
  const frame: Record<string, unknown> = { type: value['type'] };
  for (const { name } of rules) {
    const field = value[name];
    if (field === undefined) continue;
    frame[name] = name === 'payload' ? Payload.within(input, field) : field;
  }
  return frame as unknown as ClientFrame<Payload>;
}

/** The object that a text holds, if it is not nested too deeply, or what is wrong. */
function parseFlat(text: string): Readonly<Record<string, unknown>> | ScanFailure {
  // Looked at before it is parsed: a text that is nested deeply enough ends the stack.
  const failure = hasFewBrackets(text) ? undefined : scanObject(text, MAX_DEPTH);
  if (typeof failure === 'string') return failure;
  const value = parseJson(text);
  if (isObject(value)) return value;
  const found = scanObject(text, MAX_DEPTH);
  return typeof found === 'string' ? found : 'malformed';
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
