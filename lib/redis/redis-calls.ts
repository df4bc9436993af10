import { RealtimeError, withDeadline, type Clock } from '../core/index.js';
import { ErrorCode } from '../protocol/index.js';
import type { RedisCommands } from './redis-commands.js';
import type { RedisScript, ScriptArgument } from './redis-script.js';

/** What calls are made by. */
export interface RedisCallsSetup {
  readonly commands: RedisCommands;
  readonly clock: Clock;
  /** Milliseconds a call may take. */
  readonly timeoutMs: number;
  /** Who calls, for the messages of errors: `presence store`. */
  readonly caller: string;
}

/**
 * Calls that end: with a reply, or as `unavailable` when Redis refuses or does not answer in time. One
 * that has failed may take effect all the same, also later; what is called has to bear that.
 */
export class RedisCalls {
  constructor(private readonly setup: RedisCallsSetup) {}

  /**
   * Runs a script.
   *
   * @throws RealtimeError `unavailable`, with the error of Redis as its cause.
   */
  script(
    script: RedisScript,
    keys: readonly string[],
    args: readonly ScriptArgument[],
  ): Promise<unknown> {
    return this.wait(script.run(this.setup.commands, keys, args));
  }

  /**
   * Sends a command.
   *
   * @throws RealtimeError `unavailable`, with the error of Redis as its cause.
   */
  command(name: string, ...args: readonly (string | number)[]): Promise<unknown> {
    return this.wait(this.setup.commands.call(name, [...args]));
  }

  /**
   * Waits for an answer of Redis, by whatever way it was asked.
   *
   * @throws RealtimeError `unavailable`, with the error of Redis as its cause.
   */
  async wait<T>(reply: Promise<T>): Promise<T> {
    const { clock, timeoutMs, caller } = this.setup;
    const late = (): Error => new Error(`Redis did not answer within ${String(timeoutMs)} ms`);
    try {
      return await withDeadline(clock, timeoutMs, reply, late);
    } catch (cause) {
      const message = `${caller}: Redis is not available`;
      throw new RealtimeError(ErrorCode.Unavailable, message, { cause });
    }
  }
}
