/** Assertions 1 to 4 and 8: which message stands where, whoever says so. */
import { ensure, keyOf, ofType } from './collections.js';
import { evidenceOf, type IndexedHistory, type Placement } from './indexed-history.js';
import type { Verdict } from './verdict.js';

/** 1 no invention: whatever was received or stored had been published before, into that room. */
export function noInvention(history: IndexedHistory, verdict: Verdict): void {
  for (const placement of history.placements) {
    if (placement.source.type === 'pub.ok') continue;
    verdict.judged += 1;
    const { id, room, source } = placement;
    const calls = history.publications.get(id)?.calls ?? [];
    const call = calls.find((candidate) => candidate.room === room) ?? calls[0];
    const has = source.type === 'final' ? `the store holds ${id}` : `${source.p} received ${id}`;
    const where = `${has} in room ${room}`;
    const evidence = evidenceOf(placement);
    if (call === undefined) verdict.offence([evidence], `${where}, which nobody published`);
    else if (call.room !== room) {
      verdict.offence([call, evidence], `${where}, which was published into room ${call.room}`);
    } else if (call.t > source.t) {
      verdict.offence([evidence, call], `${where} before it was published`);
    }
  }
}

/** 2 no aborted read: what its publisher was refused is seen nowhere. A retry may save a refused id. */
export function noAbortedRead(history: IndexedHistory, verdict: Verdict): void {
  for (const placement of history.placements) {
    const { id, room, source } = placement;
    const { calls, refusals } = history.publications.get(id) ?? { calls: [], refusals: [] };
    if (source.type === 'pub.ok') continue;
    verdict.judged += 1;
    if (refusals.length === 0 || refusals.length < calls.length) continue;
    const who = source.type === 'final' ? 'the store holds' : `${source.p} received`;
    verdict.offence(
      [...calls, ...refusals, evidenceOf(placement)],
      `${who} ${id} in room ${room}, whose publish was refused (${refusals[0]!.code})`,
    );
  }
}

/** 3 agreement: a place holds one message, for everybody. */
export function agreement({ placements }: IndexedHistory, verdict: Verdict): void {
  const holders = new Map<string, Placement>();
  for (const placement of placements) {
    verdict.judged += 1;
    const { room, epoch, offset, id } = placement;
    const first = ensure(holders, keyOf(room, epoch, offset), () => placement);
    if (first.id === id) continue;
    const place = `${epoch}:${offset} of room ${room}`;
    const evidence = [evidenceOf(first), evidenceOf(placement)];
    verdict.offence(evidence, `${place} holds ${first.id} and also ${id}`);
  }
}

/** 4 unique: a message has one place, so that a retry is not appended twice. */
export function unique({ placements }: IndexedHistory, verdict: Verdict): void {
  const places = new Map<string, Placement>();
  for (const placement of placements) {
    verdict.judged += 1;
    const { room, epoch, offset, id } = placement;
    const first = ensure(places, id, () => placement);
    if (first.room === room && first.epoch === epoch && first.offset === offset) continue;
    const one = `${first.epoch}:${first.offset} of room ${first.room}`;
    const evidence = [evidenceOf(first), evidenceOf(placement)];
    verdict.offence(evidence, `${id} stands at ${one} and also at ${epoch}:${offset} of ${room}`);
  }
}

/** 8 once: no subscriber gets a message twice, whatever happened in between. */
export function once({ records }: IndexedHistory, verdict: Verdict): void {
  const firsts = new Map<string, (typeof records)[number]>();
  for (const record of ofType(records, 'recv')) {
    verdict.judged += 1;
    const first = ensure(firsts, keyOf(record.p, record.id), () => record);
    if (first === record) continue;
    verdict.offence([first, record], `${record.p} received ${record.id} twice in ${record.room}`);
  }
}
