import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import type { Place } from '../../../sample/02-cluster/src/cluster.contract.js';
import { PrintingProcess } from './printing-process.js';

const script = (name: string) => {
  const path = `../../../sample/02-cluster/dist/02-cluster/src/${name}.js`;
  return fileURLToPath(new URL(path, import.meta.url));
};
const run = promisify(execFile);

/** The sample as its README starts it: Redis, three nodes and the proxy before them, on free ports. */
export class ClusterProcess extends PrintingProcess {
  /** Starts it and does not wait. */
  constructor(variables: NodeJS.ProcessEnv = {}) {
    super(script('main'), { PORT: '0', ...variables });
  }

  /** Starts it and resolves when it runs. */
  static async start(variables: NodeJS.ProcessEnv = {}): Promise<ClusterProcess> {
    const cluster = new ClusterProcess(variables);
    await cluster.until(() => cluster.url !== '');
    return cluster;
  }

  /** Where the proxy listens: `http://localhost:…`; empty before it does. */
  get url(): string {
    return /running at (http:\/\/localhost:\d+)/.exec(this.output)?.[1] ?? '';
  }

  /** Where WebSockets connect. */
  get realtimeUrl(): string {
    return `${this.url.replace(/^http/, 'ws')}/realtime`;
  }

  /** The ids of everything that was ever started, but for the sample itself. */
  get pids(): readonly number[] {
    return [...this.output.matchAll(/\(process (\d+)\)/g)].map(([, pid]) => Number(pid));
  }

  /** How often that node has been started. */
  starts(node: string): number {
    return this.output.match(new RegExp(`Node ${node} listens`, 'g'))?.length ?? 0;
  }

  /** Resolves when that node has been started so often. */
  startedAgain(node: string, times = 2): Promise<void> {
    return this.until(() => this.starts(node) >= times);
  }

  /** Runs the sample's script that kills a node. Without a name: the one whose turn it is. */
  async kill(node = ''): Promise<string> {
    const { stdout } = await run(process.execPath, [script('kill'), node, this.url]);
    return stdout;
  }

  /** Asks the proxy for a node: the one whose turn it is. */
  async nextNode(): Promise<Place> {
    const answer = await fetch(new URL('/node', this.url), { headers: { connection: 'close' } });
    return (await answer.json()) as Place;
  }

  /** Signs in over HTTP, at whichever node has its turn. */
  async signIn(name: string): Promise<string> {
    const response = await fetch(new URL('/sign-in', this.url), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name }),
    });
    const { token } = (await response.json()) as { token: string };
    return token;
  }
}
