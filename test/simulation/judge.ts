import fc from 'fast-check';

import { checkHistory } from '../checker/check.js';
import { describeViolations } from '../checker/describe-violations.js';
import type { Happenings } from './commands.js';
import { play, type Run } from './run.js';
import type { SimulationOptions } from './simulation.js';

/** What a run is judged by. */
export interface Expectations {
  /** Whether nothing may be told to be lost, and no client may have to ask again. */
  readonly noLoss?: boolean;
  /** Whether applications may see nothing but that their clients connect, once. */
  readonly unnoticed?: boolean;
}

/** Throws what is wrong with a run, if anything. */
export function judge(run: Run, { noLoss = false, unnoticed = false }: Expectations = {}): void {
  const { records, failures, isSettled, simulation } = run;
  const broken = checkHistory(records, { expectLive: true }).filter(({ holds }) => !holds);
  if (broken.length > 0) throw new Error(describeViolations(broken));
  if (noLoss && needlessly(run) !== undefined) throw new Error(needlessly(run));
  if (unnoticed && noticed(run) !== undefined) throw new Error(noticed(run));
  const complaint = simulation.requests.complaint();
  if (complaint !== undefined) throw new Error(complaint);
  for (const failure of [...failures, ...simulation.observer.failures]) {
    throw new Error('something was thrown where nobody catches it', { cause: failure });
  }
  if (!isSettled) throw new Error('the healed world did not come to rest');
}

/** What was told to be lost, or asked for again, in a run in which nothing was lost. */
function needlessly({ records, simulation }: Run): string | undefined {
  const lost = records.find(
    (record) => record.type === 'gap' || (record.type === 'sub.ok' && record.recovered === false),
  );
  if (lost !== undefined) return `nothing was lost, but told was ${JSON.stringify(lost)}`;
  const { askedAgain } = simulation.recorder;
  return askedAgain > 0 ? 'a client asked again, though nothing was lost' : undefined;
}

/** What an application saw of a connection that took the place of another one. */
function noticed({ simulation }: Run): string | undefined {
  const seen = simulation.clients.map(({ states }) => states.join(', '));
  return seen.find((states) => states !== 'connecting, connected, closed');
}

/** What is simulated, and how it is judged. */
export interface Scenario extends SimulationOptions, Expectations {
  readonly happenings: fc.Arbitrary<Happenings>;
}

/** Schedules of each of the three properties: together more than 20,000. */
export const SCHEDULES = 7_000;

/** Longest time for them, on a machine that has other work as well. They take about 20 s. */
export const LIMIT_MS = 180_000;

/** Plays schedules and judges each of them: all, or the one that `PROPERTY_PATH` leads to. */
export async function simulate(scenario: Scenario, schedules = SCHEDULES): Promise<void> {
  const { PROPERTY_PATH: path } = process.env;
  const at = path === undefined ? {} : { path };
  await fc.assert(propertyOf(scenario), { numRuns: schedules, ...at });
}

/** Plays schedules until one of them fails, and tells why; `undefined` if none does. */
export async function firstViolation(
  scenario: Scenario,
  maxRuns: number,
): Promise<string | undefined> {
  const { failed, errorInstance } = await fc.check(propertyOf(scenario), {
    numRuns: maxRuns,
    endOnFailure: true,
  });
  if (!failed) return undefined;
  return errorInstance instanceof Error ? errorInstance.message : 'not an error';
}

function propertyOf({
  happenings,
  ...rest
}: Scenario): fc.IAsyncProperty<[fc.Scheduler, Happenings]> {
  return fc.asyncProperty(fc.scheduler(), happenings, async (scheduler, commands) => {
    judge(await play(commands, scheduler, rest), rest);
  });
}
