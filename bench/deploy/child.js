import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Processes that run; they end with this one. */
const running = new Set();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

function start(file, env) {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), [], {
    env: { ...process.env, NODE_ENV: 'production', ...env },
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

/** A node of the deploy: see node.js. */
export class DeployNode {
  #child;

  /** Starts one and resolves when it listens; `port` is where. */
  static async start(env) {
    const node = new DeployNode();
    node.#child = start('node.js', env);
    const [{ port }] = await Promise.race([
      once(node.#child, 'message'),
      once(node.#child, 'exit').then(([code]) => {
        throw new Error(`a node ended with ${String(code)} before it listened`);
      }),
    ]);
    node.port = port;
    return node;
  }

  /** Ends it as a platform does. Resolves to its exit code and how long it took, in milliseconds. */
  async stop() {
    const startedAt = performance.now();
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const [code] = await ended;
    return { code, ms: performance.now() - startedAt };
  }
}

/** A part of the crowd: see crowd.js. */
export class CrowdProcess {
  #child;
  #calls = new Map();
  #nextId = 1;

  constructor(env) {
    this.#child = start('crowd.js', env);
    this.#child.on('message', ({ id, result, error }) => {
      const { resolve, reject } = this.#calls.get(id);
      this.#calls.delete(id);
      if (error === undefined) resolve(result);
      else reject(new Error(error));
    });
    this.#child.once('exit', (code) => {
      for (const { reject } of this.#calls.values()) {
        reject(new Error(`a crowd ended with ${String(code)}`));
      }
    });
  }

  /** Has it do something; see crowd.js for the commands. */
  call(command, rest = {}) {
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject });
      this.#child.send({ id, command, ...rest });
    });
  }
}
