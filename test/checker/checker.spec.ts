import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkHistory, violations, type CheckOptions } from './check.js';
import { describeViolations } from './describe-violations.js';
import type { HistoryRecord, PublishOk, Receive } from './history.js';
import { plans, play } from './model.js';
import { MUTATIONS, type Mutation } from './mutations.js';

const LIVE = { expectLive: true } as const;

/** A record before its time is known: the place in the list is the time. */
type Untimed<T> = T extends HistoryRecord ? Omit<T, 't'> : never;

const timed = (...records: readonly Untimed<HistoryRecord>[]): HistoryRecord[] =>
  records.map((record, t) => ({ t, ...record }));

const room = 'chat';

const call = (id: string, p = 'writer', n = 1) => ({ type: 'pub.call', p, id, room, n }) as const;

function ok(id: string, offset: number, more: Partial<PublishOk> = {}) {
  const { p = 'writer', epoch = 'e1', durability = 'memory' } = more;
  return { type: 'pub.ok', p, id, room, epoch, offset, durability } as const;
}

function recv(id: string, offset: number, { p = 'reader', epoch = 'e1' }: Partial<Receive> = {}) {
  return { type: 'recv', p, room, epoch, offset, id } as const;
}

function subscribed(offset: number, recovered?: boolean) {
  const wasRecovering = recovered !== undefined;
  const verdict = { wasRecovering, ...(wasRecovering ? { recovered } : {}) };
  return { type: 'sub.ok', p: 'reader', room, epoch: 'e1', offset, ...verdict } as const;
}

const at = (type: 'position' | 'reset', offset: number) =>
  ({ type, p: 'reader', room, epoch: 'e1', offset }) as const;

const gap = (offset: number, epoch = 'e1') =>
  ({ type: 'gap', p: 'reader', room, epoch, offset, reason: 'evicted' }) as const;

const final = (oldest: number, ...ids: readonly string[]) => {
  const messages = ids.map((id, index) => ({ offset: oldest + index, id }));
  return { type: 'final', p: 'oracle', room, epoch: 'e1', oldest, messages } as const;
};

const fault = (on: boolean, endangers?: 'link' | 'data') =>
  ({ type: 'fault', p: 'nemesis', kind: 'kill', target: 'store', on, endangers }) as const;

/** Numbers of the assertions that the records break. */
function broken(records: readonly HistoryRecord[], options?: CheckOptions): number[] {
  return violations(records, options).map(({ assertion }) => assertion);
}

/** Runs a predicate over good histories that a mutation has broken. */
function overBroken(
  { apply }: Mutation,
  judge: (history: HistoryRecord[]) => void,
  numRuns = 25,
): void {
  fc.assert(
    fc.property(plans, fc.nat(), (plan, seed) => {
      const mutated = apply(play(plan), (candidates) => candidates[seed % candidates.length]);
      fc.pre(mutated !== undefined);
      judge(mutated);
    }),
    { numRuns },
  );
}

describe('a history in which every promise is kept', () => {
  it('breaks no assertion, whatever happened to links, rooms and readers', () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const history = play(plan);
        expect(describeViolations(checkHistory(history, LIVE))).toBe('');
      }),
    );
  });

  it('gives every assertion something to judge, and losses to declare', () => {
    const results = fc
      .sample(plans, { numRuns: 50, seed: 1 })
      .map((plan) => checkHistory(play(plan), LIVE));
    const idle = results[0]!.filter((_, index) => results.every((all) => all[index]!.judged === 0));
    expect(idle).toEqual([]);
    const losses = results.map((all) => all[10]!.declaredLosses ?? 0);
    expect(Math.max(...losses)).toBeGreaterThan(0);
  });

  it('is judged alike in whatever order the processes’ records were put together', () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const history = play(plan);
        const byProcess = history.toSorted((left, right) => (left.p < right.p ? -1 : 1));
        expect(checkHistory(byProcess, LIVE)).toEqual(checkHistory(history, LIVE));
      }),
    );
  });

  it('is judged by assertions 1 to 14, and by 15 and 16 only if it speaks of rights and tenants', () => {
    const numbers = (records: HistoryRecord[]): number[] =>
      checkHistory(records).map(({ assertion }) => assertion);
    const first14 = Array.from({ length: 14 }, (_, index) => index + 1);
    expect(numbers([])).toEqual(first14);
    const right = { type: 'grant', p: 'oracle', user: 'ada', room } as const;
    expect(numbers(timed(right))).toEqual([...first14, 15]);
    const tenant = { ...call('a'), tenant: 'acme' };
    expect(numbers(timed(right, tenant))).toEqual([...first14, 15, 16]);
  });
});

