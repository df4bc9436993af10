import fc from 'fast-check';

import type { HistoryRecord } from '../checker/history.js';
import { turn } from '../support/turns.js';
import type { Happenings, Stage } from './commands.js';
import type { Scheduling } from './scheduling.js';
import { ROOMS, Simulation, type SimulationOptions } from './simulation.js';

/** How long the healed world may take. Virtual milliseconds, in steps of {@link STEP_MS}. */
const HEAL_MS = 60_000;
const STEP_MS = 100;

/** A scheduling that fast-check decides. */
function scheduled(scheduler: fc.Scheduler, failed: (error: unknown) => void): Scheduling {
  return {
    later: (label, task) => {
      scheduler.schedule(Promise.resolve(), label).then(task).catch(failed);
    },
  };
}

/** Lets that many things happen of those that may, and everything that follows from each at once. */
async function proceed(scheduler: fc.Scheduler, count: number): Promise<void> {
  for (let done = 0; done < count && scheduler.count() > 0; done += 1) {
    // The others wait 50 turns of promises for each: here one turn of the event loop says as much.
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    await scheduler.waitOne();
    await turn();
  }
}

/** Lets everything arrive and time pass until nothing is left to wait for. */
async function heal(simulation: Simulation, scheduler: fc.Scheduler): Promise<void> {
  for (let passed = 0; passed < HEAL_MS; passed += STEP_MS) {
    await proceed(scheduler, Infinity);
    await turn();
    if (scheduler.count() === 0 && simulation.isSettled) return;
    simulation.clock.advance(STEP_MS);
  }
}

/** What a run has shown. */
export interface Run {
  readonly records: readonly HistoryRecord[];
  /** Whatever was thrown where nobody catches it. */
  readonly failures: readonly unknown[];
  /** Whether every wish was fulfilled in the end. */
  readonly isSettled: boolean;
  readonly simulation: Simulation;
}

/** Runs what happens, heals the world, publishes once more into each room, and gives what was seen. */
export async function play(
  commands: Happenings,
  scheduler: fc.Scheduler,
  options: SimulationOptions = {},
): Promise<Run> {
  const failures: unknown[] = [];
  const scheduling = scheduled(scheduler, (error) => failures.push(error));
  const simulation = new Simulation(scheduling, options);
  const stage: Stage = { simulation, proceed: (count) => proceed(scheduler, count) };
  await fc.asyncModelRun(() => ({ model: {}, real: stage }), commands);
  await heal(simulation, scheduler);
  for (const room of ROOMS) simulation.publish(0, room);
  await heal(simulation, scheduler);
  const { isSettled } = simulation;
  await simulation.recordFinal();
  simulation.close();
  await proceed(scheduler, Infinity);
  failures.push(...simulation.recorder.failures);
  return { records: simulation.recorder.records, failures, isSettled, simulation };
}
