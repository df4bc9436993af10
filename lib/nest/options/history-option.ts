import {
  custom,
  DEFAULT_HISTORY,
  either,
  integer,
  type HistoryPolicy,
  type OptionRule,
} from '../../core/index.js';
import { present } from './present.js';

/** What is kept of a room's messages, as far as it differs from the default. `false`: nothing. */
export type HistoryOption = Partial<HistoryPolicy> | false;

/** Nothing is kept. The room has positions all the same: whoever missed a message is told so. */
export const NO_HISTORY: HistoryPolicy = { size: 0, ttlMs: 0, bytes: 0 };

/** The rule of a {@link HistoryOption}. */
export const HISTORY_RULE: OptionRule = either(
  custom('false or an object', (value) => value === false),
  { size: integer(0), ttlMs: integer(0), bytes: integer(0) },
);

/**
 * The whole policy.
 *
 * @param otherwise what holds for what the option does not say; where that is "nothing", and the
 * option wants something, the defaults of this package do.
 */
export function resolveHistory(
  option: HistoryOption | undefined,
  otherwise: HistoryPolicy,
): HistoryPolicy {
  if (option === undefined) return otherwise;
  if (option === false) return NO_HISTORY;
  const base = otherwise === NO_HISTORY ? DEFAULT_HISTORY : otherwise;
  return { ...base, ...present(option) };
}
