/**
 * Several nodes of a server, each on a port of its own, on a Redis of their own: `node cluster.js <name>
 * <nodes> [gate]`. With `gate` the way of the first one to Redis can be barred. Takes commands as host.js does; `node` says which one a command is for. Ends with all that it
 * started when nobody commands it any more.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { Redis } from 'ioredis';

import { obey, Questions } from './commands.js';
import { Gate } from './gate.js';
import { startRedis } from './redis.js';

const HOST = fileURLToPath(new URL('host.js', import.meta.url));
const [, , name, count, hasGate] = process.argv;

const questions = new Questions();
let nodes = [];
let redis;
let gate;

const commands = new Map([
  ['usage', usage],
  ['redis', redisUsage],
  ['traffic', () => askAll('traffic')],
  ['profile', ({ node = 0, isOn }) => questions.ask(nodes[node], { command: 'profile', isOn })],
  ['pace', ({ node = 0, ...rest }) => questions.ask(nodes[node], { command: 'pace', ...rest })],
  ['gate', ({ isOpen }) => (gate.isOpen = isOpen)],
  ['acknowledge', ({ node, ...rest }) => ask(node, 'acknowledge', rest)],
  ['acknowledged', ({ node }) => ask(node, 'acknowledged')],
  ['burst', ({ node = 0, ...rest }) => nodes[node].send({ command: 'burst', ...rest })],
]);

/** Processor time of all nodes so far, in microseconds. This process only passes words on. */
async function usage() {
  const each = await askAll('usage');
  return each.reduce((sum, of) => sum + of, 0);
}

/** What Redis did so far: microseconds of its processor, commands (those of scripts too), bytes in and out. */
async function redisUsage() {
  // Of each of the two only what is asked for: with all sections the question costs more than the answer.
  const text = `${await redis.info('cpu')}\n${await redis.info('stats')}`;
  const read = (field) => Number(new RegExp(`^${field}:([\\d.]+)`, 'm').exec(text)[1]);
  return {
    cpuUs: (read('used_cpu_sys') + read('used_cpu_user')) * 1_000_000,
    commands: read('total_commands_processed'),
    bytesIn: read('total_net_input_bytes'),
    bytesOut: read('total_net_output_bytes'),
  };
}

/** The answer of one node. */
function ask(node, command, rest = {}) {
  return questions.ask(nodes[node], { command, ...rest });
}

/** The answers of all nodes. */
function askAll(command) {
  return Promise.all(nodes.map((node) => questions.ask(node, { command })));
}

function answered(answer) {
  // What nobody asked for can only be a burst that failed.
  if (!questions.answered(answer)) process.exit(1);
}

obey(commands);
// Before Redis ends: that it is gone is no news to them.
process.on('exit', () => {
  for (const node of nodes) node.kill('SIGKILL');
});

/** Starts a node and resolves to its port when it listens. */
function startNode(url) {
  const stdio = ['ignore', 'ignore', 'inherit', 'ipc'];
  const env = { ...process.env, BENCH_REDIS: url };
  const node = fork(HOST, [name], { stdio, env, execArgv: [] });
  nodes.push(node);
  // A figure of some of the nodes would be worth nothing.
  node.once('exit', () => process.exit(1));
  return new Promise((resolve, reject) => {
    node.once('message', ({ ready, failed }) => {
      if (ready === undefined) reject(new Error(failed));
      node.on('message', answered);
      resolve(ready?.port);
    });
  });
}

try {
  const url = await startRedis();
  redis = new Redis(url);
  gate = hasGate === 'gate' ? new Gate(url) : undefined;
  const urls = Array.from({ length: Number(count) }, () => url);
  if (gate !== undefined) urls[0] = await gate.open();
  const ports = await Promise.all(urls.map(startNode));
  process.send({ ready: { port: ports[0], ports } });
} catch (error) {
  process.send({ failed: String(error?.message ?? error) });
}
