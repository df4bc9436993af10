/**
 * Our server in several processes behind one port, on a Redis of their own: `node cores.js <processes>`.
 * Takes commands as host.js does, and ends with all that it started when nobody commands it any more.
 */
import cluster from 'node:cluster';
import { fileURLToPath } from 'node:url';

import { obey, Questions } from './commands.js';
import { startRedis } from './redis.js';

const HOST = fileURLToPath(new URL('host.js', import.meta.url));
const [, , count] = process.argv;

const questions = new Questions();
let workers = [];

const commands = new Map([
  ['usage', usage],
  ['connections', () => askAll('connections')],
  // One of them publishes; the others hear of it from Redis.
  ['burst', (rest) => workers[0].send({ command: 'burst', ...rest })],
]);

/** Processor time of all processes so far, this one's included, in microseconds. */
async function usage() {
  const { user, system } = process.cpuUsage();
  const each = await askAll('usage');
  return each.reduce((sum, of) => sum + of, user + system);
}

/** The answers of all processes. */
function askAll(command) {
  return Promise.all(workers.map((worker) => questions.ask(worker, { command })));
}

cluster.on('message', (_worker, answer) => {
  // What nobody asked for is that a process is ready, or a burst that failed.
  if (!questions.answered(answer) && answer.error !== undefined) process.exit(1);
});
// A figure of some of the processes would be worth nothing.
cluster.on('exit', () => process.exit(1));

obey(commands);
// Before Redis ends: that it is gone is no news to them.
process.on('exit', () => {
  for (const { process: child } of Object.values(cluster.workers)) child.kill('SIGKILL');
});

/** Starts a process and resolves to it and its port when it listens. */
function startWorker(url) {
  const worker = cluster.fork({ BENCH_REDIS: url });
  return new Promise((resolve, reject) => {
    worker.once('message', ({ ready, failed }) => {
      if (ready === undefined) reject(new Error(failed));
      else resolve({ worker, port: ready.port });
    });
  });
}

try {
  // The operating system gives a connection to whichever process takes it first.
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  cluster.setupPrimary({ exec: HOST, args: ['ours'] });
  const url = await startRedis();
  const started = await Promise.all(Array.from({ length: Number(count) }, () => startWorker(url)));
  workers = started.map(({ worker }) => worker);
  process.send({ ready: { port: started[0].port } });
} catch (error) {
  process.send({ failed: String(error?.message ?? error) });
}