describe('a history in which one thing went wrong', () => {
  it.each(MUTATIONS)('is caught: $name', (mutation) => {
    overBroken(
      mutation,
      (history) => {
        expect(broken(history, LIVE)).toEqual(expect.arrayContaining([...mutation.assertions]));
      },
      100,
    );
  });

  it.each(MUTATIONS)(
    'is shown by a few records that are broken by themselves: $name',
    (mutation) => {
      overBroken(mutation, (history) => {
        for (const { assertion, excerpt } of violations(history, LIVE)) {
          expect(excerpt.length).toBeLessThanOrEqual(5);
          expect(broken(excerpt, LIVE)).toContain(assertion);
          const rooms = excerpt.flatMap((record) => ('room' in record ? [record.room] : []));
          expect(new Set(rooms).size).toBe(1);
          expect(excerpt).toEqual(excerpt.toSorted((left, right) => left.t - right.t));
        }
      });
    },
  );

  it.each(MUTATIONS)('is described with assertion, process and room: $name', (mutation) => {
    overBroken(mutation, (history) => {
      for (const result of violations(history, LIVE)) {
        const { assertion, name, explanation } = result;
        const described = describeViolations([result]);
        expect(described).toContain(`assertion ${assertion} (${name}) is broken: ${explanation}`);
        expect(explanation).toMatch(/reader-\d|writer-\d|store|holds|stands|ended/);
        expect(explanation).toMatch(/chat|news/);
        expect(described).toMatch(/\n {2}t=[\d.]+ (reader-\d|writer-\d|oracle) /);
      }
    });
  });
});

describe('a subscriber', () => {
  it('that is given another message at an offset it knows has lost one silently', () => {
    // A promoted replica that lacks the tail gives out offsets 1 and 2 again, under the same epoch.
    const history = timed(
      subscribed(0),
      call('old'),
      ok('old', 1),
      recv('old', 1),
      { type: 'conn', p: 'reader', state: 'close' },
      call('new'),
      ok('new', 1),
      call('next'),
      ok('next', 2),
      subscribed(2, true),
      recv('next', 2),
      final(1, 'new', 'next'),
    );
    expect(broken(history)).toEqual([3, 7, 9, 10, 11, 12]);
  });

  it('that was told of a loss before the next message has lost it honestly', () => {
    const published = ['a', 'b', 'c'].flatMap((id, index) => [call(id), ok(id, index + 1)]);
    const told = timed(subscribed(0), ...published, gap(2), recv('c', 3), final(3, 'c'));
    expect(broken(told)).toEqual([]);
    expect(checkHistory(told)[10]?.declaredLosses).toBe(2);
  });

  it('that was told of another epoch counts the rest of the old one as lost', () => {
    const published = ['a', 'b'].flatMap((id, index) => [call(id), ok(id, index + 1)]);
    const renewed = [call('c'), ok('c', 1, { epoch: 'e2' })];
    const history = timed(subscribed(0), ...published, recv('a', 1), ...renewed, gap(1, 'e2'));
    expect(broken(history)).toEqual([]);
    expect(checkHistory(history)[10]?.declaredLosses).toBe(2);
  });

  it('that got the state of the room goes on from there', () => {
    const history = timed(call('a'), ok('a', 1), call('b'), at('reset', 1), recv('b', 2));
    expect(broken(history)).toEqual([]);
  });

  it('misses nothing where the stream moved on by a message for others', () => {
    const history = timed(subscribed(0), call('a'), ok('a', 1), call('b'), ok('b', 2));
    const rest = [at('position', 1), recv('b', 2)] as const;
    expect(broken([...history, ...timed(...rest).map((each) => ({ ...each, t: 9 }))])).toEqual([]);
  });

  it('does not jump by a position any more than by a message', () => {
    const history = timed(subscribed(0), call('a'), ok('a', 1), at('position', 2));
    expect(broken(history)).toEqual([6, 7, 11]);
  });

  it('goes on from the place it asked with if it was recovered without having one here', () => {
    const since = { epoch: 'e1', offset: 3 };
    const ask = { type: 'sub.call', p: 'reader', room, since } as const;
    expect(broken(timed(call('a'), ask, subscribed(4, true), recv('a', 4)))).toEqual([]);
    expect(broken(timed(call('a'), ask, subscribed(5, true), recv('a', 5)))).toEqual([6]);
  });

  it('is not moved by an answer without a verdict', () => {
    const history = timed(call('a'), call('b'), subscribed(0), recv('a', 1), subscribed(2));
    expect(broken([...history, { t: 9, ...recv('b', 3) }])).toEqual([6]);
  });

  it('gets nothing after it left', () => {
    const end = { type: 'sub.end', p: 'reader', room } as const;
    expect(broken(timed(call('a'), subscribed(0), end, recv('a', 1)))).toEqual([6]);
  });

  it('that left starts anew without having lost anything', () => {
    const end = { type: 'sub.end', p: 'reader', room } as const;
    const history = timed(subscribed(0), end, call('a'), ok('a', 1), call('b'), subscribed(1));
    expect(broken([...history, { t: 9, ...recv('b', 2) }])).toEqual([]);
  });

  it('that asked and was never let in is not live', () => {
    const ask = { type: 'sub.call', p: 'reader', room } as const;
    const end = { type: 'sub.end', p: 'reader', room } as const;
    expect(broken(timed(ask, final(1)), LIVE)).toEqual([13]);
    expect(broken(timed(ask, end, final(1)), LIVE)).toEqual([]);
    expect(broken(timed(ask, final(1)))).toEqual([]);
  });

  it('may read for a while after a revocation, if there is a bound', () => {
    const identity = { type: 'subscriber', p: 'reader', user: 'ada' } as const;
    const [granted, revoked] = (['grant', 'revoke'] as const).map(
      (type) => ({ type, p: 'oracle', user: 'ada', room }) as const,
    );
    const history = timed(identity, granted!, call('a'), subscribed(0), revoked!, recv('a', 1));
    expect(broken(history)).toEqual([15]);
    expect(broken(history, { revokeBound: 1 })).toEqual([]);
  });
});

