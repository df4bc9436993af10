import { MAX_CLOSE_REASON_BYTES } from '../protocol/index.js';

/** Cuts a reason to what a close frame may hold, never in the middle of a code point. */
export function cutCloseReason(reason: string): string {
  if (Buffer.byteLength(reason) <= MAX_CLOSE_REASON_BYTES) return reason;
  let cut = '';
  let bytes = 0;
  for (const character of reason) {
    bytes += Buffer.byteLength(character);
    if (bytes > MAX_CLOSE_REASON_BYTES) break;
    cut += character;
  }
  return cut;
}
