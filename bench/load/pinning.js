import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';

/**
 * Whether processes can be pinned here: Linux' `taskset`, and a core for each of the two. Of all cores
 * that there are, not of those that this process is pinned to.
 */
export const CAN_PIN = cpus().length > 1 && hasTaskset();

function hasTaskset() {
  try {
    execFileSync('taskset', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** How to fork a Node process that stays on a core; anywhere, if processes cannot be pinned. */
export function pinned(core, nodeArguments) {
  if (!CAN_PIN) return { execPath: process.execPath, execArgv: nodeArguments };
  const execArgv = ['-c', String(core), process.execPath, ...nodeArguments];
  return { execPath: 'taskset', execArgv };
}