describe('a publisher', () => {
  it('may save a refused message by a retry', () => {
    const refused = { type: 'pub.no', p: 'writer', id: 'a', code: 'overloaded' } as const;
    const rest = [subscribed(0), recv('a', 1)] as const;
    expect(broken(timed(call('a'), refused, ...rest))).toEqual([2]);
    expect(broken(timed(call('a'), refused, call('a'), ok('a', 1), ...rest))).toEqual([]);
  });

  it('may be answered twice with the same place, but not with two', () => {
    const twice = [call('a'), ok('a', 1), call('a')] as const;
    expect(broken(timed(...twice, ok('a', 1)))).toEqual([]);
    expect(broken(timed(...twice, ok('a', 2)))).toEqual([4]);
  });

  it('may be overtaken by its own overlapping message, unless publishes are pipelined', () => {
    const history = timed(call('a', 'w', 1), call('b', 'w', 2), ok('b', 1), ok('a', 2));
    const own = history.map((record) => ({ ...record, p: 'w' }));
    expect(broken(own)).toEqual([]);
    expect(broken(own, { pipelined: true })).toEqual([9]);
  });

  it('loses nothing to fewer faults than there are copies', () => {
    const stored = [call('a'), ok('a', 1, { durability: 'replicated:2' })] as const;
    const once = [fault(true), fault(false)] as const;
    expect(broken(timed(...stored, ...once, final(1)))).toEqual([12]);
    expect(broken(timed(...stored, ...once, ...once, final(1)))).toEqual([]);
    expect(broken(timed(...stored, ...once, final(2)))).toEqual([]);
  });

  it('cannot blame faults of links, nor those that were over before', () => {
    const stored = [call('a'), ok('a', 1)] as const;
    expect(broken(timed(...stored, fault(true), final(1)))).toEqual([]);
    expect(broken(timed(...stored, fault(true, 'link'), final(1)))).toEqual([12]);
    expect(broken(timed(fault(true), fault(false), ...stored, final(1)))).toEqual([12]);
    expect(broken(timed(fault(true), ...stored, fault(false), final(1)))).toEqual([]);
  });

  it('is not in order with another one if both published at once', () => {
    const history = timed(call('a', 'v'), ok('a', 2, { p: 'v' }), call('b', 'w'), ok('b', 1));
    expect(broken(history)).toEqual([10]);
    expect(broken(history.map((record) => ({ ...record, t: 0 })))).toEqual([]);
  });
});

