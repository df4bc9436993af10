import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { pinned } from './pinning.js';

const PROCESS = fileURLToPath(new URL('process.js', import.meta.url));
/** The load's core; the server has core 0. */
const CORE = 1;
/** The load's own collector does not tidy up in quiet seconds: pauses of 50 ms, in somebody's window. */
const NODE_ARGUMENTS = ['--no-memory-reducer'];
/** Longest time a job may take, in milliseconds. */
const LIMIT_MS = 90_000;

/** Processes that make load at the moment. */
const running = new Set();

/**
 * Runs a job in a process of its own and resolves to its samples.
 *
 * @param {object} job `bench`, `server` and whatever the case put there.
 * @param {string} packageFolder the unpacked package.
 * @throws Error that says why there are none; the processes have ended then, too.
 */
export async function runJob(job, packageFolder) {
  // Several processes of a server want all cores; pinned beside them the load would be in their way.
  const isAlone = job.processes === undefined && job.nodes === undefined;
  const { execPath, execArgv } = isAlone
    ? pinned(CORE, NODE_ARGUMENTS)
    : { execPath: process.execPath, execArgv: [...process.execArgv, ...NODE_ARGUMENTS] };
  const stdio = ['ignore', 'ignore', 'inherit', 'ipc'];
  const env = { ...process.env, BENCH_PACKAGE: packageFolder };
  const child = fork(PROCESS, [], { stdio, env, execPath, execArgv });
  running.add(child);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  // What it started ends by itself when it is gone.
  const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
  try {
    child.send(job);
    const answer = await Promise.race([
      new Promise((resolve) => child.once('message', resolve)),
      ended.then(() => ({ error: `the load ended, or took longer than ${String(LIMIT_MS)} ms` })),
    ]);
    if (answer.error !== undefined) throw new Error(answer.error);
    await ended;
    return answer.samples;
  } finally {
    clearTimeout(timer);
    child.kill('SIGKILL');
    running.delete(child);
  }
}

/** Ends all jobs at once. */
export function endJobs() {
  for (const child of running) child.kill('SIGKILL');
}
