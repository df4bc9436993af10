/** Ways to break a history that keeps every promise, each with the assertions that have to notice. */
import { ofType, type RecordOf } from './collections.js';
import type { Gap, HistoryRecord, PublishOk, Receive, SubscribeOk } from './history.js';

type History = readonly HistoryRecord[];
/** Takes one of some candidates. */
export type Pick = <T>(candidates: readonly T[]) => T | undefined;

export interface Mutation {
  /** What goes wrong, to follow "catches". */
  readonly name: string;
  /** The assertions that have to fail. */
  readonly assertions: readonly number[];
  /** The broken history; `undefined` if this one offers nothing to break. */
  readonly apply: (history: History, pick: Pick) => HistoryRecord[] | undefined;
}

function mutation<T>(
  name: string,
  assertions: readonly number[],
  candidates: (history: History) => readonly T[],
  apply: (history: History, candidate: T) => HistoryRecord[],
): Mutation {
  return {
    name,
    assertions,
    apply: (history, pick) => {
      const candidate = pick(candidates(history));
      return candidate === undefined ? undefined : apply(history, candidate);
    },
  };
}

// Tools.

function replace(history: History, changes: readonly (readonly [HistoryRecord, HistoryRecord])[]) {
  const replacements = new Map(changes);
  return history.map((record) => replacements.get(record) ?? record);
}

function without(history: History, ...gone: readonly HistoryRecord[]): HistoryRecord[] {
  return history.filter((record) => !gone.includes(record));
}

const received = (history: History): Receive[] => ofType(history, 'recv');

const acks = (history: History): PublishOk[] => ofType(history, 'pub.ok');

const ackedIds = (history: History): Set<string> => new Set(acks(history).map(({ id }) => id));

const acked = (history: History): Receive[] => {
  const ids = ackedIds(history);
  return received(history).filter(({ id }) => ids.has(id));
};

type Step = RecordOf<'recv' | 'position' | 'gap' | 'reset' | 'sub.ok' | 'sub.end'>;

/** What moved each subscriber in each room, in order. */
function trails(history: History): Step[][] {
  const found = new Map<string, Step[]>();
  const moving = ofType(history, 'recv', 'position', 'gap', 'reset', 'sub.ok', 'sub.end');
  for (const record of moving) {
    if (record.type === 'sub.ok' && record.recovered === true) continue;
    const key = `${record.p} ${record.room}`;
    found.set(key, [...(found.get(key) ?? []), record]);
  }
  return [...found.values()];
}

/** Every three neighbours of every trail. */
function triples(history: History): (readonly [Step, Step, Step])[] {
  return trails(history).flatMap((trail) =>
    trail.slice(2).map((last, at) => [trail[at]!, trail[at + 1]!, last] as const),
  );
}

/** Notices of a loss, each between two messages, under which something acknowledged was lost. */
function notices(history: History): (readonly [Gap | SubscribeOk, Receive])[] {
  return triples(history).flatMap(([before, notice, after]) => {
    if (before.type !== 'recv' || after.type !== 'recv') return [];
    const isNotice = notice.type === 'gap' || notice.type === 'sub.ok';
    return isNotice && hidesLoss(history, before, notice) ? [[notice, after] as const] : [];
  });
}

function hidesLoss(history: History, before: Receive, notice: Gap | SubscribeOk): boolean {
  if (before.epoch !== notice.epoch) return true;
  return acks(history).some(
    ({ room, epoch, offset }) =>
      room === notice.room &&
      epoch === notice.epoch &&
      offset > before.offset &&
      offset <= notice.offset,
  );
}

const gaps = (history: History): (readonly [Gap, Receive])[] =>
  notices(history).flatMap(([gap, after]) => (gap.type === 'gap' ? [[gap, after] as const] : []));

/** Two acknowledged messages of one room and epoch, the second called after the first was stored. */
function sequences(history: History): (readonly [PublishOk, PublishOk])[] {
  const calls = new Map(
    ofType(history, 'pub.call')
      .toReversed()
      .map((call) => [call.id, call.t]),
  );
  const stored = acks(history);
  return stored.flatMap((first) =>
    stored
      .filter(({ room, epoch, id }) => {
        const isBehind = (calls.get(id) ?? 0) > first.t;
        return room === first.room && epoch === first.epoch && isBehind;
      })
      .map((second) => [first, second] as const),
  );
}

