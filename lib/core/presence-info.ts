import { MAX_PRESENCE_INFO_BYTES } from '../protocol/index.js';

const encoder = new TextEncoder();

/**
 * Whether public info is more than anybody may have.
 *
 * @throws TypeError if JSON cannot hold it.
 */
export function isTooMuchInfo(info: unknown): boolean {
  // The declared type hides that `undefined` has no JSON text.
  const text = (JSON.stringify(info) as string | undefined) ?? '';
  if (text.length > MAX_PRESENCE_INFO_BYTES) return true;
  return encoder.encode(text).byteLength > MAX_PRESENCE_INFO_BYTES;
}
