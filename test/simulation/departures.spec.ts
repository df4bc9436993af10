import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { DEFAULT_HISTORY } from '../../lib/core/index.js';
import { withDepartures } from './commands.js';
import { LIMIT_MS, simulate } from './judge.js';
import { play } from './run.js';

/** They take about 8 s. */
const SCHEDULES = 2_500;

describe('clients that two nodes ask to go elsewhere at any moment, in any order of events', () => {
  it(
    'lose nothing, double nothing, ask for nothing again, and their applications notice nothing',
    () =>
      simulate(
        { happenings: withDepartures, history: DEFAULT_HISTORY, noLoss: true, unnoticed: true },
        SCHEDULES,
      ),
    LIMIT_MS,
  );

  it('go elsewhere in most schedules, and have all their requests answered meanwhile', async () => {
    let schedules = 0;
    let asked = 0;
    let lost = 0;
    let moves = 0;
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), withDepartures, async (scheduler, commands) => {
        const { simulation } = await play(commands, scheduler);
        const links = simulation.clients.reduce((sum, client) => sum + client.links.length, 0);
        const { requests } = simulation;
        asked += requests.asked.length;
        lost += requests.asked.filter(({ end }) => end !== 'answered').length;
        moves += links - simulation.clients.length;
        if (links > simulation.clients.length) schedules += 1;
      }),
      { numRuns: 100, seed: 1 },
    );
    expect(schedules).toBeGreaterThan(50);
    expect(moves).toBeGreaterThan(100);
    expect(asked).toBeGreaterThan(150);
    expect(lost).toBe(0);
  });
});
