/**
 * The one place that says what a field may hold. A check returns `undefined` for a good value and
 * otherwise what was expected, in words; what came is added by {@link describe} as type and length,
 * never as content, because an error must not echo what the peer sent.
 */
import { MAX_EVENT_LENGTH, MAX_ID_LENGTH } from './limits.js';
import { isRoomName, ROOM_NAME_RULE } from './room-name.js';

/** Returns what was expected if the value is not that; `undefined` if it is. */
export type Check = (value: unknown) => string | undefined;

/** What one type of frame may hold. */
export interface FieldRule {
  readonly name: string;
  readonly required: boolean;
  readonly check: Check;
  /** See {@link unanswerableId}. Absent: false. */
  readonly isUnanswerable?: boolean;
}

/** Rules of all frames of one direction, by type. A Map: `constructor` is no known type. */
export type FrameRules = ReadonlyMap<string, readonly FieldRule[]>;

/** The type and size of a value that was not expected, without its content. */
export function describe(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return `an array of ${String(value.length)}`;
  if (typeof value === 'string') return `a string of ${String(value.length)}`;
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'number') return Number.isInteger(value) ? 'an integer' : 'a fraction';
  return `a ${typeof value}`;
}

/** A non-empty string of at most `maxLength` UTF-16 code units. */
export function text(maxLength: number): Check {
  const expected = `a string of 1 to ${String(maxLength)} characters`;
  return (value) =>
    typeof value === 'string' && value.length > 0 && value.length <= maxLength
      ? undefined
      : expected;
}

/** A string of at most `maxLength` UTF-16 code units, perhaps empty. */
export function shortText(maxLength: number): Check {
  const expected = `a string of at most ${String(maxLength)} characters`;
  return (value) => (typeof value === 'string' && value.length <= maxLength ? undefined : expected);
}

export const id = text(MAX_ID_LENGTH);
export const event = text(MAX_EVENT_LENGTH);
export const anything: Check = () => undefined;
export const room: Check = (value) =>
  typeof value === 'string' && isRoomName(value) ? undefined : ROOM_NAME_RULE;
export const flag: Check = (value) => (typeof value === 'boolean' ? undefined : 'true or false');
export const count: Check = (value) =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
    ? undefined
    : 'an integer from 0 to 2^53-1';
/** Offsets that cannot be are answered by a verdict (`recovered: false`), not by an error. */
export const anyNumber: Check = (value) => (typeof value === 'number' ? undefined : 'a number');

/** An integer of a range. */
export function integer(min: number, max: number): Check {
  const expected = `an integer from ${String(min)} to ${String(max)}`;
  return (value) =>
    typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
      ? undefined
      : expected;
}

/** One of these words. */
export function oneOf(...words: readonly string[]): Check {
  const expected = `one of ${words.join(', ')}`;
  return (value) => (typeof value === 'string' && words.includes(value) ? undefined : expected);
}

/** An object whose fields obey the rules. */
export function record(rules: readonly FieldRule[]): Check {
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'an object';
    const broken = findBroken(rules, (name) => (value as Record<string, unknown>)[name]);
    return broken && `an object whose ${broken.name} is ${broken.expected}`;
  };
}

/** An array of items that obey the check, at most `maxLength` of them if that is given. */
export function list(item: Check, maxLength = Infinity): Check {
  const expected = maxLength === Infinity ? 'an array' : `an array of at most ${String(maxLength)}`;
  return (value) => {
    if (!Array.isArray(value) || value.length > maxLength) return expected;
    for (const element of value) {
      const broken = item(element);
      if (broken !== undefined) return `an array of ${broken}`;
    }
    return undefined;
  };
}

/** A field that breaks its rule. */
export interface BrokenField {
  readonly name: string;
  readonly expected: string;
  readonly came: string;
}

/** The first field that breaks its rule, if any. Fields without a rule are nobody's business here. */
export function findBroken(
  rules: readonly FieldRule[],
  read: (name: string) => unknown,
): BrokenField | undefined {
  for (const { name, required, check } of rules) {
    const value = read(name);
    if (value === undefined) {
      if (required) return { name, expected: check(undefined) ?? 'present', came: 'nothing' };
      continue;
    }
    const expected = check(value);
    if (expected !== undefined) return { name, expected, came: describe(value) };
  }
  return undefined;
}

/** A field that has to be there. */
export const must = (name: string, check: Check): FieldRule => ({ name, required: true, check });
/** A field that may be absent. */
export const may = (name: string, check: Check): FieldRule => ({ name, required: false, check });
/**
 * The id of a frame that neither asks nor answers the client under it: an error about the frame may
 * not carry it, because it would be taken for the answer to something else.
 */
export const unanswerableId: FieldRule = { ...must('id', id), isUnanswerable: true };
