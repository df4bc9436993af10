/**
 * The way of one subscriber through the stream of one room.
 *
 * A course is cut into spans. Inside a span the subscriber relies on getting every message; a span
 * begins where it was told its place (a first subscription, `recovered: false`, `gap`, `reset`) and
 * lasts over reconnects that recovered. Whatever moves the subscriber otherwise is a break that
 * nobody declared.
 */
import { ensure } from './collections.js';
import type {
  ConnectionChange,
  Gap,
  HistoryRecord,
  Receive,
  Reset,
  Skip,
  Spot,
  SubscribeCall,
  SubscribeEnd,
  SubscribeOk,
} from './history.js';

type Step = Receive | Skip;
type Declaration = SubscribeOk | Gap | Reset;
type RoomRecord = SubscribeCall | SubscribeOk | Step | Gap | Reset | SubscribeEnd;

/** The messages that a recovery said would follow. */
export interface Promised {
  readonly until: number;
  readonly answer: SubscribeOk;
  /** What had brought the subscriber to the place that it recovered from. */
  readonly heldBy: HistoryRecord;
}

/** A stretch of one epoch in which nothing may be missing. */
export interface Span {
  /** What last told the subscriber its place. */
  readonly opener: Declaration;
  /** The first record of the span: the opener, or a step into an epoch that nobody announced. */
  readonly entry: Declaration | Step;
  readonly epoch: string;
  /** The stream goes on after this offset. */
  readonly start: number;
  /** The highest offset reached. */
  last: number;
  /** What reached it. */
  lastRecord: HistoryRecord;
  readonly steps: Step[];
  /** Offsets that were taken by messages for others. */
  readonly skipped: Set<number>;
  /** What a recovery said would follow, as long as nothing interrupted it. */
  promise?: Promised | undefined;
  /** What ended the span, if anything did. */
  closer?: Declaration | Step | SubscribeEnd;
}

/** The stream went on elsewhere than right after the last place. */
export interface Break {
  readonly isDeclared: boolean;
  /** What the span had begun with that the subscriber was in. */
  readonly opener: HistoryRecord;
  /** Where the subscriber was; `by` is what had brought it there. */
  readonly from: Spot & { readonly by: HistoryRecord };
  readonly to: Declaration | Step;
}

/** See the head of this file. */
export class Course {
  readonly spans: Span[] = [];
  readonly breaks: Break[] = [];
  /** Messages that came while the subscriber was not in the room. */
  readonly strays: Receive[] = [];
  readonly received = new Set<string>();
  /** The span that is open. */
  span: Span | undefined;
  /** What made the subscriber want the room; `undefined` once it left. */
  wish: SubscribeCall | SubscribeOk | undefined;
  #since: Spot | undefined;

  constructor(
    readonly p: string,
    readonly room: string,
  ) {}

  take(record: RoomRecord): void {
    if (record.type === 'sub.call') this.#ask(record);
    else if (record.type === 'sub.ok') this.#enter(record);
    else if (record.type === 'sub.end') this.#leave(record);
    else if (record.type === 'recv' || record.type === 'position') this.#step(record);
    else this.#declare(record);
  }

  /** The connection closed: what was on its way does not come any more. */
  interrupt(): void {
    if (this.span !== undefined) this.span.promise = undefined;
  }

  #ask(call: SubscribeCall): void {
    this.wish ??= call;
    this.#since = call.since;
  }

  #enter(answer: SubscribeOk): void {
    this.wish = answer;
    if (answer.recovered === true) this.#resume(answer);
    else if (answer.recovered === false || this.span === undefined) this.#declare(answer);
  }

  #resume(answer: SubscribeOk): void {
    this.span ??= this.#open(answer, answer, this.#since ?? answer);
    const { span } = this;
    const { replayed = 0 } = answer;
    const promise = { until: span.last + replayed, answer, heldBy: span.lastRecord };
    span.promise = replayed > 0 ? promise : undefined;
  }

  #leave(end: SubscribeEnd): void {
    if (this.span !== undefined) this.span.closer = end;
    this.span = this.wish = this.#since = undefined;
  }

  #declare(record: Declaration): void {
    if (this.span !== undefined) this.#break(this.span, record, true);
    this.span = this.#open(record, record, record);
  }

  #step(step: Step): void {
    if (step.type === 'recv') this.received.add(step.id);
    const { span } = this;
    if (span === undefined) {
      if (step.type === 'recv') this.strays.push(step);
    } else if (step.epoch !== span.epoch) {
      this.#break(span, step, false);
      const before = { epoch: step.epoch, offset: step.offset - 1 };
      this.span = this.#open(span.opener, step, before);
      advance(this.span, step);
    } else if (step.type === 'recv' || step.offset > span.last) {
      if (step.offset !== span.last + 1) this.#break(span, step, false);
      advance(span, step);
    }
  }

  #break(span: Span, to: Declaration | Step, isDeclared: boolean): void {
    const from = { epoch: span.epoch, offset: span.last, by: span.lastRecord };
    this.breaks.push({ isDeclared, opener: span.opener, from, to });
    if (isDeclared || to.epoch !== span.epoch) span.closer = to;
  }

  #open(opener: Declaration, entry: Declaration | Step, { epoch, offset }: Spot): Span {
    const place = { epoch, start: offset, last: offset, lastRecord: entry };
    const span: Span = { opener, entry, ...place, steps: [], skipped: new Set() };
    this.spans.push(span);
    return span;
  }
}

function advance(span: Span, step: Step): void {
  span.steps.push(step);
  if (step.type === 'position') span.skipped.add(step.offset);
  if (step.offset <= span.last) return;
  span.last = step.offset;
  span.lastRecord = step;
}

/** The courses of all subscribers through all rooms, from records in order of time. */
export function followCourses(records: readonly HistoryRecord[]): Course[] {
  const subscribers = new Map<string, Map<string, Course>>();
  for (const record of records) {
    if (record.type === 'conn') interrupt(subscribers, record);
    else if (isOfRoom(record)) {
      const rooms = ensure(subscribers, record.p, () => new Map<string, Course>());
      ensure(rooms, record.room, () => new Course(record.p, record.room)).take(record);
    }
  }
  return [...subscribers.values()].flatMap((rooms) => [...rooms.values()]);
}

function interrupt(
  subscribers: ReadonlyMap<string, ReadonlyMap<string, Course>>,
  { p, state }: ConnectionChange,
): void {
  if (state === 'open') return;
  for (const course of subscribers.get(p)?.values() ?? []) course.interrupt();
}

const ROOM_RECORDS = [
  'sub.call',
  'sub.ok',
  'sub.end',
  'recv',
  'position',
  'gap',
  'reset',
] as const satisfies readonly RoomRecord['type'][];

function isOfRoom(record: HistoryRecord): record is RoomRecord {
  return (ROOM_RECORDS as readonly string[]).includes(record.type);
}
