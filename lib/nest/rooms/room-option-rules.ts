import { MAX_EVENT_LENGTH } from '../../protocol/index.js';
import { HISTORY_RULE } from '../options/history-option.js';
import {
  custom,
  either,
  findProblems,
  flag,
  milliseconds,
  type OptionRules,
} from '../../core/index.js';
import type { RoomOptions } from './room-options.interface.js';

const RULES: OptionRules = {
  events: custom(
    `an object of event names (1 to ${String(MAX_EVENT_LENGTH)} characters) and their schemas (a class, a Standard Schema or true)`,
    areEvents,
  ),
  volatile: custom(
    'a list of event names',
    (value) => Array.isArray(value) && value.every((name) => typeof name === 'string'),
  ),
  latest: custom('an object of event names and functions that give a key', areLatest),
  history: HISTORY_RULE,
  presence: either(
    custom('true, false or an object', (value) => typeof value === 'boolean'),
    { graceMs: milliseconds(0), countsOnly: flag },
  ),
};

function areEvents(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.entries(value).every(
    ([name, schema]) =>
      name.length > 0 && name.length <= MAX_EVENT_LENGTH && isSchema(schema as unknown),
  );
}

function areLatest(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((key: unknown) => typeof key === 'function');
}

function isSchema(value: unknown): boolean {
  if (value === true || typeof value === 'function') return true;
  return typeof value === 'object' && value !== null && '~standard' in value;
}

/** Every broken rule of a room class's options, as lines that start with the class and the option's path. */
export function roomProblems(className: string, options: RoomOptions): string[] {
  const problems = findProblems(className, RULES, options);
  if (problems.length > 0) return problems;
  const { events = {}, volatile = [], latest = {} } = options;
  const unknown = (option: string, names: readonly string[]): string[] =>
    names
      .filter((event) => !Object.hasOwn(events, event))
      .map((event) => {
        const got = JSON.stringify(event);
        return `${className}.${option}: expected names that "events" has, got ${got}`;
      });
  return [...unknown('volatile', volatile), ...unknown('latest', Object.keys(latest))];
}
