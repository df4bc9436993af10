/** Assertions 5 to 7, 11 and 13: what a subscriber gets on its way through a room. */
import { keyOf, ofType } from './collections.js';
import type { Break, Course, Span } from './course.js';
import type { Final, HistoryRecord, PublishOk, Receive, Skip } from './history.js';
import type { IndexedHistory } from './indexed-history.js';
import type { Verdict } from './verdict.js';

/** 5 order: for each subscriber the offsets of an epoch only rise. */
export function order({ records }: IndexedHistory, verdict: Verdict): void {
  const highest = new Map<string, Receive | Skip>();
  for (const record of ofType(records, 'recv', 'position')) {
    const { p, room, epoch, offset, type } = record;
    const key = keyOf(p, room, epoch);
    const before = highest.get(key);
    if (before === undefined || offset > before.offset) highest.set(key, record);
    if (type === 'position') continue;
    verdict.judged += 1;
    if (before === undefined || offset > before.offset) continue;
    const places = `${epoch}:${offset} after ${before.offset}`;
    verdict.offence([before, record], `${p} received ${places} in room ${room}`);
  }
}

/** 6 contiguity: every step inside a span is exactly 1, in one epoch. */
export function contiguity({ courses }: IndexedHistory, verdict: Verdict): void {
  for (const course of courses) {
    const { p, room } = course;
    verdict.judged += course.received.size;
    for (const stray of course.strays) {
      const place = `${stray.epoch}:${stray.offset}`;
      verdict.offence([stray], `${p} received ${place} of room ${room} without being in it`);
    }
    for (const { isDeclared, opener, from, to } of course.breaks) {
      if (isDeclared) continue;
      const step = `from ${from.epoch}:${from.offset} to ${to.epoch}:${to.offset}`;
      const what = `${p} went ${step} in room ${room}`;
      verdict.offence(distinct(opener, from.by, to), `${what}, and nobody told it why`);
    }
  }
}

/** 7 complete: what was acknowledged inside a span was received, and so was what a recovery promised. */
export function complete(history: IndexedHistory, verdict: Verdict): void {
  for (const course of history.courses) {
    for (const span of course.spans) {
      const ack = firstMissing(history, course, span, verdict);
      if (ack !== undefined) verdict.offence(evidence(span, ack), missed(course, ack));
    }
    if (history.options.expectLive === true) keptPromise(course, verdict);
  }
}

/** 11 honest loss: whoever misses an acknowledged message was told so before the next one. */
export function honestLoss(history: IndexedHistory, verdict: Verdict): void {
  let declared = 0;
  for (const course of history.courses) {
    for (const span of course.spans) {
      const ack = firstMissing(history, course, span, verdict);
      if (ack !== undefined) silentLoss(course, span, ack, verdict);
    }
    for (const cut of course.breaks) {
      if (cut.isDeclared) declared += lossesOf(history, course, cut);
      else silentEpoch(course, cut, verdict);
    }
  }
  verdict.declaredLosses = declared;
}

function silentLoss(course: Course, span: Span, ack: PublishOk, verdict: Verdict): void {
  const notice = lateNotice(span, ack);
  const when = notice === undefined ? 'was never told so' : 'was told so only afterwards';
  const excerpt = [...evidence(span, ack), ...(notice === undefined ? [] : [notice])];
  verdict.offence(excerpt, `${missed(course, ack)} and ${when}`);
}

/** What told of a hole after the stream had already gone on behind it. */
function lateNotice({ closer, epoch, last }: Span, ack: PublishOk): HistoryRecord | undefined {
  if (closer?.type !== 'gap' && closer?.type !== 'reset') return undefined;
  const isAboutIt = closer.epoch === epoch && closer.offset >= ack.offset && closer.offset < last;
  return isAboutIt ? closer : undefined;
}

/** Nobody can say what lies between two epochs, so that a subscriber has to be told of every change. */
function silentEpoch({ p, room }: Course, { opener, from, to }: Break, verdict: Verdict): void {
  if (from.epoch === to.epoch) return;
  const step = `from epoch ${from.epoch} to ${to.epoch}`;
  verdict.offence(
    distinct(opener, from.by, to),
    `${p} was led ${step} in room ${room} without being told`,
  );
}

/**
 * The acknowledged messages under a declaration: those up to its place, and if the epoch changed
 * the rest of the old one. Epochs that came and went unseen in between are not counted.
 */
function lossesOf({ acked }: IndexedHistory, { room }: Course, { from, to }: Break): number {
  const count = (epoch: string, after: number, upTo?: number): number =>
    acked.get(keyOf(room, epoch))?.count(after, upTo) ?? 0;
  if (from.epoch === to.epoch) return count(to.epoch, from.offset, to.offset);
  return count(from.epoch, from.offset) + count(to.epoch, 0, to.offset);
}

/** The first acknowledged message between the ends of a span that its subscriber never got. */
function firstMissing(
  { acked }: IndexedHistory,
  { room, received }: Course,
  { epoch, start, last, skipped }: Span,
  verdict: Verdict,
): PublishOk | undefined {
  for (const ack of acked.get(keyOf(room, epoch))?.between(start, last) ?? []) {
    verdict.judged += 1;
    if (!received.has(ack.id) && !skipped.has(ack.offset)) return ack;
  }
  return undefined;
}

/** Shows that a message lies in a span: where the span began, and what came at or after its place. */
function evidence(span: Span, ack: PublishOk): HistoryRecord[] {
  const passing = span.steps.find(({ offset }) => offset >= ack.offset) ?? span.lastRecord;
  return distinct(span.opener, span.entry, ack, passing);
}

function distinct(...records: readonly HistoryRecord[]): HistoryRecord[] {
  return [...new Set(records)];
}

function missed({ p, room }: Course, { id, epoch, offset }: PublishOk): string {
  return `${p} missed ${id} at ${epoch}:${offset} of room ${room}`;
}

function keptPromise({ p, room, span }: Course, verdict: Verdict): void {
  if (span?.promise === undefined) return;
  verdict.judged += 1;
  const { until, answer, heldBy } = span.promise;
  if (span.last >= until) return;
  const why = `was promised ${answer.replayed ?? 0} messages of room ${room}`;
  const excerpt = distinct(span.opener, heldBy, answer, span.lastRecord);
  verdict.offence(excerpt, `${p} ${why} and got only ${span.epoch}:${span.last} of ${until}`);
}

/** 13 liveness: after the faults were healed, everybody who wants a room is at its top. */
export function liveness({ courses, finals, options }: IndexedHistory, verdict: Verdict): void {
  if (options.expectLive !== true) return;
  for (const { p, room, span, wish } of courses) {
    if (wish === undefined) continue;
    verdict.judged += 1;
    const final = finals.get(room)?.at(-1);
    const top = final === undefined ? undefined : topOf(final);
    if (final !== undefined && span?.epoch === final.epoch && span.last === top) continue;
    const end = final === undefined ? 'nobody knows where' : `at ${final.epoch}:${top ?? 0}`;
    const place = span === undefined ? 'nowhere' : `at ${span.epoch}:${span.last}`;
    const shown: HistoryRecord[] =
      span === undefined ? [wish] : [wish, span.opener, span.lastRecord];
    if (final !== undefined) shown.push({ ...final, messages: lastOf(final) });
    verdict.offence(distinct(...shown), `room ${room} ended ${end}, but ${p} is ${place}`);
  }
}

function topOf({ oldest, messages }: Final): number {
  return Math.max(oldest - 1, messages.at(-1)?.offset ?? 0);
}

function lastOf({ messages }: Final): Final['messages'] {
  return messages.slice(-1);
}