/** Lets two messages change places, for everybody alike. */
function exchange(history: History, [first, second]: readonly [PublishOk, PublishOk]) {
  const swapped = new Map([
    [first.id, second],
    [second.id, first],
  ]);
  const idAt = ({ offset, id }: { offset: number; id: string }): string =>
    offset === first.offset || offset === second.offset ? (swapped.get(id)?.id ?? id) : id;
  return history.map((record): HistoryRecord => {
    if (record.type === 'pub.ok') {
      return { ...record, offset: swapped.get(record.id)?.offset ?? record.offset };
    }
    if (record.type === 'recv') return { ...record, id: idAt(record) };
    if (record.type !== 'final') return record;
    const messages = record.messages.map(({ offset, id }) => ({
      offset,
      id: idAt({ offset, id }),
    }));
    return { ...record, messages };
  });
}

/** Subscribers that are in a room at the end, by what last moved them there. */
function lastMessages(history: History): Receive[] {
  return trails(history).flatMap((trail) => {
    const last = trail.at(-1);
    return last?.type === 'recv' ? [last] : [];
  });
}

const isOf =
  (owner: { readonly p: string; readonly room: string }) =>
  (record: HistoryRecord): boolean =>
    record.p === owner.p && 'room' in record && record.room === owner.room;

/** Recoveries with something to replay that nothing interrupted. */
function replays(history: History): SubscribeOk[] {
  return ofType(history, 'sub.ok').filter((answer) => {
    const after = history.slice(history.indexOf(answer) + 1);
    const isInterrupted = after.some(
      (record) =>
        record.p === answer.p &&
        (record.type === 'conn' ||
          (isOf(answer)(record) && ['gap', 'reset', 'sub.end', 'sub.ok'].includes(record.type))),
    );
    return answer.recovered === true && (answer.replayed ?? 0) > 0 && !isInterrupted;
  });
}

// The mutations.

