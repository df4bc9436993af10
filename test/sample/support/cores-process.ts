import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import type { Ended } from './chat-process.js';

const main = fileURLToPath(new URL('../../../sample/03-cores/dist/main.js', import.meta.url));

/** The sample as its README starts it, with two processes behind one free port. */
export class CoresProcess {
  #output = '';
  readonly #ended: Promise<Ended>;

  private constructor(private readonly child: ChildProcess) {
    const record = (chunk: unknown) => {
      this.#output += String(chunk);
      child.emit('printed');
    };
    child.stdout?.on('data', record);
    child.stderr?.on('data', record);
    this.#ended = once(child, 'close').then(([code, signal]: unknown[]) => ({
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
      output: this.#output,
    }));
  }

  /** Starts it and does not wait. */
  static spawn(redisUrl: string): CoresProcess {
    // The test runner's own flags are not the sample's.
    const own = { PORT: '0', WORKERS: '2', REDIS_URL: redisUrl, NODE_OPTIONS: '' };
    const env = { ...process.env, ...own };
    return new CoresProcess(
      spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'pipe'] }),
    );
  }

  /** Starts it and resolves when both processes listen. */
  static async start(redisUrl: string): Promise<CoresProcess> {
    const cores = CoresProcess.spawn(redisUrl);
    await cores.listening(2);
    return cores;
  }

  /** Where WebSockets connect. */
  get realtimeUrl(): string {
    const [, port = ''] = /localhost:(\d+)/.exec(this.#output) ?? [];
    return `ws://localhost:${port}/realtime`;
  }

  /** How it ended, once it has. */
  get ended(): Promise<Ended> {
    return this.#ended;
  }

  /** Resolves to the ids of all processes that ever listened, once they are as many. */
  async listening(count: number): Promise<readonly number[]> {
    await this.until(() => this.#listened().length >= count);
    return this.#listened();
  }

  /** Resolves when it has printed the text. */
  printed(text: string): Promise<void> {
    return this.until(() => this.#output.includes(text));
  }

  /** Asks it to end, and resolves when it has. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ended> {
    this.child.kill(signal);
    return this.#ended;
  }

  private async until(holds: () => boolean): Promise<void> {
    const ended = this.#ended.then(({ output }) => {
      throw new Error(`the sample ended before that:\n${output}`);
    });
    // Whoever does not wait any more does not want to hear of it.
    ended.catch(() => undefined);
    while (!holds()) await Promise.race([once(this.child, 'printed'), ended]);
  }

  #listened(): readonly number[] {
    return [...this.#output.matchAll(/Process (\d+) listens/g)].map(([, pid]) => Number(pid));
  }
}
