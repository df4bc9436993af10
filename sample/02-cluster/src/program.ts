import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { delimiter, join } from 'node:path';

/** Where Debian has programs that are meant for administrators, whatever `PATH` says. */
const ALSO = ['/usr/sbin', '/usr/local/sbin'];

/**
 * Where a program is: where a variable says (`HAPROXY` for `haproxy`), else in one of the usual folders.
 *
 * @throws Error that says how to get it, if it is not there.
 */
export function findProgram(name: string): string {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...ALSO];
  const told = process.env[name.toUpperCase().replace('-', '_')];
  const places = told === undefined ? folders.map((folder) => join(folder, name)) : [told];
  const found = places.find(isExecutable);
  if (found !== undefined) return found;
  throw new Error(`${name} is missing. Install it (Debian: apt-get install ${name}).`);
}

/** A program of the system that runs beside the nodes, ended by its process. */
export class Program {
  readonly #ended: Promise<string>;

  private constructor(private readonly child: ChildProcess) {
    this.#ended = new Promise((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, signal) => resolve(signal ?? `code ${String(code)}`));
    });
  }

  /**
   * Starts it. In a group of its own: Ctrl+C is for whoever started it, who ends things in order.
   *
   * @param env variables besides those of this process.
   */
  static start(path: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Program {
    const child = spawn(path, args, {
      stdio: ['ignore', 'ignore', 'inherit'],
      detached: true,
      env: { ...process.env, ...env },
    });
    // Also where this process ends in a way that it did not plan.
    const kill = () => child.kill('SIGKILL');
    process.once('exit', kill);
    child.once('exit', () => process.removeListener('exit', kill));
    return new Program(child);
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Resolves to how it ended, once it has. */
  get ended(): Promise<string> {
    return this.#ended;
  }

  /** Ends it. */
  async stop(): Promise<void> {
    this.child.kill('SIGTERM');
    await this.#ended;
  }
}

/**
 * A port that nobody listens on now.
 *
 * @param wanted this one. 0: any.
 * @throws Error that says so if somebody does.
 */
export async function freePort(wanted = 0): Promise<number> {
  const server = createServer();
  server.listen(wanted, '127.0.0.1');
  await once(server, 'listening').catch((cause: unknown) => {
    throw new Error(`Port ${String(wanted)} is taken. Set PORT to another one.`, { cause });
  });
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
