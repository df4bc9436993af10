/** Assertion 14: what a watcher is told about the members of a room adds up. */
import { ensure, groupBy, type RecordOf } from './collections.js';
import type { HistoryRecord, PresenceFinal } from './history.js';
import type { IndexedHistory } from './indexed-history.js';
import type { Verdict } from './verdict.js';

type Seen = RecordOf<'presence.state' | 'presence.join' | 'presence.leave'>;
type Change = RecordOf<'presence.join' | 'presence.leave'>;

/** One watcher's picture of one room. */
interface Watch {
  readonly p: string;
  readonly room: string;
  /** The members, each with the record that says so. */
  readonly members: Map<string, Seen>;
  /** The last leave of each, or of everybody the last state. */
  readonly absent: Map<string, Seen>;
  state: Seen | undefined;
  /** Whether the watcher still hears of changes. */
  isLive: boolean;
}

/** 14 presence: joins and leaves of a member alternate, and in the end everybody agrees. */
export function presence({ records }: IndexedHistory, verdict: Verdict): void {
  const watches = new Map<string, Map<string, Watch>>();
  const oracle = new Map<string, PresenceFinal>();
  for (const record of records) {
    if (record.type === 'presence.final') oracle.set(record.room, record);
    else if (isSeen(record)) see(watchOf(watches, record), record, verdict);
    else if (record.type === 'sub.end') watches.get(record.p)?.delete(record.room);
    else if (record.type === 'conn') {
      const isLive = record.state === 'open';
      for (const watch of watches.get(record.p)?.values() ?? []) watch.isLive = isLive;
    }
  }
  const all = [...watches.values()].flatMap((rooms) => [...rooms.values()]);
  for (const watch of all) {
    const final = oracle.get(watch.room);
    if (watch.isLive && final !== undefined) compare(watch, final, verdict);
  }
}

function isSeen(record: HistoryRecord): record is Seen {
  const { type } = record;
  return type === 'presence.state' || type === 'presence.join' || type === 'presence.leave';
}

function watchOf(watches: Map<string, Map<string, Watch>>, { p, room }: Seen): Watch {
  const rooms = ensure(watches, p, () => new Map<string, Watch>());
  return ensure(rooms, room, () => {
    return { p, room, members: new Map(), absent: new Map(), state: undefined, isLive: true };
  });
}

function see(watch: Watch, record: Seen, verdict: Verdict): void {
  verdict.judged += 1;
  if (record.type === 'presence.state') restart(watch, record, verdict);
  else change(watch, record, verdict);
}

function restart(watch: Watch, state: RecordOf<'presence.state'>, verdict: Verdict): void {
  const { members, absent } = watch;
  members.clear();
  absent.clear();
  watch.state = state;
  for (const [member, mentions] of groupBy(state.members, (name) => name)) {
    members.set(member, state);
    if (mentions.length === 1) continue;
    verdict.offence([state], `${watch.p} was told that ${member} is in room ${watch.room} twice`);
  }
}

function change(
  { p, room, members, absent, state }: Watch,
  record: Change,
  verdict: Verdict,
): void {
  const { member } = record;
  const present = members.get(member);
  if (record.type === 'presence.join') {
    members.set(member, record);
    if (present === undefined) return;
    verdict.offence([present, record], `${p} saw ${member} join room ${room}, who was in it`);
  } else {
    const before = absent.get(member) ?? state;
    members.delete(member);
    absent.set(member, record);
    if (present !== undefined) return;
    const excerpt = before === undefined ? [record] : [before, record];
    verdict.offence(excerpt, `${p} saw ${member} leave room ${room}, who was not in it`);
  }
}

function compare(watch: Watch, final: PresenceFinal, verdict: Verdict): void {
  const { p, room, members, absent, state } = watch;
  verdict.judged += 1;
  const actual = new Set(final.members);
  for (const [member, seen] of members) {
    if (actual.has(member)) continue;
    verdict.offence([seen, final], `${p} still sees ${member} in room ${room}, who is not in it`);
  }
  for (const member of actual) {
    if (members.has(member)) continue;
    const seen = absent.get(member) ?? state;
    const excerpt = seen === undefined ? [final] : [seen, final];
    verdict.offence(excerpt, `${p} does not see ${member} in room ${room}, who is in it`);
  }
}