export const MUTATIONS: readonly Mutation[] = [
  mutation('a message that nobody published', [1], received, (history, record) =>
    replace(history, [[record, { ...record, id: 'ghost/1' }]]),
  ),
  mutation('a message that arrives before it was published', [1], received, (history, record) =>
    replace(history, [[record, { ...record, t: 0 }]]),
  ),
  mutation(
    'a message whose publish was refused',
    [2],
    (history) => {
      const ids = new Set(received(history).map(({ id }) => id));
      const calls = ofType(history, 'pub.call').map(({ id }) => id);
      const isCalledOnce = (id: string): boolean => calls.indexOf(id) === calls.lastIndexOf(id);
      return acks(history).filter(({ id }) => ids.has(id) && isCalledOnce(id));
    },
    (history, { t, p, id, ...ack }) =>
      history.map((record) =>
        record.type === ack.type && record.id === id
          ? { t, p, type: 'pub.no', id, code: 'forbidden' }
          : record,
      ),
  ),
  mutation('two messages at one place', [3], acked, (history, record) => {
    const other = ofType(history, 'pub.call').find(
      ({ id, room }) => id !== record.id && room === record.room,
    );
    return replace(history, [[record, { ...record, id: other?.id ?? 'other/1' }]]);
  }),
  mutation('an offset that is not the message’s', [4, 6], acked, (history, record) =>
    replace(history, [[record, { ...record, offset: record.offset + 1_000 }]]),
  ),
  mutation(
    'a retry that was stored twice',
    [4],
    (history) => ofType(history, 'final').filter(({ messages }) => messages.length > 0),
    (history, final) => {
      const { offset, id } = final.messages.at(-1)!;
      const messages = [...final.messages, { offset: offset + 1, id }];
      return replace(history, [[final, { ...final, messages }]]);
    },
  ),
  mutation(
    'two messages in the wrong order',
    [5, 6],
    (history) =>
      triples(history).flatMap(([, one, two]) =>
        one.type === 'recv' && two.type === 'recv' ? [[one, two] as const] : [],
      ),
    (history, [one, two]) =>
      replace(history, [
        [one, { ...two, t: one.t }],
        [two, { ...one, t: two.t }],
      ]),
  ),
  mutation(
    'a message that was left out',
    [6, 7, 11],
    (history) => {
      const ids = ackedIds(history);
      return triples(history)
        .filter(([before, , after]) => before.type !== 'sub.end' && after.type === 'recv')
        .flatMap(([, middle]) => (middle.type === 'recv' && ids.has(middle.id) ? [middle] : []));
    },
    (history, record) => without(history, record),
  ),
  mutation(
    'a place that was passed without a word',
    [6],
    (history) =>
      triples(history).flatMap(([before, middle, after]) =>
        before.type === 'recv' && middle.type === 'position' && after.type === 'recv'
          ? [middle]
          : [],
      ),
    (history, record) => without(history, record),
  ),
  mutation(
    'an epoch that was never announced',
    [4, 6, 11],
    (history) => {
      const isInside = triples(history).filter(([, before]) => before.type === 'recv');
      const candidates = new Set(isInside.map(([, , last]) => last));
      return acked(history).filter((record) => candidates.has(record));
    },
    (history, record) => replace(history, [[record, { ...record, epoch: 'forged' }]]),
  ),
  mutation('a recovery that gives less than it promised', [7, 13], replays, (history, answer) => {
    const isAfter = (record: HistoryRecord): boolean => record.t > answer.t;
    const isReplay = (record: HistoryRecord): boolean =>
      isOf(answer)(record) && (record.type === 'recv' || record.type === 'position');
    return history.filter((record) => !isAfter(record) || !isReplay(record));
  }),
  mutation('a message that came twice', [5, 8], received, (history, record) => [
    ...history,
    { ...record, t: record.t + 0.5 },
  ]),
  mutation(
    'messages of one publisher in the wrong order',
    [9],
    (history) => sequences(history).filter(([first, second]) => first.p === second.p),
    exchange,
  ),
  mutation(
    'messages of two publishers in the wrong order',
    [10],
    (history) => sequences(history).filter(([first, second]) => first.p !== second.p),
    exchange,
  ),
  mutation('a notice of loss that comes too late', [6, 11], gaps, (history, [gap, after]) =>
    replace(history, [[gap, { ...gap, t: after.t + 0.5 }]]),
  ),
  mutation('a loss without a notice', [6, 11], gaps, (history, [gap]) => without(history, gap)),
  mutation(
    'a recovery that was none',
    [6, 11],
    (history) =>
      notices(history).flatMap(([notice]) =>
        notice.type === 'sub.ok' && notice.recovered === false ? [notice] : [],
      ),
    (history, answer) => replace(history, [[answer, { ...answer, recovered: true, replayed: 0 }]]),
  ),
  mutation(
    'an acknowledged message that the store lost',
    [12],
    (history) => {
      const ids = new Set(
        acks(history)
          .filter(({ t }) => !ofType(history, 'fault').some((fault) => fault.t > t))
          .map(({ id }) => id),
      );
      return ofType(history, 'final').flatMap((final) =>
        final.messages.filter(({ id }) => ids.has(id)).map(({ id }) => ({ final, lost: id })),
      );
    },
    (history, { final, lost }) => {
      const messages = final.messages.filter(({ id }) => id !== lost);
      return replace(history, [[final, { ...final, messages }]]);
    },
  ),
  mutation(
    'a room whose end nobody knows',
    [13],
    (history) => {
      const rooms = new Set(lastMessages(history).map(({ room }) => room));
      return ofType(history, 'final').filter(({ room }) => rooms.has(room));
    },
    (history, final) => without(history, final),
  ),
  mutation('a last message that never came', [13], lastMessages, (history, record) =>
    without(history, record),
  ),
  mutation(
    'a leave without a join',
    [14],
    (history) => ofType(history, 'presence.state'),
    (history, { t, p, room }) => [
      ...history,
      { t: t + 0.5, p, type: 'presence.leave', room, member: 'ghost' },
    ],
  ),
  mutation(
    'a join of somebody who is there',
    [14],
    (history) => ofType(history, 'presence.join'),
    (history, join) => [...history, { ...join, t: join.t + 0.5 }],
  ),
  mutation(
    'a leave that was never told',
    [14],
    (history) =>
      ofType(history, 'presence.leave').filter((leave) => {
        const after = history.slice(history.indexOf(leave) + 1).filter(isOf(leave));
        return !after.some(
          (record) =>
            record.type === 'presence.state' ||
            record.type === 'sub.end' ||
            (record.type === 'presence.join' && record.member === leave.member),
        );
      }),
    (history, leave) => without(history, leave),
  ),
  mutation('a message after the right to read was taken', [15], received, (history, record) => {
    const { t, room, p } = record;
    const revoke = { t: t - 0.5, p: 'oracle', type: 'revoke', user: `user of ${p}`, room } as const;
    return [...history, revoke];
  }),
  mutation('a message of another tenant', [16], received, (history, record) =>
    replace(history, [[record, { ...record, tenant: 'other' }]]),
  ),
];
