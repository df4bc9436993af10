import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

import type { Ended } from './chat-process.js';

/** A sample that tells by what it prints how far it is. */
export class PrintingProcess {
  #output = '';
  readonly #child: ChildProcess;
  readonly #ended: Promise<Ended>;

  /**
   * Starts it and does not wait.
   *
   * @param main its JavaScript file.
   * @param variables of its environment, besides those of this process.
   */
  constructor(main: string, variables: NodeJS.ProcessEnv) {
    // The test runner's own flags are not the sample's.
    const env = { ...process.env, ...variables, NODE_OPTIONS: '' };
    const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    const record = (chunk: unknown) => {
      this.#output += String(chunk);
      child.emit('printed');
    };
    child.stdout.on('data', record);
    child.stderr.on('data', record);
    this.#ended = once(child, 'close').then(([code, signal]: unknown[]) => ({
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
      output: this.#output,
    }));
  }

  /** What it has printed so far, both streams. */
  get output(): string {
    return this.#output;
  }

  /** How it ended, once it has. */
  get ended(): Promise<Ended> {
    return this.#ended;
  }

  /** Resolves when it has printed the text. */
  printed(text: string): Promise<void> {
    return this.until(() => this.#output.includes(text));
  }

  /** Asks it to end, and resolves when it has. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ended> {
    this.#child.kill(signal);
    return this.#ended;
  }

  /**
   * Resolves when what it has printed is so.
   *
   * @throws Error with what it printed, if it ends instead.
   */
  protected async until(holds: () => boolean): Promise<void> {
    const ended = this.#ended.then(({ output }) => {
      throw new Error(`the sample ended before that:\n${output}`);
    });
    // Whoever does not wait any more does not want to hear of it.
    ended.catch(() => undefined);
    while (!holds()) await Promise.race([once(this.#child, 'printed'), ended]);
  }
}
