import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { withLosses, withRepeats } from './commands.js';
import { play } from './run.js';

describe('the simulated schedules', () => {
  it('see enough of everything that may go wrong', async () => {
    const seen = new Map<string, number>();
    const note = (what: string): void => {
      seen.set(what, (seen.get(what) ?? 0) + 1);
    };
    for (const happenings of [withRepeats, withLosses]) {
      await fc.assert(
        fc.asyncProperty(fc.scheduler(), happenings, async (scheduler, commands) => {
          const { records } = await play(commands, scheduler);
          for (const record of records) {
            if (record.type === 'gap') note(`gap: ${record.reason}`);
            else if (record.type !== 'sub.ok') note(record.type);
            else note(`recovered: ${String(record.recovered)}`);
            if (record.type === 'sub.ok' && (record.replayed ?? 0) > 0) note('replayed');
          }
        }),
        { numRuns: 300, seed: 1 },
      );
    }
    const wanted = [
      'pub.ok',
      'recv',
      'replayed',
      'recovered: true',
      'recovered: false',
      'recovered: undefined',
      'gap: evicted',
      'gap: epoch-changed',
    ];
    expect(wanted.filter((what) => (seen.get(what) ?? 0) < 20)).toEqual([]);
  });
});
