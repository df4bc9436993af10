import { checkFrame } from './check-frame.js';
import { clientFrameRules } from './client-frame-rules.js';
import type { ClientFrame } from './client-frames.js';
import { MAX_DEPTH } from './limits.js';
import { Payload } from './payload.js';
import { badFrame, ProtocolError } from './protocol-error.js';
import { parseJson } from './parse-json.js';
import { scanObject, type ScanFailure, type ScannedField } from './scan.js';

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
  const fields = scanObject(input, MAX_DEPTH);
  if (typeof fields === 'string') return badFrame(SCAN_MESSAGES[fields]);
  const values = readFields(input, fields);
  if (values === undefined) return badFrame(SCAN_MESSAGES.malformed);
  const rules = checkFrame(clientFrameRules, (name) => values.get(name)?.value);
  if (rules instanceof ProtocolError) return rules;
  const frame: Record<string, unknown> = { type: values.get('type')?.value };
  for (const { name } of rules) {
    const field = values.get(name);
    if (field !== undefined) frame[name] = name === 'payload' ? field : field.value;
  }
  return frame as unknown as ClientFrame<Payload>;
}

/**
 * Text and value of every field, the last one of each name, as `JSON.parse` would have it;
 * `undefined` if one is not JSON.
 */
function readFields(
  text: string,
  fields: readonly ScannedField[],
): Map<string, Payload> | undefined {
  const values = new Map<string, Payload>();
  for (const { key, start, end } of fields) {
    const raw = text.slice(start, end);
    const value = parseJson(raw);
    if (value === undefined) return undefined;
    values.set(key, Payload.parsed(raw, value));
  }
  return values;
}
