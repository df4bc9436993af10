/**
 * A history, read once and arranged so that every assertion is a look-up: O(n log n) for the sort,
 * O(n) for the rest.
 */
import { AckedStream } from './acked-stream.js';
import { ensure, groupBy, keyOf, ofType } from './collections.js';
import { followCourses, type Course } from './course.js';
import type {
  Final,
  HistoryRecord,
  PublishCall,
  PublishNo,
  PublishOk,
  Receive,
} from './history.js';

/** How a history is to be judged. */
export interface CheckOptions {
  /** Everything was healed and drained at the end: whoever wants a room has to be at its top. */
  readonly expectLive?: boolean;
  /** How long after a revocation messages may still arrive, in the unit of `t`. Default 0. */
  readonly revokeBound?: number;
  /** Publishes of one publisher keep the order of their calls even while they overlap. */
  readonly pipelined?: boolean;
}

/** What became of one id. */
export interface Publication {
  readonly calls: PublishCall[];
  readonly acks: PublishOk[];
  readonly refusals: PublishNo[];
}

/** Somebody says that this id stands at this place. */
export interface Placement {
  readonly room: string;
  readonly epoch: string;
  readonly offset: number;
  readonly id: string;
  readonly source: PublishOk | Receive | Final;
}

export interface IndexedHistory {
  /** By time; those of one process in the order they were written. */
  readonly records: readonly HistoryRecord[];
  readonly options: CheckOptions;
  readonly publications: ReadonlyMap<string, Publication>;
  readonly placements: readonly Placement[];
  /** What the publishers were told is stored, by `keyOf(room, epoch)`. */
  readonly acked: ReadonlyMap<string, AckedStream>;
  /** By room, in order of time. */
  readonly finals: ReadonlyMap<string, readonly Final[]>;
  readonly courses: readonly Course[];
}

export function indexHistory(
  unsorted: readonly HistoryRecord[],
  options: CheckOptions,
): IndexedHistory {
  const records = unsorted.toSorted((left, right) => left.t - right.t);
  const finals = groupBy(ofType(records, 'final'), ({ room }) => room);
  return {
    records,
    options,
    publications: readPublications(records),
    placements: readPlacements(records),
    acked: readAcked(records),
    finals,
    courses: followCourses(records),
  };
}

function readPublications(records: readonly HistoryRecord[]): Map<string, Publication> {
  const publications = new Map<string, Publication>();
  for (const record of ofType(records, 'pub.call', 'pub.ok', 'pub.no')) {
    const empty = (): Publication => ({ calls: [], acks: [], refusals: [] });
    const publication = ensure(publications, record.id, empty);
    if (record.type === 'pub.call') publication.calls.push(record);
    else if (record.type === 'pub.ok') publication.acks.push(record);
    else publication.refusals.push(record);
  }
  return publications;
}

function readPlacements(records: readonly HistoryRecord[]): Placement[] {
  return ofType(records, 'pub.ok', 'recv', 'final').flatMap((source) => {
    const { room, epoch } = source;
    const messages = source.type === 'final' ? source.messages : [source];
    return messages.map(({ offset, id }) => ({ room, epoch, offset, id, source }));
  });
}

function readAcked(records: readonly HistoryRecord[]): Map<string, AckedStream> {
  const acks = groupBy(ofType(records, 'pub.ok'), ({ room, epoch }) => keyOf(room, epoch));
  return new Map(Array.from(acks, ([key, stream]) => [key, new AckedStream(stream)]));
}

/** The record behind a placement; of a final history only the message in question. */
export function evidenceOf({ source, offset, id }: Placement): HistoryRecord {
  if (source.type !== 'final') return source;
  const isIt = (message: Final['messages'][number]): boolean =>
    message.offset === offset && message.id === id;
  return { ...source, messages: source.messages.filter(isIt) };
}
