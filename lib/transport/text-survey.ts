// Not by the folder's door: nobody else looks at the characters of a text.
import {
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  skipSpace,
} from '../protocol/characters.js';
import { scalarEnd, stringEnd } from './json-scalars.js';
import {
  PIECE_LENGTH,
  type LargeMember,
  type MembersPlan,
  type ReadingPlan,
  type TextRange,
} from './reading-plan.js';

/** A text is not JSON from here on. */
const BAD = -1;

/**
 * Goes over the values in a text once: finds out whether each is what `JSON.parse` takes, plans how it is
 * read, and counts. Builds nothing, so that it takes a fraction of what `JSON.parse` does.
 */
export class TextSurvey {
  #mostFields = 0;
  /** How to read the value that was passed last; `undefined`: at once. */
  #plan: MembersPlan | undefined;

  /**
   * @param maxDepth deepest nesting of arrays and objects within a value; what is deeper is not good.
   * @param pieceLength characters that are read at once.
   */
  constructor(
    private readonly text: string,
    private readonly maxDepth: number,
    private readonly pieceLength = PIECE_LENGTH,
  ) {}

  /** Fields of the object that has the most of them, of all that were looked at. */
  get mostFields(): number {
    return this.#mostFields;
  }

  /** Plans the reading of the value between two places. `undefined`: there is no good one. */
  plan({ start, end }: TextRange): ReadingPlan | undefined {
    const from = skipSpace(this.text, start);
    const behind = this.#value(from, 0);
    if (behind === BAD || skipSpace(this.text, behind) < end || behind > end) return undefined;
    return this.#plan ?? { start: from, end: behind };
  }

  /** The place behind the value that begins here. */
  #value(at: number, depth: number): number {
    this.#plan = undefined;
    const code = this.text.charCodeAt(at);
    if (code === QUOTE) return stringEnd(this.text, at);
    const isObject = code === OPEN_BRACE;
    if (!isObject && code !== OPEN_BRACKET) return scalarEnd(this.text, at);
    return depth === this.maxDepth ? BAD : this.#members(at, depth + 1, isObject);
  }

  #members(start: number, depth: number, isObject: boolean): number {
    const { text } = this;
    const close = isObject ? CLOSE_BRACE : CLOSE_BRACKET;
    const runs = new Runs(this.pieceLength);
    let members = 0;
    let at = skipSpace(text, start + 1);
    if (text.charCodeAt(at) !== close) {
      for (;;) {
        const end = this.#member(at, depth, isObject, runs);
        if (end === BAD) return BAD;
        members += 1;
        at = skipSpace(text, end);
        const next = text.charCodeAt(at);
        if (next === close) break;
        if (next !== COMMA) return BAD;
        at = skipSpace(text, at + 1);
      }
    }
    const end = at + 1;
    if (isObject) this.#mostFields = Math.max(this.#mostFields, members);
    const kind = isObject ? 'object' : 'array';
    this.#plan = end - start > this.pieceLength ? { kind, parts: runs.close() } : undefined;
    return end;
  }

  #member(at: number, depth: number, isObject: boolean, runs: Runs): number {
    const keyEnd = isObject ? stringEnd(this.text, at) : at;
    const valueAt = isObject ? this.#valueAt(keyEnd) : at;
    const end = valueAt === BAD ? BAD : this.#value(valueAt, depth);
    if (end === BAD) return BAD;
    if (end - at <= this.pieceLength) runs.add(at, end);
    else {
      const key = isObject ? (JSON.parse(this.text.slice(at, keyEnd)) as string) : undefined;
      runs.addLarge({ key, plan: this.#plan ?? { start: valueAt, end } });
    }
    return end;
  }

  /** Where the value of a field begins whose name ends here. */
  #valueAt(keyEnd: number): number {
    if (keyEnd === BAD) return BAD;
    const colon = skipSpace(this.text, keyEnd);
    return this.text.charCodeAt(colon) === COLON ? skipSpace(this.text, colon + 1) : BAD;
  }
}

/** Members one behind the other, gathered to runs that are read at once. */
class Runs {
  /** Made with the first of them: most arrays and objects are small. */
  #parts: (TextRange | LargeMember)[] | undefined;
  /** Where the run begins that may still become longer. -1: there is none. */
  #start = -1;
  #end = -1;

  constructor(private readonly pieceLength: number) {}

  add(start: number, end: number): void {
    if (this.#start >= 0 && end - this.#start > this.pieceLength) this.#cut();
    if (this.#start < 0) this.#start = start;
    this.#end = end;
  }

  addLarge(member: LargeMember): void {
    this.#cut();
    (this.#parts ??= []).push(member);
  }

  close(): readonly (TextRange | LargeMember)[] {
    this.#cut();
    return this.#parts ?? [];
  }

  #cut(): void {
    if (this.#start < 0) return;
    (this.#parts ??= []).push({ start: this.#start, end: this.#end });
    this.#start = -1;
  }
}
