/**
 * What an option may hold, as data: a tree with the shape of the options. A rule is the expectation in
 * words and the test for it.
 */

/** One option's rule. */
export interface OptionRule {
  /** The expectation in words, or how to put it for a value that breaks it. */
  readonly expected: string | ((value: unknown) => string);
  accepts(value: unknown): boolean;
  /** Rules of what is inside a value that is not accepted as it is, but is an object. */
  readonly group?: OptionRules;
}

/** Rules of a group of options, by name. */
export interface OptionRules {
  readonly [name: string]: OptionRule | OptionRules;
}

/** Options that break their rules, the module's or a room class's. The message has a line for each: path, rule, value. */
export class RealtimeOptionsError extends Error {
  override readonly name = 'RealtimeOptionsError';

  constructor(
    /** One line for each broken rule. */
    readonly problems: readonly string[],
    /** Whose options they are. */
    owner = 'RealtimeModule',
  ) {
    super(`Invalid ${owner} options:\n  ${problems.join('\n  ')}`);
  }
}

/** A whole number from `least` to `most`. */
export function integer(least: number, most = Number.MAX_SAFE_INTEGER): OptionRule {
  const upTo =
    most === Number.MAX_SAFE_INTEGER
      ? `>= ${String(least)}`
      : `from ${String(least)} to ${String(most)}`;
  return {
    expected: `an integer ${upTo}`,
    accepts: (value) =>
      Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most,
  };
}

/** Most milliseconds a timer can take; beyond, `setTimeout` fires at once. */
const MAX_TIMER_MS = 2_147_483_647;

/** A time that a timer can wait. That there is a longest one is only told to whom it concerns. */
export function milliseconds(least: number): OptionRule {
  const range = integer(least, MAX_TIMER_MS);
  return {
    expected: (value) =>
      Number.isSafeInteger(value) && Number(value) > MAX_TIMER_MS
        ? `an integer <= ${String(MAX_TIMER_MS)}`
        : `an integer >= ${String(least)}`,
    accepts: (value) => range.accepts(value),
  };
}

/** A function. */
export const callable: OptionRule = {
  expected: 'a function',
  accepts: (value) => typeof value === 'function',
};

/** A string with something in it. */
export const nonEmptyString: OptionRule = {
  expected: 'a non-empty string',
  accepts: (value) => typeof value === 'string' && value !== '',
};

/** Yes or no. */
export const flag: OptionRule = {
  expected: 'true or false',
  accepts: (value) => typeof value === 'boolean',
};

/** An expectation of its own. */
export function custom(expected: string, accepts: (value: unknown) => boolean): OptionRule {
  return { expected, accepts };
}

/** A value that a rule accepts as it is, or a group of options. */
export function either(rule: OptionRule, group: OptionRules): OptionRule {
  return { ...rule, group };
}

/** A path of segments without query, fragment or trailing slash. */
export const urlPath: OptionRule = {
  expected: 'a path such as "/realtime" (starts with "/", no trailing "/", no query)',
  accepts: (value) => typeof value === 'string' && /^(\/[^/?#\s]+)+$/.test(value),
};

/** Every broken rule of `options`, as lines that start with the option's path. */
export function findProblems(path: string, rules: OptionRules, options: unknown): string[] {
  if (!isGroup(options)) return [`${path}: expected an object, got ${show(options)}`];
  const given = new Map<string, unknown>(Object.entries(options));
  const problems: string[] = [];
  for (const [name, value] of given) {
    const known = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (known === undefined) {
      const names = Object.keys(rules).join(', ');
      problems.push(`${path}.${name}: unknown option, expected one of ${names}`);
    } else if (value !== undefined) {
      problems.push(...findProblem(`${path}.${name}`, known, value));
    }
  }
  return problems;
}

/**
 * Which of these options are written down and `undefined`, as one that is taken from an environment
 * variable that is not set: words to put behind "got 0", or nothing.
 */
export function undefinedOnes(options: object, names: readonly string[]): string {
  const empty = names.filter(
    (name) => Object.hasOwn(options, name) && Reflect.get(options, name) === undefined,
  );
  if (empty.length === 0) return '';
  return `: ${empty.join(' and ')} ${empty.length === 1 ? 'is' : 'are'} undefined`;
}

function findProblem(path: string, rule: OptionRule | OptionRules, value: unknown): string[] {
  if (!isRule(rule)) return findProblems(path, rule, value);
  if (rule.accepts(value)) return [];
  const { expected, group } = rule;
  if (group !== undefined && isGroup(value)) return findProblems(path, group, value);
  const words = typeof expected === 'string' ? expected : expected(value);
  return [`${path}: expected ${words}, got ${show(value)}`];
}

function isRule(rule: OptionRule | OptionRules): rule is OptionRule {
  return typeof rule['accepts'] === 'function';
}

function isGroup(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value as it would stand in code. Options are the developer's own: they may be shown. */
function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'object' && value !== null)
    return Array.isArray(value) ? 'an array' : 'an object';
  return String(value);
}
