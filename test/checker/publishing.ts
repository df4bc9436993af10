/** Assertions 9, 10 and 12: what an acknowledgement is worth to its publisher. */
import { countUpTo, groupBy, keyOf, ofType } from './collections.js';
import type { Fault, Final, HistoryRecord, PublishCall, PublishOk } from './history.js';
import type { IndexedHistory, Placement } from './indexed-history.js';
import type { Verdict } from './verdict.js';

/** 9 publisher FIFO: what one publisher published one after the other stands in that order. */
export function publisherOrder(history: IndexedHistory, verdict: Verdict): void {
  const acks = new Map<string, PublishOk>();
  for (const [id, { acks: own }] of history.publications) if (own[0]) acks.set(id, own[0]);
  const records = ofType(history.records, 'pub.call', 'pub.ok');
  for (const own of groupBy(records, ({ p }) => p).values()) {
    followAcks(own, history, acks, verdict);
    if (history.options.pipelined === true) followCalls(own, history, acks, verdict);
  }
}

/** 10 real time: what was acknowledged before another publish began stands before it. */
export function realTime(history: IndexedHistory, verdict: Verdict): void {
  const places = new Map<string, Placement>();
  for (const placement of history.placements) {
    if (!places.has(placement.id)) places.set(placement.id, placement);
  }
  // What happened at once is not in order: all calls of a moment come before its acknowledgements.
  const rank = ({ type }: HistoryRecord): number => (type === 'pub.call' ? 0 : 1);
  const events = ofType(history.records, 'pub.call', 'pub.ok').sort(
    (left, right) => left.t - right.t || rank(left) - rank(right),
  );
  followAcks(events, history, places, verdict);
}

/** Whoever is called after an acknowledgement has to stand behind it, in the same epoch. */
function followAcks(
  events: readonly (PublishCall | PublishOk)[],
  { publications }: IndexedHistory,
  places: ReadonlyMap<string, Placement | PublishOk>,
  verdict: Verdict,
): void {
  const floors = new Map<string, PublishOk>();
  for (const event of events) {
    if (event.type === 'pub.ok') raise(floors, keyOf(event.room, event.epoch), event);
    const place = places.get(event.id);
    // A retry may have been stored when it was called first.
    const isFirst = event.type === 'pub.call' && publications.get(event.id)?.calls[0] === event;
    if (place === undefined || !isFirst) continue;
    verdict.judged += 1;
    const floor = floors.get(keyOf(place.room, place.epoch));
    if (floor === undefined || place.offset > floor.offset) continue;
    const own = 'source' in place ? place.source : place;
    const shown = own.type === 'final' ? { ...own, messages: [place] } : own;
    verdict.offence([floor, event, shown], misplaced(place, event, floor));
  }
}

/** Overlapping publishes of one publisher stand in the order of their calls. */
function followCalls(
  own: readonly (PublishCall | PublishOk)[],
  { publications }: IndexedHistory,
  acks: ReadonlyMap<string, PublishOk>,
  verdict: Verdict,
): void {
  const floors = new Map<string, PublishOk>();
  const calls = ofType(own, 'pub.call').sort((left, right) => left.n - right.n);
  for (const call of calls) {
    const ack = acks.get(call.id);
    if (ack === undefined || publications.get(call.id)?.calls[0] !== call) continue;
    verdict.judged += 1;
    const key = keyOf(ack.room, ack.epoch);
    const floor = floors.get(key);
    if (floor !== undefined && ack.offset <= floor.offset) {
      verdict.offence([floor, call, ack], misplaced(ack, call, floor));
    }
    raise(floors, key, ack);
  }
}

function raise(floors: Map<string, PublishOk>, key: string, ack: PublishOk): void {
  if (ack.offset > (floors.get(key)?.offset ?? -1)) floors.set(key, ack);
}

function misplaced(
  { room, epoch, offset }: Placement | PublishOk,
  call: PublishCall,
  floor: PublishOk,
): string {
  const place = `${call.id} of ${call.p} at ${epoch}:${offset} of room ${room}`;
  return `${place} stands before ${floor.id} at ${floor.offset}, which came first`;
}

/** 12 durability: with fewer faults than copies nothing that was acknowledged is gone. */
export function durability(history: IndexedHistory, verdict: Verdict): void {
  const ends = faultEnds(ofType(history.records, 'fault'));
  const held = new Set<string>();
  for (const { source, room, id } of history.placements) {
    if (source.type === 'final') held.add(keyOf(room, id));
  }
  for (const ack of ofType(history.records, 'pub.ok')) {
    const finals = history.finals.get(ack.room);
    const faults = ends.length - countUpTo(ends, ack.t);
    if (finals === undefined || faults >= copiesOf(ack)) continue;
    verdict.judged += 1;
    if (held.has(keyOf(ack.room, ack.id)) || isTrimmed(ack, finals)) continue;
    const final = { ...finals.at(-1)!, messages: [] };
    const what = `${ack.id} at ${ack.epoch}:${ack.offset} of room ${ack.room}`;
    const why = `acknowledged to ${ack.p} as ${ack.durability}, with ${faults} faults since`;
    verdict.offence([ack, final], `the store lost ${what}, ${why}`);
  }
}

function isTrimmed({ epoch, offset }: PublishOk, finals: readonly Final[]): boolean {
  return finals.some((final) => final.epoch === epoch && offset < final.oldest);
}

/** When the faults that can take stored messages with them were over, rising. */
function faultEnds(faults: readonly Fault[]): number[] {
  const open = new Map<string, number>();
  const ends: number[] = [];
  for (const { kind, target, on, t, endangers = 'data' } of faults) {
    if (endangers === 'link') continue;
    const key = keyOf(kind, target);
    const count = open.get(key) ?? 0;
    open.set(key, Math.max(0, count + (on ? 1 : -1)));
    if (!on && count > 0) ends.push(t);
  }
  for (const count of open.values()) ends.push(...Array<number>(count).fill(Infinity));
  return ends;
}

/** How many copies an acknowledgement speaks of: as many faults may lose the message. */
function copiesOf({ durability: name }: PublishOk): number {
  if (name === 'none') return 0;
  const copies = /^replicated:(\d+)$/.exec(name)?.[1];
  return copies === undefined ? 1 : Number(copies);
}
