import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import type { RealtimeRedisOptions } from '../../lib/index.js';
import type { Target } from './tcp-proxy.js';

/** An application in a process of its own: see `fault-node.js`. */
export interface NodeProcess extends Target {
  readonly process: ChildProcess;
  /** Where clients connect to it. */
  readonly url: string;
  /** What it has said besides where it listens: warnings and errors. */
  readonly said: readonly string[];
  /** Kills it, if it has not ended, and waits for its end. */
  kill(): Promise<void>;
}

/** Processes that run. A test that ends without having ended them must not leave them behind. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts an application; resolves when it listens. */
export async function startNodeProcess(redis: RealtimeRedisOptions): Promise<NodeProcess> {
  const file = fileURLToPath(new URL('fault-node.js', import.meta.url));
  const child = spawn(process.execPath, [file, JSON.stringify(redis)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  const said: string[] = [];
  const port = await new Promise<number>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const listening = /^listening (\d+)$/.exec(line)?.[1];
      if (listening === undefined) said.push(line);
      else resolve(Number(listening));
    });
    child.once('error', reject);
    child.once('exit', () => {
      reject(new Error(`a node ended:\n${said.slice(-10).join('\n')}`));
    });
  });
  const host = '127.0.0.1';
  return {
    host,
    port,
    process: child,
    url: `ws://${host}:${String(port)}/realtime`,
    said,
    kill: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}
