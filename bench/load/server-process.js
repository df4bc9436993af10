import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { pinned } from './pinning.js';

const HOST = fileURLToPath(new URL('../servers/host.js', import.meta.url));
const CORES = fileURLToPath(new URL('../servers/cores.js', import.meta.url));
const CLUSTER = fileURLToPath(new URL('../servers/cluster.js', import.meta.url));
/** The server's core; the load has the other one. */
const CORE = 0;

/** A server in a process of its own, or in several. */
export class ServerProcess {
  #child;
  #calls = new Map();
  #nextId = 1;
  #ended;
  #isAlone;

  /**
   * Starts a server and resolves when it listens; `port` is where, of several nodes `ports` are.
   *
   * @param {string} name
   * @param {object} [several] Absent: one process, alone and pinned.
   * @param {number} [several.processes] so many behind one port, not pinned.
   * @param {number} [several.nodes] so many on ports of their own, not pinned.
   * @param {boolean} [several.hasGate] whether the way of the first of the nodes to Redis can be barred.
   */
  static async start(name, several) {
    const server = new ServerProcess(name, several);
    await server.#ready();
    return server;
  }

  constructor(name, { processes, nodes, hasGate = false } = {}) {
    const stdio = ['ignore', 'ignore', 'inherit', 'ipc'];
    const env = { ...process.env, NODE_ENV: 'production' };
    this.#isAlone = processes === undefined && nodes === undefined;
    if (this.#isAlone) {
      const { execPath, execArgv } = pinned(CORE, ['--expose-gc']);
      this.#child = fork(HOST, [name], { stdio, env, execPath, execArgv });
    } else {
      const [script, ...args] =
        nodes === undefined
          ? [CORES, String(processes)]
          : [CLUSTER, name, String(nodes), ...(hasGate ? ['gate'] : [])];
      this.#child = fork(script, args, { stdio, env, execArgv: [] });
    }
    this.#ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.on('message', (message) => this.#answered(message));
    this.#child.once('exit', (code) => this.#failAll(new Error(`server ended with ${code}`)));
  }

  /** Asks the server; see servers/host.js for the commands. */
  call(command, rest = {}) {
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject });
      this.#child.send({ id, command, ...rest });
    });
  }

  /** Tells the server; nothing comes back. */
  tell(command, rest) {
    this.#child.send({ command, ...rest });
  }

  /** Ends the process and resolves when it has ended. */
  async stop() {
    if (this.#isAlone) this.#child.kill('SIGKILL');
    // Has to end what it started: the processes of the server, and Redis.
    else if (this.#child.connected) this.#child.disconnect();
    await this.#ended;
  }

  #ready() {
    return new Promise((resolve, reject) => this.#calls.set('ready', { resolve, reject }));
  }

  #answered({ id, result, error, ready, failed }) {
    if (ready !== undefined) {
      this.port = ready.port;
      this.ports = ready.ports ?? [ready.port];
      this.#take('ready')?.resolve();
    } else if (failed !== undefined) this.#take('ready')?.reject(new Error(failed));
    else if (id === undefined) this.#failAll(new Error(error));
    else if (error === undefined) this.#take(id)?.resolve(result);
    else this.#take(id)?.reject(new Error(error));
  }

  #take(id) {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    return call;
  }

  #failAll(error) {
    for (const { reject } of this.#calls.values()) reject(error);
    this.#calls.clear();
  }
}
