import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { root } from '../architecture/sources.js';

/** A process that does what it is told, a line of JSON each, until it is told `close`. */
export interface CallingProcess {
  /** Has a method called; gives what came of it. */
  call(method: string, ...args: unknown[]): Promise<unknown>;
  /** The next thing it says by itself. */
  hear(): Promise<Readonly<Record<string, unknown>>>;
  /** Tells it to end. */
  end(): void;
  /** Settles when it has ended: with its exit code, `null` if it was killed. */
  readonly ended: Promise<number | null>;
  /** Kills it. */
  close(): void;
}

/** Starts `test/support/<script>` with these options, and waits until it is ready. Needs a build. */
export async function startCalling(script: string, options: object): Promise<CallingProcess> {
  const path = join(root, 'test/support', script);
  const child = spawn(process.execPath, [path, JSON.stringify(options)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit').then(([code]) => code as number | null);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const hear = async (): Promise<Record<string, unknown>> => {
    const line = await lines.next();
    if (line.done === true) throw new Error(`${script} has ended`);
    return JSON.parse(line.value) as Record<string, unknown>;
  };
  await hear();
  return {
    call: async (...call) => {
      child.stdin.write(`${JSON.stringify(call)}\n`);
      return (await hear())['result'];
    },
    hear,
    end: () => child.stdin.write('["close"]\n'),
    ended,
    close: () => child.kill('SIGKILL'),
  };
}
