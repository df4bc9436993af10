import type { JsonCodec } from './json-codec.js';

/** `JSON.parse` as a value: `undefined` (which no JSON text stands for) when the text is not JSON. */
export function parseJson(text: string, json: Pick<JsonCodec, 'parse'> = JSON): unknown {
  try {
    return json.parse(text);
  } catch {
    // The peer's fault, reported by the caller as a value; the engine's message would quote the input.
    return undefined;
  }
}
