import { MAX_CLOSE_REASON_BYTES } from '../protocol/index.js';

/**
 * Cuts a reason to what a close frame may hold, never in the middle of a code point. Plain JavaScript
 * may pass anything: only a string may reach `ws`, which sends memory of others for a typed array
 * (CVE-2026-45736) and throws for the rest.
 */
export function cutCloseReason(reason: unknown): string {
  const text = String(reason);
  if (Buffer.byteLength(text) <= MAX_CLOSE_REASON_BYTES) return text;
  let cut = '';
  let bytes = 0;
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > MAX_CLOSE_REASON_BYTES) break;
    cut += character;
  }
  return cut;
}
