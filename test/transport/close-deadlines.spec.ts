import { describe, expect, it } from '@jest/globals';

import { ManualClock } from '../../lib/testing/manual-clock.js';
import { CloseDeadlines } from '../../lib/transport/close-deadlines.js';

function make() {
  const clock = new ManualClock();
  const cuts: string[] = [];
  const deadlines = new CloseDeadlines<string>(clock, 5_000, (link) => cuts.push(link));
  return { clock, cuts, deadlines };
}

describe('links that were closed and whose peers do not answer', () => {
  it('are cut when their time is over, not before', () => {
    const { clock, cuts, deadlines } = make();
    deadlines.add('a');
    clock.advance(3_000);
    deadlines.add('b');
    clock.advance(1_999);
    expect(cuts).toEqual([]);
    clock.advance(1);
    expect(cuts).toEqual(['a']);
    clock.advance(3_000);
    expect(cuts).toEqual(['a', 'b']);
    expect([deadlines.size, clock.waiting]).toEqual([0, 0]);
  });

  it('are not cut where they have ended meanwhile, and leave no timer behind', () => {
    const { clock, cuts, deadlines } = make();
    for (const link of ['a', 'b']) deadlines.add(link);
    deadlines.forget('a');
    deadlines.forget('nobody');
    expect(clock.waiting).toBe(1);
    deadlines.forget('b');
    expect(clock.waiting).toBe(0);
    clock.advance(10_000);
    expect(cuts).toEqual([]);
  });

  it('keep their time when they are closed again', () => {
    const { clock, cuts, deadlines } = make();
    deadlines.add('a');
    clock.advance(4_000);
    deadlines.add('a');
    clock.advance(1_000);
    expect(cuts).toEqual(['a']);
  });

  it('are cut a few a turn, in the order in which they were closed', () => {
    const { clock, cuts, deadlines } = make();
    const links = Array.from({ length: 10 }, (_, index) => String(index));
    for (const link of links) deadlines.add(link);
    clock.advance(5_000);
    expect(cuts).toEqual(links.slice(0, 4));
    clock.advance(1);
    expect(cuts).toEqual(links.slice(0, 8));
    clock.advance(1);
    expect(cuts).toEqual(links);
  });
});
