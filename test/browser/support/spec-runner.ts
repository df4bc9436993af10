/**
 * What `@jest/globals` is to a spec that runs in a page or a worker: enough of it to run the specs of
 * the SDK there, one test after another. The matchers are Jest's own.
 */
import { expect } from 'expect';
import { ModuleMocker } from 'jest-mock';

/** What became of a test. Absent error: it passed. */
export interface Outcome {
  readonly name: string;
  readonly error?: string;
}

type Body = (...args: never[]) => unknown;
type Hook = () => unknown;

/** A `describe`, and the tests and blocks in it. */
interface Block {
  readonly name: string;
  readonly outer: Block | undefined;
  readonly before: Hook[];
  readonly after: Hook[];
}

interface Test {
  readonly name: string;
  readonly block: Block;
  readonly run: Hook;
}

const newBlock = (name: string, outer?: Block): Block => ({ name, outer, before: [], after: [] });
const tests: Test[] = [];
let block = newBlock('');

export { expect };
export const jest = new ModuleMocker(globalThis);

export function describe(name: string, define: () => void): void {
  block = newBlock(name, block);
  define();
  block = block.outer ?? block;
}

function addTest(name: string, run: Hook): void {
  tests.push({ name, block, run });
}

/** A test for each row; Jest's placeholders are left as they are, and the row's number is added. */
function each(rows: readonly unknown[]) {
  return (name: string, body: Body): void => {
    for (const [index, row] of rows.entries()) {
      const values = Array.isArray(row) ? row : [row];
      addTest(`${name} [${String(index + 1)}]`, () => body(...(values as never[])));
    }
  };
}

export const it = Object.assign(addTest, { each });

export function beforeEach(hook: Hook): void {
  block.before.push(hook);
}

export function afterEach(hook: Hook): void {
  block.after.push(hook);
}

/** A block and those around it, from the outermost. */
function pathOf(inner: Block): Block[] {
  return inner.outer === undefined ? [inner] : [...pathOf(inner.outer), inner];
}

async function runTest({ name, block: own, run }: Test): Promise<Outcome> {
  const path = pathOf(own);
  const names = [...path.map(({ name: part }) => part), name].filter(Boolean);
  const outcome = { name: names.join(' > ') };
  try {
    for (const { before } of path) for (const hook of before) await hook();
    try {
      await run();
    } finally {
      for (const { after } of path.toReversed()) for (const hook of after) await hook();
    }
    return outcome;
  } catch (error) {
    return {
      ...outcome,
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    };
  }
}

/** Runs every test that was defined. */
export async function runAll(): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const test of tests) outcomes.push(await runTest(test));
  return outcomes;
}
