import { checkFrame } from './check-frame.js';
import type { ServerFrame } from './server-frames.js';
import { badFrame, ProtocolError } from './protocol-error.js';
import { parseJson } from './parse-json.js';
import { serverFrameRules } from './server-frame-rules.js';

/**
 * Reads a frame that a server sent. Total, as the other direction. A type of a later version is an
 * error with code `unknown-type`: a client ignores those.
 */
export function decodeServerFrame(input: unknown): ServerFrame | ProtocolError {
  if (typeof input !== 'string') return badFrame('expected a text message, got a binary one');
  const value = parseJson(input);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return badFrame('expected a JSON object');
  }
  const rules = checkFrame(serverFrameRules, (name) => (value as Record<string, unknown>)[name]);
  return rules instanceof ProtocolError ? rules : (value as ServerFrame);
}
