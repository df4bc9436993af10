import type { Logger } from '@nestjs/common';

import { RealtimeConnection } from '../connection/realtime-connection.js';
import { errorText } from '../error-text.js';
import type { Gateway } from './gateway-explorer.js';

type Hook = (...args: unknown[]) => unknown;

/** Marks a hook that is already contained, so that two apps with one instance or class do not wrap it twice. */
const contained = new WeakSet<Hook>();

/**
 * Wraps the gateways' `afterInit`, `handleConnection` and `handleDisconnect`. Nest calls them without
 * looking at what comes back: a throw would be an uncaught exception, a rejection an unhandled one,
 * and either ends the process (nest #2028, #7212).
 */
export class HookContainment {
  /** @param running hooks that run now. */
  constructor(
    private readonly logger: Logger,
    private readonly running: Set<Promise<void>>,
  ) {}

  /** Wraps the hooks of a gateway. Nest must not have read them yet. */
  contain(gateway: Gateway): void {
    const bound = gateway.bound();
    this.#wrap(bound, 'afterInit', gateway.name);
    // Instances of a request-scoped gateway are made later, from its prototype.
    const owner = gateway.isStatic ? bound : gateway.metatype.prototype;
    this.#wrap(owner, 'handleConnection', gateway.name, (client) => {
      client.fail();
    });
    this.#wrap(owner, 'handleDisconnect', gateway.name);
    if (!gateway.isStatic) standIn(bound, ['handleConnection', 'handleDisconnect']);
  }

  /** Settles when every hook that runs now is done. */
  async idle(): Promise<void> {
    while (this.running.size > 0) await Promise.all(this.running);
  }

  #wrap(
    owner: object,
    name: string,
    gateway: string,
    onFailure: (client: RealtimeConnection) => void = () => undefined,
  ): void {
    const original = Reflect.get(owner, name) as Hook | undefined;
    if (typeof original !== 'function' || contained.has(original)) return;
    const contain = (hook: () => unknown, client: unknown): void => {
      const isClient = client instanceof RealtimeConnection;
      const run = this.#run(`${gateway}.${name}`, hook).then((ok) => {
        if (!ok && isClient) onFailure(client as RealtimeConnection);
      });
      // A class may serve several applications: the client tells whose hook it is.
      const running = isClient ? client.runningHooks : this.running;
      running.add(run);
      void run.then(() => running.delete(run));
    };
    const wrapped = function (this: object, ...args: unknown[]): void {
      contain(() => original.apply(this, args), args[0]);
    };
    contained.add(wrapped);
    Object.defineProperty(owner, name, { value: wrapped, configurable: true, writable: true });
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

/**
 * Gives hooks to what stands for a request-scoped gateway that has none. They are never called; but for
 * a gateway without them Nest throws what kept it from making an instance where nobody can catch it.
 */
function standIn(bound: object, names: readonly string[]): void {
  for (const name of names) {
    if (name in bound) continue;
    Object.defineProperty(bound, name, { value: () => undefined, configurable: true });
  }
}
