import type { Logger } from '@nestjs/common';

import { RealtimeConnection } from '../connection/realtime-connection.js';
import { errorText } from '../error-text.js';
import type { Gateway } from './gateway-explorer.js';

type Hook = (...args: unknown[]) => unknown;

/** Marks a hook that is already contained, so that two apps with one instance do not wrap it twice. */
const contained = new WeakSet<Hook>();

/**
 * Wraps the gateways' `afterInit`, `handleConnection` and `handleDisconnect`. Nest calls them without
 * looking at what comes back: a throw would be an uncaught exception, a rejection an unhandled one,
 * and either ends the process (nest #2028, #7212).
 */
export class HookContainment {
  readonly #pending = new Set<Promise<void>>();

  constructor(private readonly logger: Logger) {}

  /** Wraps the hooks of an instance. Nest must not have read them yet. */
  contain(gateway: Gateway): void {
    const instance = gateway.instance();
    if (instance === undefined) return;
    this.#wrap(instance, 'afterInit', gateway.name);
    this.#wrap(instance, 'handleConnection', gateway.name, (client) => {
      client.fail();
    });
    this.#wrap(instance, 'handleDisconnect', gateway.name);
  }

  /** Settles when every hook that runs now is done. */
  async idle(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }

  #wrap(
    instance: object,
    name: string,
    gateway: string,
    onFailure: (client: RealtimeConnection) => void = () => undefined,
  ): void {
    const original = Reflect.get(instance, name) as Hook | undefined;
    if (typeof original !== 'function' || contained.has(original)) return;
    const wrapped: Hook = (...args) => {
      const run = this.#run(`${gateway}.${name}`, () => original.apply(instance, args)).then(
        (ok) => {
          const [client] = args;
          if (!ok && client instanceof RealtimeConnection) onFailure(client as RealtimeConnection);
        },
      );
      this.#pending.add(run);
      void run.then(() => this.#pending.delete(run));
    };
    contained.add(wrapped);
    Object.defineProperty(instance, name, { value: wrapped, configurable: true, writable: true });
  }

  /** Whether the hook came to its end. The first part of it runs at once, as Nest's caller expects. */
  async #run(name: string, hook: () => unknown): Promise<boolean> {
    try {
      await hook();
      return true;
    } catch (error) {
      this.logger.error(`${name} failed`, errorText(error));
      return false;
    }
  }
}
