import { clientError } from './errors.js';

/**
 * The value, if it passes. The error says which option it is, of which kind the value is and what it has
 * to be. Only numbers are shown as they are: anything else may be a secret.
 *
 * @throws RealtimeClientError with code `invalid-option`.
 */
export function expectOption<T>(path: string, value: T, rule: string, passes: boolean): T {
  if (passes) return value;
  const isTelling = value === null || typeof value === 'number';
  const kind = isTelling ? String(value) : typeof value;
  throw clientError('invalid-option', {}, `${path}: expected ${rule}, got ${kind}`);
}

/** The number, if it is large enough. Too large is nothing: timers are cut to what the runtime can do. */
export function atLeast(min: number, path: string, value: unknown): number {
  const passes = typeof value === 'number' && value >= min;
  return expectOption(path, value, `a number from ${String(min)}`, passes) as number;
}

/** The name, if it is one: what is kept by it would belong to everybody without it. */
export function expectName(name: unknown): string {
  const passes = typeof name === 'string' && name !== '';
  return expectOption('name', name, 'a string that is not empty', passes) as string;
}
