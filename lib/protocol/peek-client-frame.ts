import { MAX_DEPTH } from './limits.js';
import { parseJson } from './parse-json.js';
import { scanObject } from './scan.js';
import { id as checkId } from './validate.js';

/** What a frame is, as far as it could be read. */
export interface PeekedFrame {
  readonly type?: string;
  readonly id?: string;
}

/**
 * Type and id of a message of a client, for who will not look at the rest: nothing else is parsed or
 * checked. Total, as `decodeClientFrame` is; what is no frame has neither.
 */
export function peekClientFrame(input: string | Uint8Array): PeekedFrame {
  const fields = typeof input === 'string' ? scanObject(input, MAX_DEPTH) : [];
  if (typeof input !== 'string' || typeof fields === 'string') return {};
  let type: unknown;
  let id: unknown;
  // A name that occurs twice counts where it occurs for the last time, as in `JSON.parse`.
  for (const { key, start, end } of fields) {
    if (key === 'type') type = parseJson(input.slice(start, end));
    if (key === 'id') id = parseJson(input.slice(start, end));
  }
  return {
    ...(typeof type === 'string' ? { type } : {}),
    ...(typeof id === 'string' && checkId(id) === undefined ? { id } : {}),
  };
}
