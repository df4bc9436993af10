import type { HistoryRecord } from './history.js';

/** What the history says about one assertion. */
export interface CheckResult {
  readonly assertion: number;
  readonly name: string;
  readonly holds: boolean;
  /** How many facts were looked at. 0 means that the assertion holds because nothing happened. */
  readonly judged: number;
  /** The shortest part of the history that breaks the assertion, in order of time. */
  readonly excerpt: readonly HistoryRecord[];
  readonly explanation: string;
  /** Acknowledged messages that a subscriber was told it has lost, a subscriber at a time. */
  readonly declaredLosses?: number;
}

/** Collects what breaks one assertion and keeps the offence that is shortest to show. */
export class Verdict {
  judged = 0;
  declaredLosses: number | undefined;
  #offences = 0;
  #excerpt: readonly HistoryRecord[] = [];
  #explanation = '';

  /** Notes an offence. Of two that are equally short the first one is kept. */
  offence(excerpt: readonly HistoryRecord[], explanation: string): void {
    this.#offences += 1;
    if (this.#offences > 1 && excerpt.length >= this.#excerpt.length) return;
    this.#excerpt = excerpt;
    this.#explanation = explanation;
  }

  result(assertion: number, name: string): CheckResult {
    const more = this.#offences > 1 ? ` (${this.#offences - 1} more like it)` : '';
    const explanation = `${this.#explanation}${more}`;
    return {
      assertion,
      name,
      holds: this.#offences === 0,
      judged: this.judged,
      excerpt: this.#excerpt.toSorted((left, right) => left.t - right.t),
      explanation: this.#offences === 0 ? `holds, ${this.judged} facts judged` : explanation,
      ...(this.declaredLosses === undefined ? {} : { declaredLosses: this.declaredLosses }),
    };
  }
}
