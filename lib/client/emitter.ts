/** One registration. An object of its own, so that the same function may be registered twice. */
interface Registration {
  readonly handler: (...args: never) => unknown;
}

/** Calls a handler of the application's. What it throws or rejects with is reported and disturbs nobody else. */
export function callSafely<A extends readonly unknown[]>(
  report: (error: unknown) => void,
  handler: (...args: A) => unknown,
  ...args: A
): void {
  try {
    const result = handler(...args);
    if (result instanceof Promise) result.catch(report);
  } catch (error) {
    report(error);
  }
}

/**
 * Handlers by event name. `E` maps a name to the arguments its handlers get.
 *
 * Handlers run in the order of registration. One that is removed while an event is being told is
 * not called any more; one that is added meanwhile hears the next event. A handler that throws or
 * rejects is reported and disturbs nobody else.
 */
export class Emitter<E extends Record<keyof E, readonly unknown[]>> {
  // A Map: names come from the wire, and `__proto__` is a name like any other.
  readonly #byName = new Map<keyof E, Set<Registration>>();
  readonly #report: (error: unknown) => void;
  #size = 0;

  /** @param report gets what handlers throw. */
  constructor(report: (error: unknown) => void) {
    this.#report = report;
  }

  /** How many handlers there are. */
  get size(): number {
    return this.#size;
  }

  /** Whether anybody listens to an event. */
  has(name: keyof E): boolean {
    return !!this.#byName.get(name)?.size;
  }

  /** Registers a handler. The returned function removes it; calling that again does nothing. */
  on<K extends keyof E>(name: K, handler: (...args: E[K]) => unknown): () => void {
    const registration: Registration = { handler };
    const registrations = this.#byName.get(name) ?? new Set();
    this.#byName.set(name, registrations.add(registration));
    this.#size += 1;
    return () => {
      // The emptied set stays: there are as many as the application has names for events.
      if (registrations.delete(registration)) this.#size -= 1;
    };
  }

  /** Tells an event. Returns whether anybody listened. */
  emit<K extends keyof E>(name: K, ...args: E[K]): boolean {
    const registrations = this.#byName.get(name) ?? new Set();
    const present = [...registrations];
    for (const registration of present) {
      if (!registrations.has(registration)) continue;
      callSafely(this.#report, registration.handler as (...args: E[K]) => unknown, ...args);
    }
    return present.length > 0;
  }
}
