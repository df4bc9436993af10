import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import type { RealtimeModuleOptions } from '../../../lib/index.js';

const FILE = fileURLToPath(new URL('drain-node.js', import.meta.url));

/** How a process ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Milliseconds from the first signal to the end. */
  readonly tookMs: number;
}

/** What the application in the process is made of. */
export interface DrainSetup {
  readonly realtime?: RealtimeModuleOptions;
  /** Whether its start waits for {@link DrainProcess.letStart}. */
  readonly isSlow?: boolean;
}

/** Processes that run. A test that ends without having ended them must not leave them behind. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** An application in a process of its own: see `drain-node.js`. */
export class DrainProcess {
  readonly host = '127.0.0.1';
  /** Everything it has said. */
  readonly said: string[] = [];
  readonly ended: Promise<Ended>;
  #signalledAt = 0;
  readonly #child: ChildProcess;

  private constructor(setup: DrainSetup) {
    const child = spawn(process.execPath, [FILE, JSON.stringify(setup)], {
      stdio: 'pipe',
      // The test runner's own flags are not the application's.
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    this.#child = child;
    running.add(child);
    // What it logs is said in a failure, and no news otherwise: some of it goes wrong on purpose.
    for (const input of [child.stdout, child.stderr]) {
      createInterface({ input }).on('line', (line) => {
        this.said.push(line);
        child.emit('said');
      });
    }
    this.ended = once(child, 'exit').then(([code, signal]: unknown[]) => {
      running.delete(child);
      return {
        code: code as number | null,
        signal: signal as NodeJS.Signals | null,
        tookMs: performance.now() - this.#signalledAt,
      };
    });
  }

  /** Starts one and does not wait. */
  static spawn(setup: DrainSetup = {}): DrainProcess {
    return new DrainProcess(setup);
  }

  /** Starts one and resolves when it listens. */
  static async start(setup: DrainSetup = {}): Promise<DrainProcess> {
    const node = new DrainProcess(setup);
    await node.until('listening');
    return node;
  }

  get port(): number {
    const line = this.said.find((said) => said.startsWith('listening')) ?? '';
    return Number(line.slice('listening '.length));
  }

  /** Where clients connect to it. */
  get url(): string {
    return `ws://${this.host}:${String(this.port)}/realtime`;
  }

  /** Resolves when it has said something that begins so, as often as that. */
  async until(text: string, times = 1): Promise<void> {
    const ended = this.ended.then(() => {
      throw new Error(`it ended before it said "${text}":\n${this.said.join('\n')}`);
    });
    // Whoever does not wait any more does not want to hear of it.
    ended.catch(() => undefined);
    const count = (): number => this.said.filter((line) => line.startsWith(text)).length;
    while (count() < times) await Promise.race([once(this.#child, 'said'), ended]);
  }

  /** Lets a slow start go on. */
  letStart(): void {
    this.#child.stdin?.write('start\n');
  }

  /** Asks it to end. */
  signal(signal: NodeJS.Signals = 'SIGTERM'): void {
    this.#signalledAt ||= performance.now();
    this.#child.kill(signal);
  }

  /** Asks it to end, and resolves when it has. */
  async stop(): Promise<Ended> {
    this.signal();
    return this.ended;
  }

  /** Ends it, whatever state it is in. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }
}
