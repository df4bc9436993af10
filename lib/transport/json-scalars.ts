/** Where the strings, numbers and words of a JSON text end, if they are good (RFC 8259, sections 3, 6, 7). */

// Not by the folder's door: nobody else looks at the characters of a text.
import {
  BACKSLASH,
  DIGIT_0,
  DIGIT_9,
  LETTER_U,
  MINUS,
  PLUS,
  POINT,
  QUOTE,
  SPACE,
} from '../protocol/characters.js';

const ESCAPED = '"\\/bfnrt';
const HEXADECIMAL = /^[\dA-Fa-f]{4}$/;
const WORDS = ['true', 'false', 'null'] as const;

/** The place behind the string that opens at `from`; -1 if it is none that JSON knows. */
export function stringEnd(text: string, from: number): number {
  if (text.charCodeAt(from) !== QUOTE) return -1;
  const { length } = text;
  let at = from + 1;
  while (at < length) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at + 1;
    if (code < SPACE) return -1;
    if (code === BACKSLASH) {
      at = escapeEnd(text, at);
      if (at < 0) return -1;
    } else at += 1;
  }
  return -1;
}

function escapeEnd(text: string, from: number): number {
  if (text.charCodeAt(from + 1) === LETTER_U) {
    return HEXADECIMAL.test(text.slice(from + 2, from + 6)) ? from + 6 : -1;
  }
  const isKnown = from + 1 < text.length && ESCAPED.includes(text.charAt(from + 1));
  return isKnown ? from + 2 : -1;
}

/** The place behind the number or word that begins at `from`; -1 if there is none that JSON knows. */
export function scalarEnd(text: string, from: number): number {
  const first = text.charCodeAt(from);
  if (first === MINUS || isDigit(first)) return numberEnd(text, from);
  const word = WORDS.find((each) => text.startsWith(each, from));
  return word === undefined ? -1 : from + word.length;
}

function numberEnd(text: string, from: number): number {
  const whole = text.charCodeAt(from) === MINUS ? from + 1 : from;
  let at = digitsEnd(text, whole);
  // No digit at all, or one too many behind a nought.
  if (at === whole || (at > whole + 1 && text.charCodeAt(whole) === DIGIT_0)) return -1;
  if (text.charCodeAt(at) === POINT) {
    const fraction = at + 1;
    at = digitsEnd(text, fraction);
    if (at === fraction) return -1;
  }
  const mark = text.charAt(at);
  if (mark !== 'e' && mark !== 'E') return at;
  const sign = text.charCodeAt(at + 1);
  const exponent = sign === PLUS || sign === MINUS ? at + 2 : at + 1;
  at = digitsEnd(text, exponent);
  return at === exponent ? -1 : at;
}

function digitsEnd(text: string, from: number): number {
  let at = from;
  while (isDigit(text.charCodeAt(at))) at += 1;
  return at;
}

function isDigit(code: number): boolean {
  return code >= DIGIT_0 && code <= DIGIT_9;
}
