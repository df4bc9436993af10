import type { LargeMember, ReadingPlan } from './reading-plan.js';

/** Settles in a later turn of the event loop. */
export type NextTurn = () => Promise<void>;

/**
 * Reads a value as planned: one piece a turn. Gives what `JSON.parse` would give for the whole text.
 */
export async function readPlanned(
  text: string,
  plan: ReadingPlan,
  nextTurn: NextTurn,
): Promise<unknown> {
  if ('start' in plan) {
    await nextTurn();
    return JSON.parse(text.slice(plan.start, plan.end));
  }
  const target: unknown[] | Record<string, unknown> = plan.kind === 'array' ? [] : {};
  for (const part of plan.parts) {
    if ('start' in part) {
      await nextTurn();
      addRun(target, text.slice(part.start, part.end));
    } else await addLarge(target, text, part, nextTurn);
  }
  return target;
}

async function addLarge(
  target: unknown[] | Record<string, unknown>,
  text: string,
  { key = '', plan }: LargeMember,
  nextTurn: NextTurn,
): Promise<void> {
  const value = await readPlanned(text, plan, nextTurn);
  if (Array.isArray(target)) target.push(value);
  else setField(target, key, value);
}

function addRun(target: unknown[] | Record<string, unknown>, members: string): void {
  if (Array.isArray(target)) {
    for (const item of JSON.parse(`[${members}]`) as unknown[]) target.push(item);
  } else {
    const fields = JSON.parse(`{${members}}`) as Record<string, unknown>;
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
