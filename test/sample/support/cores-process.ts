import { fileURLToPath } from 'node:url';

import { PrintingProcess } from './printing-process.js';

const main = fileURLToPath(new URL('../../../sample/03-cores/dist/main.js', import.meta.url));

/** The sample as its README starts it, with two processes behind one free port. */
export class CoresProcess extends PrintingProcess {
  private constructor(redisUrl: string) {
    super(main, { PORT: '0', WORKERS: '2', REDIS_URL: redisUrl });
  }

  /** Starts it and does not wait. */
  static spawn(redisUrl: string): CoresProcess {
    return new CoresProcess(redisUrl);
  }

  /** Starts it and resolves when both processes listen. */
  static async start(redisUrl: string): Promise<CoresProcess> {
    const cores = new CoresProcess(redisUrl);
    await cores.listening(2);
    return cores;
  }

  /** Where WebSockets connect. */
  get realtimeUrl(): string {
    const [, port = ''] = /localhost:(\d+)/.exec(this.output) ?? [];
    return `ws://localhost:${port}/realtime`;
  }

  /** Resolves to the ids of all processes that ever listened, once they are as many. */
  async listening(count: number): Promise<readonly number[]> {
    await this.until(() => this.#listened().length >= count);
    return this.#listened();
  }

  #listened(): readonly number[] {
    return [...this.output.matchAll(/Process (\d+) listens/g)].map(([, pid]) => Number(pid));
  }
}
