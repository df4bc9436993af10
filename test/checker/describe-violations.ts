import type { HistoryRecord } from './history.js';
import type { CheckResult } from './verdict.js';

/**
 * What is wrong with a history, for whoever reads a failed test: every broken assertion with its
 * explanation and, a line a record, the excerpt. The empty string if nothing is.
 */
export function describeViolations(results: readonly CheckResult[]): string {
  return results
    .filter(({ holds }) => !holds)
    .map(({ assertion, name, explanation, excerpt }) => {
      const head = `assertion ${assertion} (${name}) is broken: ${explanation}`;
      return [head, ...excerpt.map((record) => `  ${describeRecord(record)}`)].join('\n');
    })
    .join('\n\n');
}

function describeRecord({ t, p, type, ...rest }: HistoryRecord): string {
  const fields = Object.entries(rest)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  return [`t=${t}`, p, type, ...fields].join(' ');
}