describe('a watcher', () => {
  const seen = (type: 'presence.join' | 'presence.leave', member: string) =>
    ({ type, p: 'reader', room, member }) as const;
  const everybody = (type: 'presence.state' | 'presence.final', ...members: string[]) =>
    ({ type, p: type === 'presence.state' ? 'reader' : 'oracle', room, members }) as const;

  it('sees joins and leaves of a member alternate', () => {
    const state = everybody('presence.state', 'ada');
    const [join, leave] = [seen('presence.join', 'ada'), seen('presence.leave', 'ada')];
    expect(broken(timed(state, leave, join, leave))).toEqual([]);
    expect(broken(timed(state, join))).toEqual([14]);
    expect(broken(timed(state, leave, leave))).toEqual([14]);
    expect(broken(timed(everybody('presence.state', 'ada', 'ada')))).toEqual([14]);
  });

  it('agrees with the oracle at the end, unless its connection is closed', () => {
    const state = everybody('presence.state', 'ada');
    const close = { type: 'conn', p: 'reader', state: 'close' } as const;
    const end = everybody('presence.final', 'bob');
    expect(broken(timed(state, end))).toEqual([14]);
    expect(broken(timed(state, close, end))).toEqual([]);
    expect(broken(timed(state, everybody('presence.final', 'ada')))).toEqual([]);
  });
});

describe('an excerpt', () => {
  it('shows where the span began, what was missed and what came instead', () => {
    const published = ['a', 'b', 'c'].flatMap((id, index) => [call(id), ok(id, index + 1)]);
    const history = timed(subscribed(0), ...published, recv('a', 1), recv('c', 3), final(1, 'a'));
    const complete = violations(history).find(({ assertion }) => assertion === 7);
    expect(complete?.excerpt.map(({ t }) => history[t])).toEqual([
      { t: 0, ...subscribed(0) },
      { t: 4, ...ok('b', 2) },
      { t: 8, ...recv('c', 3) },
    ]);
  });

  it('is the shortest one, and says how many more there are', () => {
    const twice = [recv('b', 1, { p: 'one' }), recv('b', 1, { p: 'one' })] as const;
    const history = timed(subscribed(0), recv('ghost', 1), call('b'), ...twice);
    const [invention] = violations(history);
    expect(invention?.excerpt).toEqual([{ t: 1, ...recv('ghost', 1) }]);
    const stray = violations(history).find(({ assertion }) => assertion === 6);
    expect(stray?.excerpt).toHaveLength(1);
    expect(stray?.explanation).toMatch(/\(1 more like it\)$/);
  });

  it('of a store shows only the message in question', () => {
    const history = timed(call('a'), call('c'), final(1, 'a', 'ghost', 'c'));
    expect(violations(history)[0]?.excerpt).toEqual([{ t: 2, ...final(2, 'ghost'), oldest: 1 }]);
  });

  it('shows a notice that came too late', () => {
    const published = ['a', 'b'].flatMap((id, index) => [call(id), ok(id, index + 1)]);
    const history = timed(subscribed(0), ...published, recv('b', 2), gap(1));
    const loss = violations(history).find(({ assertion }) => assertion === 11);
    expect(loss?.excerpt.at(-1)).toEqual({ t: 6, ...gap(1) });
    expect(loss?.explanation).toContain('told so only afterwards');
  });
});

describe('the description of violations', () => {
  it('names the assertion, the process and the room, and shows the excerpt', () => {
    const history = timed(subscribed(0), call('a'), recv('a', 1), call('c'), recv('c', 3));
    expect(describeViolations(violations(history))).toBe(
      [
        'assertion 6 (contiguity) is broken: reader went from e1:1 to e1:3 in room chat, and nobody told it why',
        '  t=0 reader sub.ok room=chat epoch=e1 offset=0 wasRecovering=false',
        '  t=2 reader recv room=chat epoch=e1 offset=1 id=a',
        '  t=4 reader recv room=chat epoch=e1 offset=3 id=c',
      ].join('\n'),
    );
  });

  it('is empty if nothing is wrong', () => {
    expect(describeViolations(checkHistory([]))).toBe('');
  });
});
