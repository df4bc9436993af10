/**
 * Our server in several processes behind one port, on a Redis of their own: `node cores.js <processes>`.
 * Takes commands as host.js does, and ends with all that it started when nobody commands it any more.
 */
import cluster from 'node:cluster';
import { fileURLToPath } from 'node:url';

import { startRedis } from './redis.js';

const HOST = fileURLToPath(new URL('host.js', import.meta.url));
const [, , count] = process.argv;

const calls = new Map();
let nextId = 1;
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
  return Promise.all(workers.map((worker) => ask(worker, command)));
}

function ask(worker, command) {
  const id = nextId;
  nextId += 1;
  return new Promise((resolve, reject) => {
    calls.set(id, { resolve, reject });
    worker.send({ id, command });
  });
}

cluster.on('message', (_worker, { id, result, error }) => {
  if (!calls.has(id)) return;
  const { resolve, reject } = calls.get(id);
  calls.delete(id);
  if (error === undefined) resolve(result);
  else reject(new Error(error));
});
// A figure of some of the processes would be worth nothing.
cluster.on('exit', () => process.exit(1));

process.on('message', async ({ id, command, ...rest }) => {
  try {
    const result = await commands.get(command)(rest);
    if (id !== undefined) process.send({ id, result });
  } catch (error) {
    process.send({ id, error: String(error?.stack ?? error) });
  }
});
process.on('disconnect', () => process.exit(0));
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
