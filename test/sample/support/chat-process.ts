import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../../sample/01-chat/dist/main.js', import.meta.url));

/** How a process ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Everything it printed, both streams. */
  readonly output: string;
}

/** The sample as its README starts it: a process of its own. */
export class ChatProcess {
  #output = '';
  #url: string | undefined;
  readonly #ended: Promise<Ended>;

  private constructor(private readonly child: ChildProcess) {
    const record = (chunk: unknown) => {
      this.#output += String(chunk);
      this.#url ??= /http:\/\/\S+(?=\n)/.exec(this.#output)?.[0];
      if (this.#url !== undefined) child.emit('ready');
    };
    child.stdout?.on('data', record);
    child.stderr?.on('data', record);
    this.#ended = once(child, 'close').then(([code, signal]: unknown[]) => ({
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
      output: this.#output,
    }));
  }

  /**
   * Starts it and resolves when it has printed its address.
   *
   * @param port 0: any free one.
   * @param descriptors most files and sockets it may have open. Absent: what this process may.
   * @throws Error with what it printed, if it ends instead.
   */
  static async start(port = 0, descriptors?: number): Promise<ChatProcess> {
    // The test runner's own flags are not the sample's.
    const env = { ...process.env, PORT: String(port), NODE_OPTIONS: '' };
    const limit = descriptors === undefined ? '' : `ulimit -n ${String(descriptors)}; `;
    const command = `${limit}exec "$0" "$1"`;
    const child = spawn('bash', ['-c', command, process.execPath, main], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const chat = new ChatProcess(child);
    await Promise.race([once(child, 'ready'), chat.#ended]);
    if (chat.#url !== undefined) return chat;
    throw new Error(`the sample ended before it listened:\n${(await chat.#ended).output}`);
  }

  /** Where it listens: `http://localhost:…`. */
  get url(): string {
    return this.#url ?? '';
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  /** Where WebSockets connect. */
  get realtimeUrl(): string {
    return `${this.url.replace(/^http/, 'ws')}/realtime`;
  }

  /** Asks it to end, and resolves when it has. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ended> {
    this.child.kill(signal);
    return this.#ended;
  }

  /** Signs in over HTTP. */
  async signIn(name: string): Promise<string> {
    const { token } = (await (await this.post('/sign-in', { name })).json()) as { token: string };
    return token;
  }

  post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(new URL(path, this.url), {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  }
}
