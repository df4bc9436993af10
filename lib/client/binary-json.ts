import { BYTES_FIELD, isBase64, type JsonCodec } from '../protocol/index.js';

/** Characters of one `String.fromCharCode`: engines take some 65,000 arguments at least. */
const CHUNK = 32_768;

/**
 * For the option `json`: a `Uint8Array` anywhere in what is sent arrives as bytes (on the server as a
 * `Buffer`), and so does one that the server or another client sends. On the wire it is base64 in JSON, a third
 * larger than the bytes. Other views, `ArrayBuffer` and `Blob` are no `Uint8Array`: wrap them.
 *
 * A value of its own, so that pages which send no bytes do not carry it.
 */
export const binaryJson: JsonCodec = {
  parse: (text) =>
    JSON.parse(text, text.includes(`"${BYTES_FIELD}"`) ? restore : undefined) as unknown,
  stringify: (value) => JSON.stringify(value, replace),
};

/** Looks at what the object holds: a `Buffer` on Node comes as its own JSON. */
function replace(this: unknown, name: string, value: unknown): unknown {
  const held = (this as Record<string, unknown>)[name];
  return held instanceof Uint8Array ? { [BYTES_FIELD]: base64(held) } : value;
}

function restore(_name: string, value: unknown): unknown {
  const isObject = typeof value === 'object' && value !== null;
  const text = isObject ? (value as Record<string, unknown>)[BYTES_FIELD] : undefined;
  if (typeof text !== 'string' || Object.keys(value as object).length !== 1) return value;
  // Asked first: `atob` also takes white space, and no padding, which are somebody's own on the server.
  return isBase64(text)
    ? Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
    : value;
}

function base64(bytes: Uint8Array): string {
  let characters = '';
  for (let at = 0; at < bytes.length; at += CHUNK) {
    characters += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  }
  return btoa(characters);
}
