import cluster, { type Worker } from 'node:cluster';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';

/** How many processes serve. */
const COUNT = Number(process.env['WORKERS'] ?? availableParallelism());
/** Milliseconds before another try where a process could not even start, as while Redis is away. */
const RETRY_MS = 1_000;

// The kernel gives a connection to whichever process takes it first. Node's own scheduler would have
// this process take every connection and pass it on.
cluster.schedulingPolicy = cluster.SCHED_NONE;
cluster.setupPrimary({ exec: fileURLToPath(new URL('worker.js', import.meta.url)) });

const listening = new Set<Worker>();
let isLeaving = false;

function start(): void {
  if (!isLeaving) cluster.fork();
}

/** Has every process end in good order. This one ends by itself when the last of them has. */
function leave(signal: NodeJS.Signals): void {
  isLeaving = true;
  for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill(signal);
}

cluster.on('listening', (worker, { port }) => {
  listening.add(worker);
  console.log(`Process ${String(worker.process.pid)} listens at http://localhost:${String(port)}`);
});

cluster.on('exit', (worker, code, signal: NodeJS.Signals | null) => {
  const hasListened = listening.delete(worker);
  if (isLeaving) return;
  console.log(`Process ${String(worker.process.pid)} ended: ${signal ?? `code ${String(code)}`}`);
  if (hasListened) start();
  else if (listening.size > 0) setTimeout(start, RETRY_MS).unref();
  else {
    // Not one could start: whoever started this should know.
    process.exitCode = 1;
    leave('SIGTERM');
  }
});

process.on('SIGTERM', leave);
process.on('SIGINT', leave);
for (let index = 0; index < COUNT; index += 1) start();
