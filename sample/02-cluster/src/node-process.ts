import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('node.js', import.meta.url));

/** Milliseconds after which a node that ended is started again: long enough to see that it is missed. */
const RESTART_MS = 3_000;

/** What a node needs to know. */
export interface NodeSetup {
  readonly name: string;
  readonly port: number;
  /** Variables for {@link ../settings}. */
  readonly env: NodeJS.ProcessEnv;
  /** Prints a line. */
  readonly say: (text: string) => void;
}

/** A node that is started again whenever it ends by itself, or is killed. */
export class NodeProcess {
  #child: ChildProcess | undefined;
  #restart: NodeJS.Timeout | undefined;
  #isLeaving = false;

  constructor(private readonly setup: NodeSetup) {
    process.once('exit', () => this.#child?.kill('SIGKILL'));
  }

  /**
   * Starts it; resolves when it listens.
   *
   * @throws Error if it ends instead. The next attempts are its own business.
   */
  start(): Promise<void> {
    const { name, port, env, say } = this.setup;
    const child = fork(SCRIPT, [], {
      // Ctrl+C is for whoever started it, who ends things in order.
      detached: true,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: { ...process.env, ...env, NODE_NAME: name, PORT: String(port) },
    });
    this.#child = child;
    return new Promise((resolve, reject) => {
      child.once('message', () => {
        say(`Node ${name} listens on port ${String(port)} (process ${String(child.pid)})`);
        resolve();
      });
      child.once('exit', (code, signal) => {
        this.#ended(signal ?? `code ${String(code)}`);
        reject(new Error(`node ${name} ended before it listened`));
      });
    });
  }

  /** Ends it in good order: its clients are told to go elsewhere. Resolves when it has ended. */
  async stop(): Promise<void> {
    this.#isLeaving = true;
    clearTimeout(this.#restart);
    const child = this.#child;
    if (child === undefined) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await ended;
  }

  #ended(how: string): void {
    this.#child = undefined;
    if (this.#isLeaving) return;
    const { name, say } = this.setup;
    say(`Node ${name} ended: ${how}. Starting it again in ${String(RESTART_MS / 1_000)} s`);
    this.#restart = setTimeout(() => {
      // What became of it was said; it is tried again.
      this.start().catch(() => undefined);
    }, RESTART_MS);
  }
}
