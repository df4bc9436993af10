/** Starts everything: Redis, three nodes, the proxy before them. Ends everything on Ctrl+C. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { NodeProcess } from './node-process.js';
import { findProgram, freePort, Program } from './program.js';
import { whenListening } from './ready.js';

const NAMES = ['a', 'b', 'c'];
const PROXY_CONFIG = fileURLToPath(new URL('../../../haproxy.cfg', import.meta.url));

const { PORT: wanted = '3000', REDIS_URL: foreignRedis } = process.env;
/** In the order in which things were started; they are ended in the opposite one. */
const running: { stop(): Promise<void> }[] = [];
let leaving: Promise<never> | undefined;

function say(text: string): void {
  console.log(text);
}

/** Ends all, the last first: nodes still have Redis, and clients the proxy, while they say goodbye. */
async function leave(code: number): Promise<never> {
  for (const each of running.reverse()) await each.stop();
  process.exit(code);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // Whoever presses Ctrl+C twice does not want to wait. What was started ends with this process.
    if (leaving !== undefined) process.exit(1);
    leaving = leave(0);
  });
}

async function startRedis(path: string): Promise<string> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'nestjs-realtime-cluster-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const place = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder];
  const redis = Program.start(path, [...place, '--save', '', '--appendonly', 'no']);
  running.push(redis);
  await whenListening(port, redis.ended);
  say(`Redis listens on port ${String(port)} (process ${String(redis.pid)})`);
  return `redis://127.0.0.1:${String(port)}`;
}

async function startNodes(redisUrl: string): Promise<NodeJS.ProcessEnv> {
  const env = { REDIS_URL: redisUrl, TOKEN_SECRET: randomBytes(32).toString('hex') };
  const nodes: NodeProcess[] = [];
  const ports: NodeJS.ProcessEnv = {};
  for (const name of NAMES) {
    const port = await freePort();
    nodes.push(new NodeProcess({ name, port, env, say }));
    ports[`NODE_${name.toUpperCase()}_PORT`] = String(port);
  }
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()));
  };
  running.push({ stop });
  await Promise.all(nodes.map((node) => node.start()));
  return ports;
}

async function startProxy(path: string, port: number, ports: NodeJS.ProcessEnv): Promise<void> {
  const env = { ...ports, PROXY_PORT: String(port) };
  const proxy = Program.start(path, ['-db', '-f', PROXY_CONFIG], env);
  // Ended after the nodes: their goodbye goes through it.
  running.splice(-1, 0, proxy);
  await whenListening(port, proxy.ended);
  say(`haproxy listens on port ${String(port)} (process ${String(proxy.pid)})`);
}

try {
  // First of all: whoever has to install something, or to choose another port, should not wait for it.
  const haproxy = findProgram('haproxy');
  const port = await freePort(Number(wanted));
  const redisServer = foreignRedis === undefined ? findProgram('redis-server') : undefined;
  const url = redisServer === undefined ? foreignRedis : await startRedis(redisServer);
  await startProxy(haproxy, port, await startNodes(url ?? ''));
  say(`The cluster is running at http://localhost:${String(port)}, the chat at /chat/`);
  say('Kill the node that answers next: npm run sample:cluster:kill. End all: Ctrl+C');
} catch (error) {
  // Another signal is leaving already: what fails then is no news.
  if (leaving === undefined) {
    console.error(error instanceof Error ? error.message : error);
    leaving = leave(1);
  }
}
