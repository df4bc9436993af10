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
  const values = readValues(input, fields);
  if (values === undefined) return badFrame(SCAN_MESSAGES.malformed);
  const rules = checkFrame(clientFrameRules, (name) => values[lastOf(fields, name)]);
  if (rules instanceof ProtocolError) return rules;
  const frame: Record<string, unknown> = { type: values[lastOf(fields, 'type')] };
  for (const { name } of rules) {
    const index = lastOf(fields, name);
    const field = fields[index];
    if (field === undefined) continue;
    const value = values[index];
    frame[name] =
      name === 'payload' ? Payload.parsed(input.slice(field.start, field.end), value) : value;
  }
  return frame as unknown as ClientFrame<Payload>;
}

/** The value of every field; `undefined` if one is not JSON. */
function readValues(text: string, fields: readonly ScannedField[]): unknown[] | undefined {
  const values: unknown[] = [];
  for (const field of fields) {
    const value = readValue(text, field);
    if (value === undefined) return undefined;
    values.push(value);
  }
  return values;
}

/** Most fields of a frame are short strings without escapes: those are their own text. */
function readValue(text: string, { start, end, isPlain }: ScannedField): unknown {
  return isPlain ? text.slice(start + 1, end - 1) : parseJson(text.slice(start, end));
}

/** Where a name occurs for the last time: that is the one which counts, as in `JSON.parse`. -1: nowhere. */
function lastOf(fields: readonly ScannedField[], name: string): number {
  let index = fields.length - 1;
  while (index >= 0 && fields[index]?.key !== name) index -= 1;
  return index;
}
