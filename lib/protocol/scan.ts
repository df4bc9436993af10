/**
 * Finds the fields of a JSON object without building its values: one pass over the text, linear in
 * its length. Strings and nesting are followed exactly, so a field's range is right even when a
 * payload contains braces in strings; whether the *inside* of a range is valid JSON is left to
 * `JSON.parse` of that range. Accepting a text here and parsing every range accepts exactly what
 * `JSON.parse` of the whole would (a property test compares the two).
 */

import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  skipSpace,
  SPACE,
} from './characters.js';
import { parseJson } from './parse-json.js';

/** Where a field's value stands in the text: from `start`, up to but not including `end`. */
export interface ScannedField {
  readonly key: string;
  readonly start: number;
  readonly end: number;
}

/** Why a text is not a JSON object that may be looked at further. */
export type ScanFailure = 'not-an-object' | 'too-deep' | 'malformed';

/** The place after the string that opens at `from`, or -1. */
function skipString(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at + 1;
    if (code < SPACE) return -1;
    at += code === BACKSLASH ? 2 : 1;
  }
  return -1;
}

/** The place after the array or object that opens at `from`, -1 if it never closes, -2 if it is too deep. */
function skipContainer(text: string, from: number, maxDepth: number): number {
  let depth = 0;
  let at = from;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = skipString(text, at);
      if (at < 0) return -1;
      continue;
    }
    if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      depth += 1;
      if (depth > maxDepth) return -2;
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
    at += 1;
  }
  return -1;
}

/** The place after the number or word that begins at `from`; `from` itself when there is none. */
function skipScalar(text: string, from: number): number {
  let at = from;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code <= SPACE || code === COMMA || code === CLOSE_BRACE) break;
    at += 1;
  }
  return at;
}

function skipValue(text: string, from: number, maxDepth: number): number {
  const code = text.charCodeAt(from);
  if (code === QUOTE) return skipString(text, from);
  if (code === OPEN_BRACE || code === OPEN_BRACKET) return skipContainer(text, from, maxDepth);
  const end = skipScalar(text, from);
  return end === from ? -1 : end;
}

/** The key of the string between two places, or `undefined` if its escapes are wrong. */
function readKey(text: string, start: number, end: number): string | undefined {
  const raw = text.slice(start + 1, end - 1);
  if (!raw.includes('\\')) return raw;
  return parseJson(text.slice(start, end)) as string | undefined;
}

/**
 * The fields of the object that `text` holds, in order of appearance. A key that occurs twice is
 * listed twice; the last one counts, as in `JSON.parse`.
 *
 * @param maxDepth deepest nesting allowed, the outer object included; at least 1.
 */
export function scanObject(text: string, maxDepth: number): ScannedField[] | ScanFailure {
  let at = skipSpace(text, 0);
  if (text.charCodeAt(at) !== OPEN_BRACE) return 'not-an-object';
  const fields: ScannedField[] = [];
  at = skipSpace(text, at + 1);
  if (text.charCodeAt(at) === CLOSE_BRACE) return endsAt(text, at + 1) ? fields : 'malformed';
  for (;;) {
    if (text.charCodeAt(at) !== QUOTE) return 'malformed';
    const keyEnd = skipString(text, at);
    if (keyEnd < 0) return 'malformed';
    const key = readKey(text, at, keyEnd);
    const colon = skipSpace(text, keyEnd);
    if (key === undefined || text.charCodeAt(colon) !== COLON) return 'malformed';
    const start = skipSpace(text, colon + 1);
    const end = skipValue(text, start, maxDepth - 1);
    if (end < 0) return end === -2 ? 'too-deep' : 'malformed';
    fields.push({ key, start, end });
    at = skipSpace(text, end);
    const next = text.charCodeAt(at);
    if (next === CLOSE_BRACE) return endsAt(text, at + 1) ? fields : 'malformed';
    if (next !== COMMA) return 'malformed';
    at = skipSpace(text, at + 1);
  }
}

function endsAt(text: string, from: number): boolean {
  return skipSpace(text, from) === text.length;
}
