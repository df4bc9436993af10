import type { LargeMember, MembersPlan, ReadingPlan } from './reading-plan.js';

/** Settles in a later turn of the event loop. */
export type NextTurn = () => Promise<void>;

/** An array or object that is not whole yet. */
type Target = unknown[] | Record<string, unknown>;

/**
 * Reads a value as planned: one piece a turn. Gives what `JSON.parse` would give for the whole text.
 */
export async function readPlanned(
  text: string,
  plan: ReadingPlan,
  nextTurn: NextTurn,
): Promise<unknown> {
  if ('kind' in plan) return readMembers(text, plan, nextTurn);
  await nextTurn();
  return JSON.parse(text.slice(plan.start, plan.end));
}

async function readMembers(
  text: string,
  { kind, parts }: MembersPlan,
  nextTurn: NextTurn,
): Promise<Target> {
  let target: Target | undefined;
  for (const part of parts) {
    if ('start' in part) {
      await nextTurn();
      const run = readRun(kind, text.slice(part.start, part.end));
      // To add to the first run is cheaper than to add the first run to something.
      if (target === undefined) target = run;
      else addRun(target, run);
    } else {
      target ??= kind === 'array' ? [] : {};
      await addLarge(target, text, part, nextTurn);
    }
  }
  return target ?? readRun(kind, '');
}

function readRun(kind: MembersPlan['kind'], members: string): Target {
  return JSON.parse(kind === 'array' ? `[${members}]` : `{${members}}`) as Target;
}

async function addLarge(
  target: Target,
  text: string,
  { key = '', plan }: LargeMember,
  nextTurn: NextTurn,
): Promise<void> {
  const value = await readPlanned(text, plan, nextTurn);
  if (Array.isArray(target)) target.push(value);
  else setField(target, key, value);
}

function addRun(target: Target, run: Target): void {
  if (Array.isArray(target)) {
    for (const item of run as unknown[]) target.push(item);
  } else {
    const fields = run as Record<string, unknown>;
    for (const key of Object.keys(fields)) setField(target, key, fields[key]);
  }
}

/** As `JSON.parse` does: `__proto__` is a field like any other. */
function setField(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(target, key, {
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    });
  } else target[key] = value;
}
