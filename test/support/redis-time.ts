import { createHash } from 'node:crypto';

import type { RedisCommands } from '../../lib/redis/redis-commands.js';

/** Takes the time from the last two arguments: what is left is what the script expects. */
const TAKE_TIME = 'local testMicros, testSeconds = table.remove(ARGV), table.remove(ARGV)\n';

type Arguments = readonly (string | number | Buffer)[];

/**
 * A connection by which scripts see the time that a test says, and which a test can get in the way of.
 * What Redis forgets by itself it forgets by its own clock.
 */
export class TimedCommands {
  /** To be used in the place of the connection. */
  readonly commands: RedisCommands;
  /** Commands that were sent so far, by name. */
  readonly sent: string[] = [];
  /**
   * Called before a command is sent, with the text of a script or the name of another command: what it
   * waits for delays the command, what it throws fails it.
   */
  before: (what: string) => Promise<void> | void = () => undefined;
  /** By digest: the text of a script, and the digest of the text that is sent in its place. */
  readonly #scripts = new Map<string, { readonly text: string; readonly digest: string }>();
  #pending = 0;

  /** @param now milliseconds since 1970. */
  constructor(
    private readonly client: RedisCommands,
    private readonly now: () => number,
  ) {
    this.commands = new Proxy(client, {
      get: (target, key) => {
        if (key === 'call') return (name: string, args: Arguments) => this.#call(name, args);
        const value: unknown = Reflect.get(target, key);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  }

  /** Commands that were sent and have no answer yet. */
  get pending(): number {
    return this.#pending;
  }

  async #call(name: string, args: Arguments): Promise<unknown> {
    this.sent.push(name);
    await this.before(this.#whatIs(name, args));
    this.#pending += 1;
    try {
      return await this.#send(name, args);
    } finally {
      this.#pending -= 1;
    }
  }

  async #send(name: string, [first = '', ...rest]: Arguments): Promise<unknown> {
    if (name === 'evalsha') {
      const script = this.#scripts.get(String(first));
      if (script === undefined) throw new Error('NOSCRIPT it was not sent by this connection');
      return this.client.call(name, [script.digest, ...this.#withTime(rest)]);
    }
    if (name !== 'eval') return this.client.call(name, [first, ...rest]);
    const text = String(first);
    const timed = text.replaceAll("redis.call('TIME')", '{ testSeconds, testMicros }');
    this.#scripts.set(sha1(text), { text, digest: sha1(TAKE_TIME + timed) });
    return this.client.call(name, [TAKE_TIME + timed, ...this.#withTime(rest)]);
  }

  #whatIs(name: string, [first = '']: Arguments): string {
    if (name === 'eval') return String(first);
    return name === 'evalsha' ? (this.#scripts.get(String(first))?.text ?? '') : name;
  }

  #withTime(args: Arguments): Arguments {
    const ms = this.now();
    return [...args, Math.floor(ms / 1_000), (ms % 1_000) * 1_000];
  }
}

function sha1(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}
