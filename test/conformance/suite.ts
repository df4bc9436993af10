import { describe, it } from '@jest/globals';

/** One check of one clause of a port's contract. It throws if an implementation breaks the clause. */
export interface Check<World> {
  /** Number of the clause, such as `B4`. */
  readonly clause: string;
  /** The behaviour, in the present tense. */
  readonly behaviour: string;
  run(make: () => Promise<World>): Promise<void>;
}

/** Something that is made for one check and put away after it. */
export interface Disposable {
  dispose(): Promise<void> | void;
}

/** Makes a check that gets a fresh world, which is put away whatever happens. */
export function check<World extends Disposable>(
  clause: string,
  behaviour: string,
  body: (world: World) => Promise<void>,
): Check<World> {
  return {
    clause,
    behaviour,
    run: async (make) => {
      const world = await make();
      try {
        await body(world);
      } finally {
        await world.dispose();
      }
    },
  };
}

/** Runs a suite as tests of one implementation; each test's name begins with its clause. */
export function runSuite<World>(
  name: string,
  checks: readonly Check<World>[],
  make: () => Promise<World>,
): void {
  describe(name, () => {
    it.each(checks.map((entry) => [`${entry.clause} ${entry.behaviour}`, entry] as const))(
      '%s',
      (_, entry) => entry.run(make),
    );
  });
}

/** Clauses whose checks fail for an implementation. To show that a suite can fail. */
export async function brokenClauses<World>(
  checks: readonly Check<World>[],
  make: () => Promise<World>,
): Promise<string[]> {
  const broken = new Set<string>();
  for (const { clause, run } of checks) {
    try {
      await run(make);
    } catch {
      broken.add(clause);
    }
  }
  return [...broken];
}
