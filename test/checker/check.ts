/**
 * The history checker: judges what a real-time system did by what its publishers and subscribers
 * saw, without knowing anything about how it works (after Jepsen's Kafka and set-full checkers).
 */
import { authority, hasGrants, hasTenants, tenancy } from './authority.js';
import { complete, contiguity, honestLoss, liveness, order } from './delivery.js';
import type { HistoryRecord } from './history.js';
import { agreement, noAbortedRead, noInvention, once, unique } from './identity.js';
import { indexHistory, type CheckOptions, type IndexedHistory } from './indexed-history.js';
import { presence } from './presence.js';
import { durability, publisherOrder, realTime } from './publishing.js';
import { Verdict, type CheckResult } from './verdict.js';

export type { CheckOptions } from './indexed-history.js';
export type { CheckResult } from './verdict.js';

interface Assertion {
  readonly number: number;
  readonly name: string;
  readonly judge: (history: IndexedHistory, verdict: Verdict) => void;
  /** Whether the history has anything to judge. Default: always. */
  readonly applies?: (history: IndexedHistory) => boolean;
}

const ASSERTIONS: readonly Assertion[] = [
  { number: 1, name: 'no invention', judge: noInvention },
  { number: 2, name: 'no aborted read', judge: noAbortedRead },
  { number: 3, name: 'agreement', judge: agreement },
  { number: 4, name: 'unique', judge: unique },
  { number: 5, name: 'order', judge: order },
  { number: 6, name: 'contiguity', judge: contiguity },
  { number: 7, name: 'complete', judge: complete },
  { number: 8, name: 'once', judge: once },
  { number: 9, name: 'publisher FIFO', judge: publisherOrder },
  { number: 10, name: 'real time', judge: realTime },
  { number: 11, name: 'honest loss', judge: honestLoss },
  { number: 12, name: 'durability', judge: durability },
  { number: 13, name: 'liveness', judge: liveness },
  { number: 14, name: 'presence', judge: presence },
  { number: 15, name: 'authority', judge: authority, applies: hasGrants },
  { number: 16, name: 'tenancy', judge: tenancy, applies: hasTenants },
];

/**
 * Judges a history.
 *
 * @param records of all processes, in any order; those of one process in the order they were written.
 * @returns one result per assertion, by number: 1 to 14 always, 15 and 16 if the history has records
 * for them.
 */
export function checkHistory(
  records: readonly HistoryRecord[],
  options: CheckOptions = {},
): CheckResult[] {
  const history = indexHistory(records, options);
  const applying = ASSERTIONS.filter(({ applies }) => applies?.(history) ?? true);
  return applying.map(({ number, name, judge }) => {
    const verdict = new Verdict();
    judge(history, verdict);
    return verdict.result(number, name);
  });
}

/** The assertions that a history breaks. Empty is good. */
export function violations(
  records: readonly HistoryRecord[],
  options: CheckOptions = {},
): CheckResult[] {
  return checkHistory(records, options).filter(({ holds }) => !holds);
}
