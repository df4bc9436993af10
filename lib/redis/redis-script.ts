import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

import type { RedisCommands } from './redis-commands.js';

/** What a script is given besides keys. */
export type ScriptArgument = string | number | Buffer;

/** A Lua script. Sent by its digest; its text only to a server that does not know it. */
export class RedisScript {
  readonly #digest: string;

  constructor(private readonly text: string) {
    this.#digest = createHash('sha1').update(text).digest('hex');
  }

  /** The script of `scripts/<name>.lua`; several names make one script of several files. */
  static load(...names: string[]): RedisScript {
    const read = (name: string): string =>
      readFileSync(new URL(`./scripts/${name}.lua`, import.meta.url), 'utf8');
    return new RedisScript(names.map(read).join('\n'));
  }

  /**
   * Runs it.
   *
   * @throws what the server replies, as ioredis has it.
   */
  async run(
    client: RedisCommands,
    keys: readonly string[],
    args: readonly ScriptArgument[],
  ): Promise<unknown> {
    const rest = [String(keys.length), ...keys, ...args];
    try {
      return await client.call('evalsha', [this.#digest, ...rest]);
    } catch (error) {
      if (!isUnknownScript(error)) throw error;
      return client.call('eval', [this.text, ...rest]);
    }
  }
}

/** The server was restarted, or told to forget its scripts. */
function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT');
}
