/**
 * How a large JSON text is turned into values without holding up the event loop: in pieces, each of which
 * `JSON.parse` reads at once. The plan is made on another thread, where the text was found to be good.
 */

/** From one place in the text up to, but not including, another. */
export interface TextRange {
  readonly start: number;
  readonly end: number;
}

/** A member of a large array or object that is large itself. */
export interface LargeMember {
  /** Of a member of an object: its name. */
  readonly key: string | undefined;
  readonly plan: ReadingPlan;
}

/** A value that is read at once, or an array or object whose members are read one run after the other. */
export type ReadingPlan =
  | TextRange
  | { readonly kind: 'array' | 'object'; readonly parts: readonly (TextRange | LargeMember)[] };

/** Characters that are read at once. 32 768 take about 1 ms, of whatever shape they are. */
export const PIECE_LENGTH = 32_768;

const QUOTE = 34;
const COMMA = 44;
const COLON = 58;
const OPEN_BRACKET = 91;
const BACKSLASH = 92;
const CLOSE_BRACKET = 93;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;

/** The place behind the string that opens at `from`, in a text that is known to be good. */
function afterString(text: string, from: number): number {
  let at = from + 1;
  for (let code = text.charCodeAt(at); code !== QUOTE; code = text.charCodeAt(at)) {
    at += code === BACKSLASH ? 2 : 1;
  }
  return at + 1;
}

/** Where the members of the array or object between two places stand. */
function membersOf(text: string, { start, end }: TextRange): TextRange[] {
  const members: TextRange[] = [];
  let depth = 0;
  let from = start + 1;
  let at = from;
  while (at < end - 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = afterString(text, at);
      continue;
    }
    if (code === OPEN_BRACKET || code === OPEN_BRACE) depth += 1;
    else if (code === CLOSE_BRACKET || code === CLOSE_BRACE) depth -= 1;
    else if (code === COMMA && depth === 0) {
      members.push({ start: from, end: at });
      from = at + 1;
    }
    at += 1;
  }
  members.push({ start: from, end: at });
  return members;
}

/** Where the value of an object's member stands, and its name. */
function largeMember(text: string, member: TextRange, isNamed: boolean): LargeMember {
  if (!isNamed) return { key: undefined, plan: planReading(text, member) };
  const quote = text.indexOf('"', member.start);
  const behind = afterString(text, quote);
  const start = text.indexOf(':', behind) + 1;
  const key = JSON.parse(text.slice(quote, behind)) as string;
  return { key, plan: planReading(text, { start, end: member.end }) };
}

/** Plans the reading of a value that is known to be good JSON. */
export function planReading(text: string, range: TextRange): ReadingPlan {
  let { start, end } = range;
  while (text.charCodeAt(start) <= 32) start += 1;
  while (text.charCodeAt(end - 1) <= 32) end -= 1;
  const first = text.charCodeAt(start);
  const isObject = first === OPEN_BRACE;
  if (end - start <= PIECE_LENGTH || !(isObject || first === OPEN_BRACKET)) return { start, end };
  const parts: (TextRange | LargeMember)[] = [];
  let run: TextRange | undefined;
  for (const member of membersOf(text, { start, end })) {
    const isLarge = member.end - member.start > PIECE_LENGTH;
    if (run !== undefined && (isLarge || member.end - run.start > PIECE_LENGTH)) {
      parts.push(run);
      run = undefined;
    }
    if (isLarge) parts.push(largeMember(text, member, isObject));
    else run = { start: run?.start ?? member.start, end: member.end };
  }
  if (run !== undefined) parts.push(run);
  return { kind: isObject ? 'object' : 'array', parts };
}

/** Fields of the object that has the most of them. */
export function mostFields(text: string): number {
  const counts: number[] = [];
  let most = 0;
  let at = 0;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = afterString(text, at);
      continue;
    }
    if (code === OPEN_BRACE) counts.push(0);
    else if (code === COLON) counts.push((counts.pop() ?? 0) + 1);
    else if (code === CLOSE_BRACE) most = Math.max(most, counts.pop() ?? 0);
    at += 1;
  }
  return most;
}
